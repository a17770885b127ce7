import zlib

import pytest

from pipeline.measurement.size import file_size


def test_zeros_weigh_in_the_file_and_deflate_away(tmp_path):
    path = tmp_path / "zeros.tflite"
    path.write_bytes(bytes(10_000))
    assert file_size(path) == {"bytes": 10_000, "deflated_bytes": len(zlib.compress(bytes(10_000), 9))}
    assert file_size(path)["deflated_bytes"] < 50


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no model file"):
        file_size(tmp_path / "gone.tflite")

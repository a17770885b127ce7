import os

import pytest

from pipeline.engine import fingerprints
from pipeline.engine.artifact import digest_file
from pipeline.engine.fingerprints import source_digests

HOUR = 3_600_000_000_000


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "data.csv"
    write(path, "1,2,3")
    return path


def write(path, text, age=HOUR):
    path.write_text(text)
    changed = path.stat().st_mtime_ns - age
    os.utime(path, ns=(changed, changed))


@pytest.fixture
def read(monkeypatch):
    """The files that were read, in turn."""
    paths = []

    def digest(path):
        paths.append(path.name)
        return digest_file(path)

    monkeypatch.setattr(fingerprints, "digest_file", digest)
    return paths


def test_the_digest_is_that_of_the_content_under_the_name_that_counts(file, tmp_path):
    assert source_digests({"x": file}, tmp_path / "memory") == {"x": digest_file(file)}


def test_an_unchanged_file_is_read_once(file, tmp_path, read):
    first = source_digests({"x": file}, tmp_path / "memory")
    assert source_digests({"x": file}, tmp_path / "memory") == first
    assert read == ["data.csv"]


@pytest.mark.parametrize("text", ["1,2,4", "1,2,3,4"], ids=["same size", "another size"])
def test_a_changed_file_is_read_again(file, tmp_path, read, text):
    first = source_digests({"x": file}, tmp_path / "memory")
    write(file, text, age=HOUR // 2)
    assert source_digests({"x": file}, tmp_path / "memory") != first
    assert read == ["data.csv"] * 2


def test_a_file_written_just_now_is_not_remembered(file, tmp_path, read):
    write(file, "new", age=0)
    for _ in range(2):
        source_digests({"x": file}, tmp_path / "memory")
    assert read == ["data.csv"] * 2


def test_a_damaged_memory_is_made_anew(file, tmp_path):
    (tmp_path / "memory").write_text("no database" * 100)
    assert source_digests({"x": file}, tmp_path / "memory") == {"x": digest_file(file)}


def test_of_very_many_files_there_is_one_digest_that_depends_on_each(tmp_path):
    files = {}
    for number in range(60):
        path = tmp_path / f"{number}.txt"
        path.write_text(str(number))
        files[f"class/{number}.txt"] = path
    first = source_digests(files, tmp_path / "memory")
    assert list(first) == ["60 files"]
    files["class/59.txt"].write_text("changed")
    assert source_digests(files, tmp_path / "memory") != first


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        source_digests({"x": tmp_path / "none"}, tmp_path / "memory")

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from pipeline.data.dataset import PARTS
from pipeline.data.examples import FREE
from pipeline.data.sources.idx import IDX_NAMES, idx_files, load_idx

CLASSES = ("boot", "bag", "coat")
FASHION = Path("/usr/share/datasets/fashion-mnist")


def idx(array, magic=None):
    header = magic if magic is not None else bytes([0, 0, 8, array.ndim])
    return header + struct.pack(f">{array.ndim}I", *array.shape) + array.astype(np.uint8).tobytes()


IMAGES = np.arange(6 * 4 * 5).reshape(6, 4, 5)
LABELS = np.array([0, 1, 2, 0, 1, 2])
GOOD = dict(zip(IDX_NAMES, [idx(IMAGES), idx(LABELS), idx(IMAGES[:2] + 1), idx(LABELS[1:3])], strict=True))
TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS = IDX_NAMES


def write(folder, files, packed=False):
    for name, content in files.items():
        (folder / (f"{name}.gz" if packed else name)).write_bytes(gzip.compress(content) if packed else content)


@pytest.mark.parametrize("packed", [False, True])
def test_reads_images_labels_and_test_part(tmp_path, packed):
    write(tmp_path, GOOD, packed)
    images = load_idx(tmp_path, CLASSES)
    np.testing.assert_array_equal(images.features, np.concatenate([IMAGES, IMAGES[:2] + 1])[..., np.newaxis])
    np.testing.assert_array_equal(images.targets.values, [*LABELS, 1, 2])
    np.testing.assert_array_equal(images.placement.part, [FREE] * 6 + [PARTS.index("test")] * 2)
    assert (images.features.dtype, images.targets.values.dtype) == (np.uint8, np.int32)
    assert images.placement.part.dtype == np.int8
    assert (images.targets.task, images.targets.names, images.scale) == ("classification", CLASSES, 255.0)


BAD = {
    "magic": (TRAIN_IMAGES, idx(IMAGES, b"\0\1\x08\x03"), "magic number 0x00010803; accepted: 0x00000803"),
    "labels for images": (TRAIN_IMAGES, idx(LABELS) + bytes(9), "magic number 0x00000801; accepted: 0x00000803"),
    "data type": (TEST_LABELS, idx(LABELS[:2], b"\0\0\x0d\x01"), "data type 0x0d; accepted: 0x00000801"),
    "no header": (TRAIN_IMAGES, b"\0\0\x08\x03\0", "5 bytes; accepted: an IDX file, whose header has 16"),
    "empty": (TRAIN_LABELS, b"", "0 bytes; accepted: an IDX file, whose header has 8"),
    "missing bytes": (TRAIN_IMAGES, idx(IMAGES)[:-3], "3 bytes missing; accepted: 136 bytes in all"),
    "trailing bytes": (TEST_LABELS, idx(LABELS[:2]) + b"\0", "1 bytes too many; accepted: 10 bytes in all"),
    "count": (TRAIN_LABELS, idx(LABELS[:5]), "5 labels; accepted: 6, as train-images-idx3-ubyte has"),
    "no images": (TEST_IMAGES, idx(IMAGES[:0]), r"a header of \[0, 4, 5\]; accepted: 1 or more"),
    "other size": (TEST_IMAGES, idx(IMAGES[:2, :3]), "images of 3x5 pixels; accepted: 4x5"),
    "label": (TRAIN_LABELS, idx(np.array([0, 1, 7, 3, 1, 2])), r"label 7 of image 2 \(2 such.*accepted: 0 to 2"),
    "misnamed gzip": (TRAIN_LABELS, gzip.compress(idx(LABELS)), "holds gzip data"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_file_is_told_in_one_line(tmp_path, case):
    name, content, said = BAD[case]
    write(tmp_path, {**GOOD, name: content})
    with pytest.raises(ValueError, match=said) as caught:
        load_idx(tmp_path, CLASSES)
    assert str(caught.value).startswith(str(tmp_path / name))
    assert "\n" not in str(caught.value)


def test_damaged_gzip(tmp_path):
    write(tmp_path, GOOD, packed=True)
    file = tmp_path / f"{TRAIN_IMAGES}.gz"
    whole = file.read_bytes()
    for content, said in [
        (whole[:-10], "cut short"),
        (whole[:20] + b"\xff\xff" + whole[22:], "damaged or not gzip"),
        (idx(IMAGES), "damaged or not gzip"),
        (whole + b"more", "damaged or not gzip"),
    ]:
        file.write_bytes(content)
        with pytest.raises(ValueError, match=said) as caught:
            load_idx(tmp_path, CLASSES)
        assert "\n" not in str(caught.value)


def test_missing_and_ambiguous_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="missing train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k"):
        idx_files(tmp_path / "none")
    write(tmp_path, {name: GOOD[name] for name in IDX_NAMES[:3]})
    with pytest.raises(FileNotFoundError, match=f"^{tmp_path}: missing t10k-labels-idx1-ubyte; accepted"):
        idx_files(tmp_path)
    write(tmp_path, GOOD)
    assert idx_files(tmp_path) == [tmp_path / name for name in IDX_NAMES]
    write(tmp_path, {TRAIN_LABELS: GOOD[TRAIN_LABELS]}, packed=True)
    with pytest.raises(ValueError, match=r"holds both train-labels-idx1-ubyte and train-labels-idx1-ubyte\.gz"):
        idx_files(tmp_path)
    with pytest.raises(ValueError, match="is a file; accepted: the folder"):
        idx_files(tmp_path / TRAIN_LABELS)


@pytest.mark.parametrize("names", [("boot",), ("boot", "bag", "boot")])
def test_bad_class_names(tmp_path, names):
    write(tmp_path, GOOD)
    with pytest.raises(ValueError, match="accepted: two or more, each once"):
        load_idx(tmp_path, names)


@pytest.mark.skipif(not FASHION.is_dir(), reason="Fashion-MNIST isn't installed here")
def test_reads_fashion_mnist():
    images = load_idx(FASHION, [str(index) for index in range(10)])
    assert images.features.shape == (70000, 28, 28, 1)
    free = images.placement.part == FREE
    assert np.bincount(images.targets.values[free]).tolist() == [6000] * 10
    assert np.bincount(images.targets.values[~free]).tolist() == [1000] * 10
    assert images.features[free].mean() == pytest.approx(72.94, abs=0.01)

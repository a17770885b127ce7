"""MNIST-style data: four IDX files of unsigned bytes (format: http://yann.lecun.com/exdb/mnist, 1998)."""

import math
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.data.examples import Images, Targets
from pipeline.data.sources.files import open_bytes
from pipeline.data.sources.parts import placement

IDX_NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)

_UNSIGNED_BYTE = 0x08


def idx_files(folder: Path) -> list[Path]:
    """Returns the four files, gzipped or plain: training images and labels, then the test's.

    Raises:
        FileNotFoundError: When files are missing.
        ValueError: When the folder is a file, or holds a file both gzipped and plain.
    """
    if folder.is_file():
        raise ValueError(f"{folder}: is a file; accepted: the folder of the four IDX files")
    found = [[file for file in (folder / name, folder / f"{name}.gz") if file.is_file()] for name in IDX_NAMES]
    missing = [name for name, files in zip(IDX_NAMES, found, strict=True) if not files]
    if missing:
        raise FileNotFoundError(f"{folder}: missing {', '.join(missing)}; accepted: IDX files, plain or .gz")
    for files in found:
        if len(files) > 1:
            raise ValueError(f"{folder}: holds both {files[0].name} and {files[1].name}; accepted: one of them")
    return [file for files in found for file in files]


def load_idx(folder: Path, class_names: Sequence[str]) -> Images:
    """Reads the images as uint8 (n, h, w, 1), scale 255; those of the test files are placed in the test part.

    Args:
        folder: Holds the four files.
        class_names: The name of each label, from 0.

    Raises:
        FileNotFoundError: When files are missing.
        ValueError: When a file is damaged, or files or labels don't agree with each other.
    """
    if len(class_names) < 2 or len(set(class_names)) < len(class_names):
        raise ValueError(f"class names {list(class_names)}; accepted: two or more, each once")
    train_images, train_labels, test_images, test_labels = idx_files(folder)
    train, labels = _part(train_images, train_labels, len(class_names))
    test, labels_of_test = _part(test_images, test_labels, len(class_names))
    if test.shape[1:] != train.shape[1:]:
        raise ValueError(
            f"{test_images}: images of {_size(test)} pixels; accepted: {_size(train)}, as in {train_images.name}"
        )
    return Images(
        features=np.concatenate([train, test])[..., np.newaxis],
        targets=Targets(
            np.concatenate([labels, labels_of_test]).astype(np.int32), "classification", tuple(class_names)
        ),
        scale=255.0,
        placement=placement({"train": len(train), "test": len(test)}),
    )


def _size(images: np.ndarray) -> str:
    return "x".join(str(side) for side in images.shape[1:])


def _part(images_file: Path, labels_file: Path, classes: int) -> tuple[np.ndarray, np.ndarray]:
    images, labels = _read(images_file, 3), _read(labels_file, 1)
    if len(images) != len(labels):
        raise ValueError(f"{labels_file}: {len(labels)} labels; accepted: {len(images)}, as {images_file.name} has")
    wrong = np.flatnonzero(labels >= classes)
    if len(wrong):
        raise ValueError(
            f"{labels_file}: label {labels[wrong[0]]} of image {wrong[0]} ({len(wrong)} such labels in all); "
            f"accepted: 0 to {classes - 1}, for {classes} class names"
        )
    return images, labels


def _read(file: Path, dimensions: int) -> np.ndarray:
    with open_bytes(file) as stream:
        data = stream.read()
    start = 4 + 4 * dimensions
    expected = f"accepted: 0x0000{_UNSIGNED_BYTE:02x}{dimensions:02x}, unsigned bytes in {dimensions} dimension(s)"
    if data[:2] == b"\x1f\x8b":
        raise ValueError(f"{file}: holds gzip data; accepted: gzip data only in a file named .gz")
    if len(data) < start:
        raise ValueError(f"{file}: {len(data)} bytes; accepted: an IDX file, whose header has {start}")
    if data[:2] != b"\0\0" or data[3] != dimensions:
        raise ValueError(f"{file}: magic number 0x{data[:4].hex()}; {expected}")
    if data[2] != _UNSIGNED_BYTE:
        raise ValueError(f"{file}: magic number 0x{data[:4].hex()}, data type 0x{data[2]:02x}; {expected}")
    shape = struct.unpack(f">{dimensions}I", data[4:start])
    if 0 in shape:
        raise ValueError(f"{file}: a header of {list(shape)}; accepted: 1 or more in each dimension")
    size = start + math.prod(shape)
    if len(data) != size:
        what = f"{size - len(data)} bytes missing" if len(data) < size else f"{len(data) - size} bytes too many"
        raise ValueError(f"{file}: {what}; accepted: {size} bytes in all, for a header of {list(shape)}")
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)

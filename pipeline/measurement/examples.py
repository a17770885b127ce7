"""Test examples on their way from .npy files into a model's input tensor."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

_BLOCK = 256


def check_examples(features: Path, labels: Path) -> tuple[tuple[int, ...], np.ndarray]:
    """Reads the features' shape, and the labels.

    Args:
        features: Array of shape (examples, ...), integer or float.
        labels: Integer class of each example, of shape (examples,) or (examples, 1).

    Returns:
        The features' shape, and the labels of shape (examples,).

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If a file is not such an array, or the two disagree.
    """
    shape = _open(features).shape
    classes = np.array(_open(labels))
    if classes.ndim == 2 and classes.shape[1] == 1:
        classes = classes[:, 0]
    if classes.ndim != 1 or classes.dtype.kind not in "iu":
        raise ValueError(
            f"labels {labels} are {classes.dtype} of shape {classes.shape}: accepted are integer classes, (examples,)"
        )
    if not shape or shape[0] != len(classes) or not len(classes):
        raise ValueError(f"features {features} of shape {shape} do not match {len(classes)} labels in {labels}")
    return shape, classes


def read_examples(features: Path) -> Iterator[np.ndarray]:
    """Yields the examples one by one, each of shape (1, ...), in their stored dtype.

    Raises:
        ValueError: If an example holds NaN or infinity.
    """
    count = len(_open(features))
    for start in range(0, count, _BLOCK):
        # Mapped anew for each block: pages of one long mapping would add up in the peak memory being measured.
        block = np.array(_open(features)[start : start + _BLOCK])
        if not np.isfinite(block).all():
            raise ValueError(
                f"features {features} hold NaN or infinity in examples {start} to {start + len(block) - 1}"
            )
        for offset in range(len(block)):
            yield block[offset : offset + 1]


def encode(example: np.ndarray, details: dict[str, Any]) -> np.ndarray:
    """Casts an example to the dtype of a model's input, quantizing it where that input is quantized.

    An integer input with a scale takes clip(round(x / scale) + zero_point), which is the inverse of
    x = scale * (q - zero_point) in the TFLite 8-bit quantization specification.

    Args:
        example: One example, in the features' own dtype.
        details: The input's entry of `get_input_details()`.

    Raises:
        ValueError: If the input is an integer without a scale and the example does not fit in it.
    """
    dtype = np.dtype(details["dtype"])
    if dtype.kind == "f":
        return example.astype(dtype)
    if dtype.kind not in "iu":
        raise ValueError(f"model input {details['name']!r} is {dtype}: accepted are float and integer inputs")
    scale, zero_point = details["quantization"]
    limits = np.iinfo(dtype)
    if scale:
        quantized = np.round(example.astype(np.float64) / scale) + zero_point
        return np.clip(quantized, limits.min, limits.max).astype(dtype)
    if (example.dtype.kind == "f" and (example != np.trunc(example)).any()) or not (
        limits.min <= example.min() and example.max() <= limits.max
    ):
        raise ValueError(
            f"model input {details['name']!r} is {dtype} without a scale: features must be whole and fit it"
        )
    return example.astype(dtype)


def _open(path: Path) -> np.ndarray:
    if not path.is_file():
        raise FileNotFoundError(f"no array file at {path}: expected a .npy file")
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError) as error:
        raise ValueError(f"{path} is not a complete .npy file of numbers") from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "iufb":
        raise ValueError(f"{path} is not a .npy file of integers or floats")
    return array

"""Test examples on their way from .npy files into a model's input tensor."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

_BLOCK = 256

_LABELS: dict[str, tuple[str, Callable[[np.ndarray], bool]]] = {
    "classification": ("integer classes, (examples,)", lambda found: found.ndim == 1 and found.dtype.kind in "iu"),
    "regression": (
        "finite numbers, (examples,)",
        lambda found: found.ndim == 1 and found.dtype.kind in "iuf" and bool(np.isfinite(found).all()),
    ),
    "multi_label": (
        "0 and 1, (examples, labels)",
        lambda found: found.ndim == 2 and found.dtype.kind in "iub" and bool(np.isin(found, (0, 1)).all()),
    ),
}
"""What each task's labels are, in words and as a test."""


def check_examples(features: Path, labels: Path, task: str) -> tuple[tuple[int, ...], np.ndarray]:
    """Reads the features' shape, and the labels.

    Args:
        features: Array of shape (examples, ...), integer or float.
        labels: By task: the integer class of each example, the finite target of each, both of shape (examples,) or
            (examples, 1), or 0 and 1 for each label, (examples, labels).
        task: "classification", "regression" or "multi_label".

    Returns:
        The features' shape, and the labels of shape (examples,) or (examples, labels).

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If the task is unknown, a file is not such an array, or the two disagree.
    """
    if task not in _LABELS:
        raise ValueError(f"task={task!r} is unknown: accepted are {', '.join(_LABELS)}")
    shape = _open(features).shape
    found = np.array(_open(labels))
    if task != "multi_label" and found.ndim == 2 and found.shape[1] == 1:
        found = found[:, 0]
    accepted, fits = _LABELS[task]
    if not fits(found):
        raise ValueError(f"labels {labels} are {found.dtype} of shape {found.shape}: accepted are {accepted}")
    if not shape or shape[0] != len(found) or not len(found):
        raise ValueError(f"features {features} of shape {shape} do not match {len(found)} labels in {labels}")
    return shape, found


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


def decode(values: np.ndarray, details: dict[str, Any]) -> np.ndarray:
    """Scales a model's output back to the float32 numbers that it stands for, where it is quantized.

    Args:
        values: The output tensor.
        details: Its entry of `get_output_details()`.
    """
    scale, zero_point = details["quantization"]
    if values.dtype.kind not in "iu" or not scale:
        return values.astype(np.float32)
    return ((values.astype(np.float64) - zero_point) * scale).astype(np.float32)


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

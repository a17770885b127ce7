"""Narrower storage of features, lossless or within a stated tolerance."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from pipeline.data.dataset import Info, Split
from pipeline.data.encoding.quality import blocks, decibels
from pipeline.data.encoding.survey import Survey, as_columns, named, survey
from pipeline.data.encoding.targets import TARGETS, Target
from pipeline.data.hints import accepted, did_you_mean

Storage = Literal["auto", "float16", "bfloat16", "uint8", "integer"]


@dataclass(frozen=True)
class Loss:
    """What narrowing cost, measured on the decoded features.

    Attributes:
        dtype: What the features are stored in; the dtype they had when nothing narrower would do.
        largest: The largest absolute error, in the units of its column.
        relative: The largest error as a share of its column's range (of all pixels' range for images).
        psnr: In decibels, errors and peak taken relative to each column's range; inf when lossless.
    """

    dtype: str
    largest: float
    relative: float
    psnr: float


def narrow(split: Split, info: Info, *, dtype: Storage, tolerance: float = 0.0) -> tuple[Split, Loss]:
    """Returns a part with its features in a narrower type, and what that cost; labels are left, being small.

    A negative zero may lose its sign. Categorical codes stay exact whatever the tolerance.

    Args:
        split: Not yet narrowed.
        info: Says which columns are categorical.
        dtype: "integer" is the smallest integer type that holds every value; "uint8" stores an integer from 0 to 255
            with a scale and an offset, for each column of a table or for all images; "auto" takes the narrowest type
            within the tolerance, an exact one first, and leaves the features when there is none. bfloat16 is the
            upper half of a float32.
        tolerance: The largest error accepted, as a share of the column's range; 0 accepts no error.

    Raises:
        ValueError: When the type is unknown, no narrower, can't hold a value, or costs more than the tolerance.
    """
    _check(split, info, dtype, tolerance)
    seen = survey(split.features, info)
    if dtype != "auto":
        target = TARGETS[dtype](seen, info)
        if target.dtype == split.features.dtype:
            return split, _unchanged(split)
        _check_narrower(target.dtype, split.features.dtype)
        stored, errors, loss = _encode(split, info, seen, target)
        _check_loss(errors, seen, info, target.dtype, tolerance)
        return stored, loss
    for target in _candidates(split.features.dtype, seen, info):
        stored, errors, loss = _encode(split, info, seen, target)
        if not _too_far(errors, seen, info, tolerance).any():
            return stored, loss
    return split, _unchanged(split)


def _check(split: Split, info: Info, dtype: str, tolerance: float) -> None:
    names = get_args(Storage)
    if dtype not in names:
        raise ValueError(f"dtype {dtype!r}; {accepted(names)}{did_you_mean(str(dtype), names)}")
    if not 0 <= tolerance < 1:
        raise ValueError(f"tolerance {tolerance}; accepted: 0 or more and less than 1, a share of a column's range")
    if split.affine is not None:
        raise ValueError(f"features are narrowed to {split.features.dtype} already; accepted: the original ones")
    if split.features.shape[1:] != info.feature_shape:
        raise ValueError(f"features of shape {split.features.shape[1:]}; accepted: {info.feature_shape}")


def _check_narrower(target: np.dtype, original: np.dtype) -> None:
    if target.itemsize >= original.itemsize:
        raise ValueError(
            f"features are {original}, and {target} is no narrower; accepted: a type of less than "
            f"{original.itemsize} byte(s), or auto"
        )


def _candidates(original: np.dtype, seen: Survey, info: Info) -> list[Target]:
    found = []
    for choose in TARGETS.values():
        try:
            found.append(choose(seen, info))
        except ValueError:
            continue
    # The sort is stable, so that of two types of one size the exact integer is tried first.
    return sorted((each for each in found if each.dtype.itemsize < original.itemsize), key=lambda t: t.dtype.itemsize)


def _encode(split: Split, info: Info, seen: Survey, target: Target) -> tuple[Split, np.ndarray, Loss]:
    """Returns the narrowed part, the largest absolute error of each column, and the loss."""
    features = np.empty(split.features.shape, target.dtype)
    errors, squares = np.zeros_like(seen.low), 0.0
    for block in blocks(features):
        original = split.features[block]
        features[block] = _stored(original, target)
        with np.errstate(over="ignore"):
            decoded = Split(features[block], split.labels[block], target.affine).decoded(slice(None))
        error = np.abs(as_columns(decoded, info) - as_columns(original, info))
        errors = np.maximum(errors, error.max(axis=0))
        squares += float(np.square(error / seen.span).sum())
    loss = Loss(
        dtype=target.dtype.name,
        largest=float(errors.max()),
        relative=float((errors / seen.span).max()),
        psnr=decibels(squares / features.size, 1.0),
    )
    return Split(features, split.labels, target.affine), errors, loss


def _stored(features: np.ndarray, target: Target) -> np.ndarray:
    if target.affine is None:
        return features.astype(target.dtype)
    scale, offset = (each.astype(np.float64) for each in (target.affine.scale, target.affine.offset))
    return np.clip(np.rint((features.astype(np.float64) - offset) / scale), 0, 255).astype(target.dtype)


def _too_far(errors: np.ndarray, seen: Survey, info: Info, tolerance: float) -> np.ndarray:
    codes = np.array([column.kind == "categorical" for column in info.columns] or [False])
    return errors > np.where(codes, 0.0, tolerance * seen.span)


def _check_loss(errors: np.ndarray, seen: Survey, info: Info, dtype: np.dtype, tolerance: float) -> None:
    far = _too_far(errors, seen, info, tolerance)
    if not far.any():
        return
    relative = np.where(far, errors / seen.span, -math.inf)
    for column in np.flatnonzero(far):
        if info.columns and info.columns[column].kind == "categorical":
            raise ValueError(
                f"{named(info, column)} holds codes up to {seen.high[column]:g}, which {dtype} would change; "
                "accepted: a type that holds every code, such as auto finds"
            )
    column = int(relative.argmax())
    raise ValueError(
        f"{named(info, column)} loses up to {relative[column]:.3g} of its range in {dtype}; accepted: at most the "
        f"tolerance, {tolerance:g}"
    )


def _unchanged(split: Split) -> Loss:
    return Loss(split.features.dtype.name, 0.0, 0.0, math.inf)

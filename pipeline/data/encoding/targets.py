"""The types that features can be narrowed to: which one of each family holds what the columns span."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pipeline.data.dataset import Affine, Info
from pipeline.data.encoding.survey import Survey, named

_INTEGERS = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64")


@dataclass(frozen=True, eq=False)
class Target:
    """What features are to be stored in."""

    dtype: np.dtype
    affine: Affine | None = None


def _integer(seen: Survey, info: Info) -> Target:
    broken = np.flatnonzero(seen.fraction >= 0)
    if len(broken):
        column = int(broken[seen.fraction[broken].argmin()])
        raise ValueError(
            f"example {seen.fraction[column]}: {named(info, column)} holds a number that isn't whole; "
            "accepted: whole numbers for integer, or float16, bfloat16, uint8 or auto"
        )
    low, high = seen.low.min(), seen.high.max()
    for name in _INTEGERS:
        if np.iinfo(name).min <= low and high <= np.iinfo(name).max:
            return Target(np.dtype(name))
    raise ValueError(f"features span {low} to {high}; accepted: what a 64-bit integer holds")


def _bytes(seen: Survey, info: Info) -> Target:
    span = seen.high - seen.low
    step = (span / 255).astype(np.float32)
    # Whole numbers that fit are stored as they are, less the offset, and so are exact; a constant's step would be 0.
    scale = np.where(((seen.fraction < 0) & (span <= 255)) | (step == 0), np.float32(1), step)
    offset = seen.low.astype(np.float32)
    shape = info.feature_shape if info.kind == "table" else ()
    return Target(np.dtype(np.uint8), Affine(scale.reshape(shape), offset.reshape(shape)))


def _floating(name: str) -> Callable[[Survey, Info], Target]:
    def choose(seen: Survey, info: Info) -> Target:
        import ml_dtypes

        dtype = np.dtype(ml_dtypes.bfloat16 if name == "bfloat16" else name)
        for extreme in (seen.high, seen.low):
            with np.errstate(over="ignore"):
                outside = np.flatnonzero(~np.isfinite(extreme.astype(dtype).astype(np.float64)))
            if len(outside):
                column = int(outside[0])
                raise ValueError(
                    f"{named(info, column)} reaches {extreme[column]:g}; accepted: up to "
                    f"{float(ml_dtypes.finfo(dtype).max):g} for {name}"
                )
        return Target(dtype)

    return choose


TARGETS: dict[str, Callable[[Survey, Info], Target]] = {
    "integer": _integer,
    "uint8": _bytes,
    "float16": _floating("float16"),
    "bfloat16": _floating("bfloat16"),
}

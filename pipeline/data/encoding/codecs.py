"""One image at a time to bytes and back: JPEG (ITU-T T.81), PNG (ISO/IEC 15948) and WebP (RFC 9649), through Pillow."""

import io
from collections.abc import Callable
from typing import Any, Literal, get_args

import numpy as np

from pipeline.data.dataset import Info, Split
from pipeline.data.hints import accepted, did_you_mean

Codec = Literal["raw", "jpeg", "png", "webp"]

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_CHANNELS = {"jpeg": (1, 3), "png": (1, 3, 4), "webp": (1, 3, 4)}


def is_lossy(codec: str, quality: int | None) -> bool:
    """Returns whether decoding gives other pixels than were encoded."""
    return codec == "jpeg" or (codec == "webp" and quality is not None)


def check_codec(split: Split, info: Info, codec: str, quality: int | None) -> None:
    """Raises ValueError when a codec can't store a part's features, or its quality makes no sense."""
    names = get_args(Codec)
    if codec not in names:
        raise ValueError(f"codec {codec!r}; {accepted(names)}{did_you_mean(str(codec), names)}")
    _check_quality(codec, quality)
    if codec == "raw":
        return
    if info.kind != "image" or split.features.dtype != np.uint8:
        raise ValueError(f"codec {codec}: features are {split.features.dtype} {info.kind}s; accepted: uint8 images")
    channels = split.features.shape[-1]
    if channels not in _CHANNELS[codec]:
        raise ValueError(
            f"codec {codec}: images have {channels} channels; accepted: {', '.join(map(str, _CHANNELS[codec]))}"
        )
    # Lossy codecs are made for 0 to 255: in a range of 0 to 16 they would round most of the picture away.
    if is_lossy(codec, quality) and split.affine is None and info.scale != 255:
        raise ValueError(
            f"codec {codec}: images of scale {info.scale:g}; accepted: 255, or a lossless codec, raw or png"
        )


def _check_quality(codec: str, quality: int | None) -> None:
    if codec in ("raw", "png"):
        if quality is not None:
            raise ValueError(f"quality {quality}: codec {codec} is lossless and has none; accepted: null")
        return
    whole = isinstance(quality, int) and not isinstance(quality, bool)
    if codec == "webp" and quality is None:
        return
    if not whole or not 1 <= quality <= 100:  # type: ignore[operator]
        or_lossless = ", or null for lossless" if codec == "webp" else ""
        raise ValueError(f"quality {quality} for codec {codec}; accepted: a whole number, 1 to 100{or_lossless}")


def encoder(codec: str, quality: int | None) -> Callable[[np.ndarray], bytes]:
    """Returns a function from an image, uint8 of shape (h, w, c), to a file's bytes, which depend on nothing else."""
    from PIL import Image

    options: dict[str, Any]
    if codec == "webp" and quality is None:
        # Without `exact`, the colour of fully transparent pixels would be lost.
        options = {"format": "webp", "lossless": True, "exact": True}
    elif codec == "png":
        options = {"format": "png"}
    else:
        options = {"format": codec, "quality": quality}

    def encode(image: np.ndarray) -> bytes:
        file = io.BytesIO()
        try:
            Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(file, **options)
        except (OSError, ValueError) as error:
            raise ValueError(f"an image of shape {image.shape} can't be written as {codec} ({error})") from error
        return file.getvalue()

    return encode


def decode_image(data: bytes, channels: int) -> np.ndarray:
    """Returns the image in a file's bytes, uint8 of shape (h, w, channels).

    Raises:
        ValueError: When they aren't a whole image.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as image:
            pixels = np.asarray(image.convert(_MODES[channels]))
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(" ".join(str(error).split())) from error
    return pixels.reshape(*pixels.shape[:2], channels)

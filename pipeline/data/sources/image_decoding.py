"""Encoded images made pixels, many at a time, in the order in which they come."""

import io
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from pipeline.data.examples import Skipped

if TYPE_CHECKING:
    from PIL import Image

OnError = Literal["raise", "skip"]

_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF")
_ACCEPTED = "accepted: JPEG, PNG, WebP, BMP or GIF"
_BLOCK = 256
_THREADS = 8


@dataclass(frozen=True)
class Encoded:
    """An image as it was found.

    Attributes:
        where: The file, and where known the record, for messages.
        content: The file, or its bytes.
    """

    where: str
    content: Path | bytes


def decode_all(
    images: Iterable[Encoded],
    *,
    size: tuple[int, int],
    channels: int,
    on_error: OnError,
    expected: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[np.ndarray, np.ndarray, list[Skipped]]:
    """Returns the pixels, uint8 of shape (n, h, w, c), the index of each image that was kept, and those skipped.

    The EXIF orientation is applied, transparency laid over white, 16 bits a channel made 8, an animation's first frame
    taken, and what has another size stretched to `size` (bilinear, over all the pixels that one shrinks to).

    Args:
        images: Read a block at a time.
        size: Height and width.
        channels: 1 for grey, 3 for RGB.
        on_error: "skip" leaves unreadable images out.
        expected: How many there are, as far as known.
        on_progress: Called with how many are done, of how many expected.

    Raises:
        ValueError: On a bad argument, on the first unreadable image, or when none is readable.
    """
    check_target(size, channels, on_error)
    pixels = np.empty((expected or _BLOCK, *size, channels), np.uint8)
    kept: list[int] = []
    skipped: list[Skipped] = []
    stream = iter(images)
    done = 0
    with _pillow_warnings(), ThreadPoolExecutor(_THREADS) as pool:
        while block := list(islice(stream, _BLOCK)):
            for image, result in zip(block, pool.map(lambda each: _attempt(each, size, channels), block), strict=True):
                if isinstance(result, str):
                    if on_error == "raise":
                        raise ValueError(f"{image.where}: {result}")
                    skipped.append(Skipped(image.where, result))
                else:
                    if len(kept) == len(pixels):
                        # In place, where a concatenation would hold everything twice.
                        pixels.resize((2 * len(pixels), *pixels.shape[1:]), refcheck=False)
                    pixels[len(kept)] = result
                    kept.append(done)
                done += 1
                if on_progress is not None:
                    on_progress(done, max(done, expected))
    if not kept:
        reason = f"{skipped[0].where}: {skipped[0].why}; and none of {done} images is readable" if done else "no image"
        raise ValueError(f"{reason}; accepted: one or more")
    pixels.resize((len(kept), *pixels.shape[1:]), refcheck=False)
    return pixels, np.array(kept), skipped


def check_target(size: tuple[int, int], channels: int, on_error: str) -> None:
    """Raises ValueError when images can't be decoded to this."""
    if len(size) != 2 or not all(isinstance(side, int) and side >= 1 for side in size):
        raise ValueError(f"size {size!r} of images; accepted: height and width, 1 or more each")
    if channels not in (1, 3):
        raise ValueError(f"channels {channels!r} of images; accepted: 1 for grey, 3 for RGB")
    if on_error not in ("raise", "skip"):
        raise ValueError(f"on_error {on_error!r}; accepted: raise, skip")


@contextmanager
def _pillow_warnings() -> Iterator[None]:
    from PIL import Image

    # Once around all threads, since Python's warning filters are the whole process's.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")  # EXIF that can't be read
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def _attempt(image: Encoded, size: tuple[int, int], channels: int) -> np.ndarray | str:
    """Returns the pixels, or why there are none."""
    from PIL import Image, UnidentifiedImageError

    content = image.content if isinstance(image.content, Path) else io.BytesIO(image.content)
    try:
        with Image.open(content, formats=_FORMATS) as opened:
            return _pixels(opened, size, channels)
    except UnidentifiedImageError:
        return f"isn't an image that can be read; {_ACCEPTED}"
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return f"is more than {Image.MAX_IMAGE_PIXELS} pixels, as a decompression bomb is; accepted: smaller images"
    except OSError as error:
        if error.strerror:
            return f"can't be opened ({error.strerror}); accepted: a file that can be read"
        return _damaged(error)
    except Exception as error:
        # Pillow's decoders let nearly any exception out of a damaged file.
        return _damaged(error)


def _damaged(error: Exception) -> str:
    return f"damaged or cut short ({' '.join(str(error).split()) or type(error).__name__}); {_ACCEPTED}, whole"


def _pixels(image: "Image.Image", size: tuple[int, int], channels: int) -> np.ndarray:
    from PIL import Image

    image.load()
    image = _converted(_upright(image), channels)
    if image.size != size[::-1]:
        image = image.resize(size[::-1], Image.Resampling.BILINEAR)
    return np.asarray(image).reshape(*size, channels)


def _upright(image: "Image.Image") -> "Image.Image":
    from PIL import ImageOps

    try:
        return ImageOps.exif_transpose(image)
    except Exception:
        # Pillow lets nearly any exception out of damaged EXIF data, which then says nothing of the orientation.
        return image


def _converted(image: "Image.Image", channels: int) -> "Image.Image":
    from PIL import Image

    if image.mode.startswith("I;16"):
        # Pillow itself would clip at 255.
        image = Image.fromarray(((np.asarray(image).astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8))
    if image.has_transparency_data:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    if image.mode not in ("1", "L"):
        image = image.convert("RGB")
    return image.convert("L" if channels == 1 else "RGB")

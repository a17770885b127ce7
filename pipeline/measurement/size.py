"""What a model file weighs, as it is and as it travels."""

import zlib
from pathlib import Path


def file_size(path: Path) -> dict[str, int]:
    """Measures a file in bytes, raw and deflated.

    Deflated bytes are what pruning and weight sharing shrink: zeros and repeated values still occupy the raw file.

    Args:
        path: The exported model.

    Returns:
        `bytes`, the file's length, and `deflated_bytes`, its length under zlib level 9 (RFC 1950).

    Raises:
        FileNotFoundError: If there is no such file.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no model file at {path}: expected an exported .tflite file")
    content = path.read_bytes()
    return {"bytes": len(content), "deflated_bytes": len(zlib.compress(content, 9))}

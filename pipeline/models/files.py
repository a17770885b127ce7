"""Keras models as files whose bytes depend on the model alone."""

import hashlib
import json
import zipfile
from pathlib import Path

from pipeline.keras import keras

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest date that a zip archive can hold; stands for every member's."""


def save_model(model: keras.Model, path: Path) -> None:
    """Saves architecture and weights in the `.keras` format, without an optimizer.

    The format stores the date twice; both are set to a constant, so that equal models give equal files.

    Args:
        model: A functional or sequential model.
        path: The file, ending in `.keras`.
    """
    plain = model.__class__.from_config(model.get_config())
    plain.set_weights(model.get_weights())
    raw = path.with_name("raw.keras")
    plain.save(raw)
    with zipfile.ZipFile(raw) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as target:
        for name in sorted(source.namelist()):
            content = source.read(name)
            if name == "metadata.json":
                content = json.dumps({**json.loads(content), "date_saved": "1980-01-01@00:00:00"}).encode()
            target.writestr(zipfile.ZipInfo(name, EPOCH), content)
    raw.unlink()


def load_model(path: Path) -> keras.Model:
    """Loads a `.keras` file in Keras's safe mode, which refuses code such as a Lambda layer.

    Raises:
        ValueError: If the file is not a Keras model, or holds code.
    """
    try:
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:
        raise ValueError(f"{path.name}: not a model that can be loaded safely: {error}") from error


def weights_digest(model: keras.Model) -> str:
    """Returns the SHA-256 over all weights in order, as hex digits."""
    sha = hashlib.sha256()
    for weights in model.get_weights():
        sha.update(weights.tobytes())
    return sha.hexdigest()

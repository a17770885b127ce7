"""Keras models as files whose bytes depend on the model alone."""

import hashlib
import json
import re
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pipeline.keras import keras

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest date that a zip archive can hold; stands for every member's."""

KERAS = ("keras", "tf_keras")
"""The packages whose classes a model file may name."""

CALLS = ("TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer", "ClassMethod", "InstanceMethod")
"""Keras's layers that call by name whatever TensorFlow has, such as `io.write_file`, and do so while a file loads."""

PURE = re.compile(
    r"(math|nn|linalg|__operators__)\.\w+"
    r"|(compat\.v1\.)?(cast|concat|expand_dims|gather|one_hot|pad|reshape|shape|split|squeeze|stack|tile|transpose)"
)
"""Functions of TensorFlow that do nothing but compute."""


def save_model(model: keras.Model, path: Path) -> None:
    """Saves architecture and weights in the `.keras` format, without an optimizer.

    The format stores the date twice; both are set to a constant, so that equal models give equal files.

    Args:
        model: A functional or sequential model.
        path: The file, ending in `.keras`.
    """
    plain = model.__class__.from_config(model.get_config())
    plain.set_weights(model.get_weights())
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        raw = Path(folder, "raw.keras")
        plain.save(raw)
        with zipfile.ZipFile(raw) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as target:
            for name in sorted(source.namelist()):
                content = source.read(name)
                if name == "metadata.json":
                    content = json.dumps({**json.loads(content), "date_saved": "1980-01-01@00:00:00"}).encode()
                target.writestr(zipfile.ZipInfo(name, EPOCH), content)


def load_model(path: Path) -> keras.Model:
    """Loads a `.keras` file made of Keras's own layers, and refuses whatever could run code while it loads.

    Keras's safe mode alone does not do: it covers neither HDF5 files and folders, which Keras takes under any name,
    nor functions of any Python module that a file may name.

    Raises:
        ValueError: If the file is not such a model, or is damaged.
    """
    if path.suffix != ".keras" or not zipfile.is_zipfile(path):
        what = "not a .keras file" if path.exists() else "no such file"
        raise ValueError(f"{path.name}: {what}; accepted: a model saved in the .keras format")
    try:
        with zipfile.ZipFile(path) as archive:
            foreign = foreign_parts(json.loads(archive.read("config.json")))
            version = json.loads(archive.read("metadata.json"))["keras_version"]
        if not foreign and version.startswith("2."):
            return keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises errors of many types on a damaged file
        raise ValueError(f"{path.name}: can't be loaded: {' '.join(str(error).split())}") from error
    if foreign:
        raise refusal(path.name, foreign)
    raise ValueError(
        f"{path.name}: saved by Keras {version}, which Keras 2 can't read; accepted: a file that tf_keras saved"
    )


def foreign_parts(config: Any) -> list[str]:
    """Returns what in a model's configuration, as Keras writes it, is not a class of Keras."""
    return sorted(set(_foreign(config)))


def refusal(name: str, foreign: Sequence[str]) -> ValueError:
    """Returns the error about a model that holds such parts."""
    return ValueError(
        f"{name}: refused, because {', '.join(foreign)} may run code; accepted: Keras's own layers, no Lambda "
        "layer and no pickled code"
    )


def _foreign(config: Any) -> Iterator[str]:
    """Yields what in a model's configuration is not a class of Keras."""
    if isinstance(config, dict):
        module, name = config.get("module"), config.get("class_name")
        if name in ("Lambda", "__lambda__"):
            yield "a Lambda layer"
        elif name == "function":
            yield f"the function {config.get('config')}"
        elif name in CALLS and not (name in CALLS[:2] and PURE.fullmatch(_called(config))):
            yield f"{name} of {_called(config)}"
        elif name and module and str(module).partition(".")[0] not in KERAS:
            yield f"{module}.{name}"
    for value in config.values() if isinstance(config, dict) else config if isinstance(config, list) else ():
        yield from _foreign(value)


def _called(layer: dict[str, Any]) -> str:
    config = layer.get("config")
    return str(config.get("function", "an operation")) if isinstance(config, dict) else "nothing"


def weights_digest(model: keras.Model) -> str:
    """Returns the SHA-256 over all weights in order, as hex digits."""
    sha = hashlib.sha256()
    for weights in model.get_weights():
        sha.update(weights.tobytes())
    return sha.hexdigest()

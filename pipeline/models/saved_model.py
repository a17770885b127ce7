"""A user's Keras model in TensorFlow's SavedModel format."""

import json
from pathlib import Path
from typing import Any

from pipeline.keras import keras
from pipeline.models.files import foreign_parts, refusal
from pipeline.models.own_files import METADATA, saved_model_files

MODELS = {"_tf_keras_sequential": keras.Sequential, "_tf_keras_network": keras.Model}
"""By what the file calls them; a subclassed model is called `_tf_keras_model`."""


def load_saved_model(folder: Path) -> keras.Model:
    """Loads a functional or sequential model made of Keras's own layers.

    The model is built from its description and given the saved weights. The saved graph, whose operations could touch
    files, is neither loaded nor run.

    Raises:
        ValueError: If the folder is not such a model, or is damaged.
    """
    saved_model_files(folder)
    identifier, config = _described(folder)
    if identifier not in MODELS:
        raise ValueError(f"{folder.name}: not a functional or sequential model; accepted: one of these, not subclassed")
    if foreign := foreign_parts(config):
        raise refusal(folder.name, foreign)
    try:
        model = MODELS[identifier].from_config(config)
        status = model.load_weights(str(folder / "variables" / "variables"))
        status.assert_existing_objects_matched()
        status.expect_partial()  # the state of an optimizer is left behind
    except Exception as error:  # Keras raises errors of many types on a damaged file
        raise _damaged(folder, error) from error
    return model


def _described(folder: Path) -> tuple[str, Any]:
    """Returns what kind of object was saved, and its configuration."""
    try:
        saved = keras.protobuf.saved_metadata_pb2.SavedMetadata.FromString((folder / METADATA).read_bytes())
        root = next(node for node in saved.nodes if node.node_path == "root")
        return root.identifier, json.loads(root.metadata, object_hook=_plain).get("config")
    except Exception as error:  # what protobuf raises depends on its implementation
        raise _damaged(folder, error) from error


def _damaged(folder: Path, error: Exception) -> ValueError:
    said = " ".join(str(error).split()) or type(error).__name__
    return ValueError(f"{folder.name}: can't be loaded: {said.partition('. ')[0]}")


def _plain(found: dict[str, Any]) -> Any:
    """Undoes how this format writes what JSON does not have."""
    match found.get("class_name"):
        case "__tuple__":
            return tuple(found["items"])
        case "TensorShape":
            return tuple(found["items"])
        case _:
            return found

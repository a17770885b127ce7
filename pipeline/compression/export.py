"""Exported forms of a Keras model, and the check that each computes what the model computes."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from pipeline.compression.converter import converter_of, inference
from pipeline.compression.serving import ColumnLike, Encoder, argument_specs
from pipeline.keras import keras, tf

BATCH = 256
FUNCTION = re.compile(r"__(?:inference|forward|backward)_[A-Za-z0-9_/.<>]*?_(\d+)\b")
CONTROL_FLOW = re.compile(r"(?:while(?:_\d+)?_(?:body|cond)|cond(?:_\d+)?_(?:true|false))_(\d+)")
CAPTURE = re.compile(r'(?<=s: ")\d+(?=")')
LOOKUP = re.compile(r"embedding_lookup[/_](\d+)\b")


def to_tflite(model: keras.Model, *, sparse: bool = False) -> bytes:
    """Returns a model as a float32 TFLite file; `sparse` leaves zeros out of it where that saves bytes."""
    with converter_of(model) as converter:
        if sparse:
            converter.optimizations = [tf.lite.Optimize.EXPERIMENTAL_SPARSITY]
        return bytes(converter.convert())


def to_saved_model(
    model: keras.Model, folder: Path, columns: Sequence[ColumnLike] = (), *, output: str = "logits"
) -> None:
    """Writes a model as a SavedModel whose signatures take any batch size and return `{output: ...}`.

    Without columns there is one, `serving_default(features)`. A table's `serving_default` takes raw columns, one
    argument each, named by `argument_names`: float32 of shape (n,), NaN where a value is missing, or string of shape
    (n,), empty where it is missing. A missing value becomes the column's fill, a text that the vocabulary doesn't have
    code 0. Its second signature, `features`, takes the encoded matrix, as the TFLite file does.

    TensorFlow numbers functions by how many the process has made before and adds a random fingerprint; both are made
    a function of the model, so that equal models give equal files. Only LSTM and GRU layers, into whose graph Keras
    writes a random identifier, give other bytes each time.

    Args:
        model: A model with one input and one output.
        folder: Where it is written.
        columns: Of a table, in the order of the matrix that the model takes.
        output: The name of the output.

    Raises:
        ValueError: If the model does not take that many columns.
    """
    features = tf.TensorSpec([None, *model.input_shape[1:]], tf.float32, name="features")
    module, serve = inference(model, features, output)
    signatures = {"serving_default": serve}
    if columns:
        if tuple(model.input_shape[1:]) != (len(columns),):
            raise ValueError(f"{len(columns)} columns for a model that takes {model.input_shape[1:]}")
        module.encoder = encoder = Encoder(columns)

        @tf.function(input_signature=argument_specs(columns))
        def serve_raw(*values: tf.Tensor) -> dict[str, tf.Tensor]:
            return {output: model(encoder(values), training=False)}

        signatures = {"serving_default": serve_raw, "features": serve}
    tf.saved_model.save(module, str(folder), signatures=signatures)
    _renumber(folder / "saved_model.pb")
    (folder / "fingerprint.pb").unlink()


def _renumber(path: Path) -> None:
    from google.protobuf import text_format
    from tensorflow.core.protobuf import saved_model_pb2

    text = text_format.MessageToString(saved_model_pb2.SavedModel.FromString(path.read_bytes()))
    for pattern, group in ((FUNCTION, 1), (CONTROL_FLOW, 1), (CAPTURE, 0), (LOOKUP, 1)):
        numbers = sorted({int(found[group]) for found in pattern.finditer(text)})
        rank = {number: f"{place:04d}" for place, number in enumerate(numbers)}

        def ranked(found: re.Match[str], group: int = group, rank: dict[int, str] = rank) -> str:
            return found[0][: found.start(group) - found.start()] + rank[int(found[group])]

        text = pattern.sub(ranked, text)
    saved = text_format.Parse(text, saved_model_pb2.SavedModel())
    for graph in saved.meta_graphs:
        functions = sorted(graph.graph_def.library.function, key=lambda function: function.signature.name)
        del graph.graph_def.library.function[:]
        graph.graph_def.library.function.extend(functions)
    path.write_bytes(saved.SerializeToString(deterministic=True))


def keras_outputs(model: keras.Model, features: np.ndarray) -> np.ndarray:
    """Returns a model's outputs for a batch of raw features."""
    batches = [features[at : at + BATCH].astype(np.float32) for at in range(0, len(features), BATCH)]
    return np.concatenate([model(batch, training=False).numpy() for batch in batches])


def saved_model_outputs(folder: Path, features: np.ndarray) -> np.ndarray:
    """Returns a SavedModel's outputs for a batch of features, of a table the encoded ones."""
    signatures = tf.saved_model.load(str(folder)).signatures
    serve = signatures["features" if "features" in signatures else "serving_default"]
    (outputs,) = serve(features=tf.constant(features.astype(np.float32))).values()
    return outputs.numpy()


def raw_outputs(folder: Path, columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """Returns a SavedModel's outputs for raw columns, each of shape (n,).

    Args:
        folder: The SavedModel of a table.
        columns: Numbers or texts by argument name.

    Raises:
        ValueError: If they are not the arguments that it takes.
    """
    serve = tf.saved_model.load(str(folder)).signatures["serving_default"]
    specs = serve.structured_input_signature[1]
    if set(columns) != set(specs):
        raise ValueError(f"columns {', '.join(sorted(columns))}; accepted: {', '.join(sorted(specs))}")
    values = {name: tf.constant(np.asarray(columns[name]).tolist(), spec.dtype) for name, spec in specs.items()}
    (outputs,) = serve(**values).values()
    return outputs.numpy()

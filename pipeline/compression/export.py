"""Exported forms of a Keras model, and the check that each computes what the model computes."""

import re
from pathlib import Path

import numpy as np

from pipeline.keras import keras, tf

BATCH = 256
FUNCTION = re.compile(r"__(?:inference|forward|backward)_[A-Za-z0-9_/.<>]*?_(\d+)\b")
CONTROL_FLOW = re.compile(r"(?:while(?:_\d+)?_(?:body|cond)|cond(?:_\d+)?_(?:true|false))_(\d+)")
CAPTURE = re.compile(r'(?<=s: ")\d+(?=")')


def to_tflite(model: keras.Model) -> bytes:
    """Returns a model as a float32 TFLite file."""
    return bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())


def to_saved_model(model: keras.Model, folder: Path) -> None:
    """Writes a model as a SavedModel with one signature, `serving_default(features)`, for any batch size.

    TensorFlow numbers functions by how many the process has made before and adds a random fingerprint; both are made
    a function of the model, so that equal models give equal files. Only LSTM and GRU layers, into whose graph Keras
    writes a random identifier, give other bytes each time.
    """
    spec = tf.TensorSpec([None, *model.input_shape[1:]], tf.float32, name="features")

    @tf.function(input_signature=[spec])
    def serve(features: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"logits": model(features, training=False)}

    module = tf.Module()
    module.weights = list(model.variables)
    tf.saved_model.save(module, str(folder), signatures={"serving_default": serve})
    _renumber(folder / "saved_model.pb")
    (folder / "fingerprint.pb").unlink()


def _renumber(path: Path) -> None:
    from google.protobuf import text_format
    from tensorflow.core.protobuf import saved_model_pb2

    text = text_format.MessageToString(saved_model_pb2.SavedModel.FromString(path.read_bytes()))
    for pattern, group in ((FUNCTION, 1), (CONTROL_FLOW, 1), (CAPTURE, 0)):
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
    """Returns a SavedModel's outputs for a batch of raw features."""
    serve = tf.saved_model.load(str(folder)).signatures["serving_default"]
    return serve(features=tf.constant(features.astype(np.float32)))["logits"].numpy()


def tflite_outputs(path: Path, features: np.ndarray) -> np.ndarray:
    """Returns a TFLite file's outputs for a batch of raw features, one by one, integers scaled back to floats."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    given, made = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    outputs = []
    for example in features:
        interpreter.set_tensor(given["index"], _to(given, example[np.newaxis]))
        interpreter.invoke()
        outputs.append(_back(made, interpreter.get_tensor(made["index"]))[0])
    return np.stack(outputs)


def _to(details: dict, values: np.ndarray) -> np.ndarray:
    if not np.issubdtype(details["dtype"], np.integer):
        return values.astype(details["dtype"])
    scale, zero = details["quantization"]
    limits = np.iinfo(details["dtype"])
    return np.clip(np.round(values / scale + zero), limits.min, limits.max).astype(details["dtype"])


def _back(details: dict, values: np.ndarray) -> np.ndarray:
    if not np.issubdtype(details["dtype"], np.integer):
        return values
    scale, zero = details["quantization"]
    return (values.astype(np.float32) - zero) * scale

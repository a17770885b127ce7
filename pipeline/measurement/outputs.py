"""What an exported model computes for many examples."""

from pathlib import Path

import numpy as np

from pipeline.measurement.interpreter import open_interpreter
from pipeline.measurement.predictor import Predictor


def tflite_outputs(path: Path, features: np.ndarray) -> np.ndarray:
    """Returns a TFLite file's outputs for raw features, computed one example at a time on one thread.

    Args:
        path: The exported model.
        features: Shape (n, ...), integer or float, n from 1; quantized where the model's input is.

    Returns:
        Float32, of shape (n, outputs); integer outputs are scaled back.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not a model of one input and one output that takes these examples.
    """
    interpreter, _ = open_interpreter(path, "litert", 1)
    predictor = Predictor(interpreter, features.shape[1:])
    return np.concatenate([predictor.predict(features[at : at + 1]) for at in range(len(features))])

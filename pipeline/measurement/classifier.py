"""A loaded model as a classifier of one example at a time, and its accuracy."""

from pathlib import Path
from typing import Any

import numpy as np

from pipeline.measurement.examples import encode, read_examples


class Classifier:
    """One interpreter with its tensors allocated for a single example."""

    def __init__(self, interpreter: Any, example_shape: tuple[int, ...]) -> None:
        """Allocates the model's tensors.

        Args:
            interpreter: A TFLite or LiteRT interpreter, not yet allocated.
            example_shape: The shape of one example, without the batch.

        Raises:
            ValueError: If the model has not one input and one output, or they do not fit the examples.
            RuntimeError: If the interpreter refuses the model.
        """
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
        if len(inputs) != 1 or len(outputs) != 1:
            raise ValueError(f"model has {len(inputs)} inputs and {len(outputs)} outputs: accepted is one of each")
        wanted = (1, *example_shape)
        signature = tuple(int(size) for size in inputs[0]["shape_signature"])
        accepted = len(signature) == len(wanted) and all(
            size in (-1, given) for size, given in zip(signature, wanted, strict=True)
        )
        if not accepted:
            raise ValueError(f"model input has shape {signature}, the features give {wanted} one example at a time")
        if tuple(inputs[0]["shape"]) != wanted:
            interpreter.resize_tensor_input(inputs[0]["index"], wanted)
        interpreter.allocate_tensors()
        self.interpreter = interpreter
        self.input, self.output = interpreter.get_input_details()[0], interpreter.get_output_details()[0]

    def load(self, example: np.ndarray) -> None:
        """Puts one example of shape (1, ...) into the input tensor, as its dtype and scale want it."""
        self.interpreter.set_tensor(self.input["index"], encode(example, self.input))

    def scores(self, example: np.ndarray) -> np.ndarray:
        """Computes the output for one example, in the output's own dtype and shape."""
        self.load(example)
        self.interpreter.invoke()
        return self.interpreter.get_tensor(self.output["index"])


def accuracy(classifier: Classifier, features: Path, labels: np.ndarray) -> dict[str, float | int]:
    """Classifies every example, one at a time, by the largest output.

    The order of a quantized output is that of the values it stands for, so it is compared as it is; ties go to the
    lower class.

    Returns:
        `accuracy` in 0 to 1, `correct` and `examples`.

    Raises:
        ValueError: If the output is not (1, classes) with 2 classes or more, a label is not one of them, or an output
            is NaN.
    """
    correct = 0
    for index, example in enumerate(read_examples(features)):
        scores = classifier.scores(example)
        if index == 0:
            _check_output(scores, labels)
        if np.isnan(scores).any():
            raise ValueError(f"model output is NaN for example {index} of {features}: it has no accuracy")
        correct += int(np.argmax(scores[0]) == labels[index])
    return {"accuracy": correct / len(labels), "correct": correct, "examples": len(labels)}


def _check_output(scores: np.ndarray, labels: np.ndarray) -> None:
    if scores.ndim != 2 or scores.shape[0] != 1 or scores.shape[1] < 2:
        raise ValueError(f"model output has shape {scores.shape}: accepted is (1, classes) with 2 classes or more")
    if labels.min() < 0 or labels.max() >= scores.shape[1]:
        raise ValueError(
            f"labels run from {labels.min()} to {labels.max()}, the model has classes 0 to {scores.shape[1] - 1}"
        )

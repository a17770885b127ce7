"""A loaded model that predicts one example at a time."""

from typing import Any

import numpy as np

from pipeline.measurement.examples import decode, encode


class Predictor:
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

    def predict(self, example: np.ndarray) -> np.ndarray:
        """Computes the output for one example of shape (1, ...), as float32 of shape (1, outputs).

        Raises:
            ValueError: If the output has another shape.
        """
        self.load(example)
        self.interpreter.invoke()
        output = self.interpreter.get_tensor(self.output["index"])
        if output.ndim != 2 or output.shape[0] != 1:
            raise ValueError(f"model output has shape {output.shape}: accepted is (1, outputs)")
        return decode(output, self.output)

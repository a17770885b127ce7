"""Hints: a layer of the student is first trained to say what a layer of the teacher says (FitNets, arXiv:1412.6550).

Between the two stands a regressor, which is thrown away afterwards; the student's own layers, up to the hinted one, are
what the training leaves behind.
"""

from collections.abc import Sequence

from pipeline.keras import keras, tf


def hint_features(teacher: keras.Model, layer: str) -> keras.Model:
    """Returns the teacher up to a layer; it shares the teacher's weights.

    Raises:
        ValueError: If there is no such layer, or it has several outputs, or is none of an image or a vector.
    """
    output = _output(teacher, layer)
    return keras.Model(teacher.input, output, name=f"{teacher.name}_to_{layer}")


def hint_model(student: keras.Model, layer: str, shape: Sequence[int]) -> keras.Model:
    """Returns the student up to a layer, and a regressor to the teacher's features.

    The student's layers are shared: training the model trains them. The regressor is a 1x1 convolution for features of
    an image, else a Dense layer.

    Args:
        student: A functional or sequential model.
        layer: The name of the one to be hinted.
        shape: Of the teacher's features of one example: (height, width, channels) or (units,).

    Raises:
        ValueError: If there is no such layer, or its output can't be regressed to that shape.
    """
    output = _output(student, layer)
    if tuple(output.shape[1:-1]) != tuple(shape[:-1]):
        raise ValueError(
            f"layer {layer} gives features of shape {tuple(output.shape[1:])}, the teacher's are {tuple(shape)}; "
            "accepted: a layer whose features have the same height and width, or both vectors"
        )
    name = f"regressor_of_{layer}"
    regressor = (
        keras.layers.Dense(shape[-1], name=name) if len(shape) == 1 else keras.layers.Conv2D(shape[-1], 1, name=name)
    )
    return keras.Model(student.input, regressor(output), name=f"{student.name}_to_{layer}")


def _output(model: keras.Model, layer: str) -> tf.Tensor:
    names = [each.name for each in model.layers]
    if layer not in names:
        raise ValueError(f"{model.name} has no layer {layer!r}; accepted: {', '.join(names)}")
    output = model.get_layer(layer).output
    if not hasattr(output, "shape") or len(output.shape) not in (2, 4):
        raise ValueError(f"layer {layer} of {model.name} gives no features; accepted: one of an image or a vector")
    return output

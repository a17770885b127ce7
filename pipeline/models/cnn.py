"""A small convolutional network with batch normalization (Ioffe and Szegedy, arXiv:1502.03167)."""

from collections.abc import Sequence
from typing import Any, Literal

from pipeline.keras import keras
from pipeline.models.blocks import conv_norm
from pipeline.models.head import head


def cnn(
    features: Any,
    scaled: Any,
    outputs: int,
    *,
    filters: Sequence[int],
    convolutions: int = 1,
    kernel: int = 3,
    downsample: Literal["pool", "stride"] = "pool",
    units: int,
    dropout: float,
    task: str = "classification",
    target_mean: float = 0.0,
    target_variance: float = 1.0,
) -> keras.Model:
    """Returns a convolutional network.

    Args:
        features: The model's input, of shape (height, width, channels).
        scaled: Its scaled form.
        outputs: How many logits; 1 for a regression.
        filters: Filters of each block: 3x3 convolutions, each with batch normalization and ReLU, which halve the image.
        convolutions: How many of them each block has; the second one of block 1 is named conv_1_2.
        kernel: Height and width of the very first convolution's kernel.
        downsample: What halves it: "pool", 2x2 max pooling at a block's end, or "stride", a stride of 2 in its first
            convolution, which then makes a quarter of the multiplications.
        units: Width of the hidden dense layer.
        dropout: Share of its outputs that training drops.
        task: As in `head`.
        target_mean: The same.
        target_variance: The same.

    Raises:
        ValueError: If the image is too small for that many poolings, or the task does not have that many outputs.
    """
    height, width = features.shape[1:3]
    if min(height, width) < 2 ** len(filters):
        raise ValueError(
            f"an image of {height}x{width} is too small for {len(filters)} blocks that each halve it; "
            f"accepted: at most {min(height, width).bit_length() - 1}"
        )
    x = scaled
    for number, count in enumerate(filters, start=1):
        for place in range(1, convolutions + 1):
            name = f"{number}_{place}" if place > 1 else f"{number}"
            size = kernel if number == place == 1 else 3
            x = conv_norm(x, count, size, name=name, strides=2 if downsample == "stride" and place == 1 else 1)
        if downsample == "pool":
            x = keras.layers.MaxPooling2D(name=f"pool_{number}")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    x = keras.layers.Dense(units, activation="relu", name="dense")(x)
    x = keras.layers.Dropout(dropout, name="dropout")(x)
    made = head(x, outputs, task=task, target_mean=target_mean, target_variance=target_variance)
    return keras.Model(features, made, name="cnn")

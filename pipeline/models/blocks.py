"""Pieces that the convolutional families share."""

from typing import Any

from pipeline.keras import keras

MOMENTUM = 0.9
"""Of the moving statistics; Keras's 0.99 takes 1,000 steps to forget its start, more than a small data set has."""


def conv_norm(
    x: Any,
    filters: int,
    size: int,
    *,
    name: str,
    strides: int = 1,
    relu: bool = True,
    initializer: str = "glorot_uniform",
) -> Any:
    """Returns a convolution, batch normalization (Ioffe and Szegedy, arXiv:1502.03167) and, if wanted, ReLU.

    Args:
        x: Of shape (batch, height, width, channels).
        filters: How many.
        size: Height and width of the kernel.
        name: The layers are named conv_, norm_ and relu_ with this behind.
        strides: Of the convolution; 2 halves height and width, rounded up.
        relu: Whether ReLU follows.
        initializer: Of the kernel.
    """
    convolution = keras.layers.Conv2D(
        filters,
        size,
        strides=strides,
        padding="same",
        use_bias=False,
        kernel_initializer=initializer,
        name=f"conv_{name}",
    )
    x = keras.layers.BatchNormalization(momentum=MOMENTUM, name=f"norm_{name}")(convolution(x))
    return keras.layers.ReLU(name=f"relu_{name}")(x) if relu else x


def require_size(features: Any, halvings: int) -> None:
    """Refuses images that can't be halved that often.

    Args:
        features: The model's input, of shape (batch, height, width, channels).
        halvings: How often its strides of 2 halve the image.

    Raises:
        ValueError: If less than a pixel would be left.
    """
    height, width = features.shape[1:3]
    if min(height, width) < 2**halvings:
        raise ValueError(
            f"an image of {height}x{width} is too small to be halved {halvings} times; "
            f"accepted: at most {min(height, width).bit_length() - 1} strides of 2"
        )

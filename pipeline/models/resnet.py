"""A residual network for small images (He et al., arXiv:1512.03385, section 4.2)."""

from collections.abc import Sequence
from typing import Any

from pipeline.keras import keras
from pipeline.models.blocks import conv_norm, require_size
from pipeline.models.head import head

INITIALIZER = "he_normal"
"""As the paper has it; it keeps the variance of activations through ReLU (He et al., arXiv:1502.01852)."""


def resnet(
    features: Any,
    scaled: Any,
    outputs: int,
    *,
    filters: Sequence[int],
    blocks: int,
    dropout: float,
    task: str = "classification",
    target_mean: float = 0.0,
    target_variance: float = 1.0,
) -> keras.Model:
    """Returns a residual network of 2 * stages * blocks + 2 layers with weights, shortcuts left out.

    A 3x3 convolution, stages of basic blocks, global average pooling. Where a stage halves the image or changes the
    number of filters, a 1x1 convolution projects the shortcut (the paper's option B).

    Args:
        features: The model's input, of shape (height, width, channels).
        scaled: Its scaled form.
        outputs: How many logits; 1 for a regression.
        filters: Filters of each stage; each stage but the first halves the image.
        blocks: Basic blocks of each stage.
        dropout: Share of the pooled features that training drops.
        task: As in `head`.
        target_mean: The same.
        target_variance: The same.

    Raises:
        ValueError: If the image is too small for that many stages, or the task does not have that many outputs.
    """
    require_size(features, len(filters) - 1)
    x = conv_norm(scaled, filters[0], 3, name="stem", initializer=INITIALIZER)
    for stage, count in enumerate(filters, start=1):
        for block in range(1, blocks + 1):
            x = _basic_block(x, count, name=f"{stage}_{block}", strides=2 if stage > 1 and block == 1 else 1)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    x = keras.layers.Dropout(dropout, name="dropout")(x)
    made = head(x, outputs, task=task, target_mean=target_mean, target_variance=target_variance)
    return keras.Model(features, made, name="resnet")


def _basic_block(x: Any, filters: int, *, name: str, strides: int) -> Any:
    shortcut = x
    if strides > 1 or x.shape[-1] != filters:
        shortcut = conv_norm(
            x, filters, 1, name=f"{name}_shortcut", strides=strides, relu=False, initializer=INITIALIZER
        )
    x = conv_norm(x, filters, 3, name=f"{name}_1", strides=strides, initializer=INITIALIZER)
    x = conv_norm(x, filters, 3, name=f"{name}_2", relu=False, initializer=INITIALIZER)
    x = keras.layers.Add(name=f"add_{name}")([x, shortcut])
    return keras.layers.ReLU(name=f"relu_{name}")(x)

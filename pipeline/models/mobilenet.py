"""A network of depthwise separable convolutions (MobileNets, Howard et al., arXiv:1704.04861)."""

from collections.abc import Sequence
from typing import Any, Literal

from pipeline.keras import keras
from pipeline.models.blocks import MOMENTUM, conv_norm, require_size
from pipeline.models.head import head


def mobilenet(
    features: Any,
    scaled: Any,
    outputs: int,
    *,
    stem: int,
    stem_stride: int,
    filters: Sequence[int],
    blocks: int | Sequence[int],
    width: float,
    dropout: float,
    pool: Literal["average", "none"] = "average",
    task: str = "classification",
    target_mean: float = 0.0,
    target_variance: float = 1.0,
) -> keras.Model:
    """Returns a network of one 3x3 convolution, stages of depthwise separable ones, and a linear layer.

    A depthwise separable convolution filters each channel alone, then mixes them by a 1x1 convolution, each followed by
    batch normalization and ReLU: about an eighth of the multiplications of a plain 3x3 convolution.

    Args:
        features: The model's input, of shape (height, width, channels).
        scaled: Its scaled form.
        outputs: How many logits; 1 for a regression.
        stem: Filters of the plain convolution.
        stem_stride: Its stride; 2 halves the image at once.
        filters: Filters of each stage; each stage but the first halves the image.
        blocks: Depthwise separable convolutions of each stage, which is the depth; a number for all or one for each.
        width: The paper's width multiplier, which all numbers of filters are multiplied by and rounded, to 1 at least.
        dropout: Share of the features before the linear layer that training drops.
        pool: What is done to the features of all places before it: "average" (the paper's), or "none", which lets it
            weigh each place by itself: more weights, and more accurate where objects always sit in the middle.
        task: As in `head`.
        target_mean: The same.
        target_variance: The same.

    Raises:
        ValueError: If the image is too small for that many stages, `blocks` are not as many as the stages, or the task
            does not have that many outputs.
    """
    depths = [blocks] * len(filters) if isinstance(blocks, int) else list(blocks)
    if len(depths) != len(filters):
        raise ValueError(f"{len(depths)} blocks for {len(filters)} filters; accepted: one number, or one a stage")
    require_size(features, len(filters) - 1 + (stem_stride > 1))
    x = conv_norm(scaled, _wide(stem, width), 3, name="stem", strides=stem_stride)
    for stage, (count, depth) in enumerate(zip(filters, depths, strict=True), start=1):
        for block in range(1, depth + 1):
            strides = 2 if stage > 1 and block == 1 else 1
            x = _separable(x, _wide(count, width), name=f"{stage}_{block}", strides=strides)
    gather = keras.layers.GlobalAveragePooling2D if pool == "average" else keras.layers.Flatten
    x = gather(name="pool" if pool == "average" else "flatten")(x)
    x = keras.layers.Dropout(dropout, name="dropout")(x)
    made = head(x, outputs, task=task, target_mean=target_mean, target_variance=target_variance)
    return keras.Model(features, made, name="mobilenet")


def _wide(filters: int, width: float) -> int:
    return max(1, round(filters * width))


def _separable(x: Any, filters: int, *, name: str, strides: int) -> Any:
    x = keras.layers.DepthwiseConv2D(3, strides=strides, padding="same", use_bias=False, name=f"depthwise_{name}")(x)
    x = keras.layers.BatchNormalization(momentum=MOMENTUM, name=f"norm_depthwise_{name}")(x)
    x = keras.layers.ReLU(name=f"relu_depthwise_{name}")(x)
    return conv_norm(x, filters, 1, name=name)

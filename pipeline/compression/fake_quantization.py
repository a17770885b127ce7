"""How TFMOT's 8-bit scheme is applied so that zeros and shared values stay, layer by layer."""

from collections.abc import Sequence
from typing import Any

from pipeline.compression.tfmot import (
    cluster_preserve,
    default_8bit_quantize_configs,
    default_8bit_quantize_layout_transform,
    default_8bit_quantize_registry,
    default_8bit_quantize_scheme,
    default_8bit_transforms,
    model_transformer,
    prune_preserve,
)
from pipeline.compression.weight_form import weight_form
from pipeline.keras import keras

PRESERVED = (keras.layers.Dense, keras.layers.Conv2D)
"""The layers whose zeros and shared values TFMOT can keep; these very classes, no subclass."""


class PreservingScheme(default_8bit_quantize_scheme.Default8BitQuantizeScheme):
    """The default 8-bit scheme, which in each layer keeps what its kernel has: zeros, few values, or both.

    TFMOT's own schemes that do so are for a whole model: a single layer without zeros there ends the keeping of zeros
    in all that come after it.

    Args:
        quantize_input: Whether the model's input is rounded to 8 bits.
    """

    def __init__(self, *, quantize_input: bool) -> None:
        fused: set[str] = set()
        self._layout, self._registry = _Layout(quantize_input, fused), _Registry(fused)

    def get_layout_transformer(self) -> Any:
        """Returns what prepares the graph."""
        return self._layout

    def get_quantize_registry(self) -> Any:
        """Returns what says how a layer is quantized."""
        return self._registry


class _Layout(default_8bit_quantize_layout_transform.Default8BitQuantizeLayoutTransform):
    def __init__(self, quantize_input: bool, fused: set[str]) -> None:
        self._quantize_input, self._fused = quantize_input, fused

    def apply(self, model: keras.Model, layer_quantize_map: dict[str, Any]) -> tuple[keras.Model, dict[str, Any]]:
        inputs = {layer.name for layer in model._input_layers}
        asked = {
            name: about for name, about in layer_quantize_map.items() if self._quantize_input or name not in inputs
        }
        made, plans = super().apply(model, asked)
        nothing = default_8bit_quantize_configs.NoOpQuantizeConfig
        for layer in made.layers:
            # Of a layer before a ReLU layer TFMOT means to leave out the activation, and leaves out the kernel too.
            if hasattr(layer, "kernel") and isinstance(plans.get(layer.name, {}).get("quantize_config"), nothing):
                plans[layer.name]["quantize_config"] = None
                self._fused.add(layer.name)
        return made, plans


class _Registry(default_8bit_quantize_registry.Default8BitQuantizeRegistry):
    def __init__(self, fused: set[str]) -> None:
        super().__init__()
        self._fused = fused

    def get_quantize_config(self, layer: keras.layers.Layer) -> Any:
        config = _registry_for(layer).get_quantize_config(layer)
        if layer.name in self._fused:
            config.activation_attrs = []
        return config


def _registry_for(layer: keras.layers.Layer) -> Any:
    """Returns a registry of the layer's own, for those of TFMOT change with the layers they have seen."""
    if type(layer) in PRESERVED:
        form = weight_form(layer.kernel.numpy())
        if form.clustered:
            return cluster_preserve.Default8bitClusterPreserveQuantizeRegistry(form.sparse)
        if form.sparse:
            return prune_preserve.Default8bitPrunePreserveQuantizeRegistry()
    return default_8bit_quantize_registry.Default8BitQuantizeRegistry()


def split_separable(model: keras.Model, exclude: Sequence[str]) -> keras.Model:
    """Returns a model with each SeparableConv2D as its two halves, `<name>_depthwise` and `<name>_pointwise`.

    TFMOT splits them too, under names that nobody knows beforehand.
    """
    kind = keras.layers.SeparableConv2D
    names = {layer.name for layer in model.layers if type(layer) is kind and layer.name not in exclude}
    if not names:
        return model
    made, _ = model_transformer.ModelTransformer(
        model, [_NamedSplit()], names, {name: {} for name in names}
    ).transform()
    return made


class _NamedSplit(default_8bit_transforms.SeparableConvQuantize):
    def replacement(self, match_layer: Any) -> Any:
        pointwise = super().replacement(match_layer)
        for node, half in ((pointwise, "pointwise"), (pointwise.input_layers[0], "depthwise")):
            node.layer["name"] = node.layer["config"]["name"] = f"{match_layer.layer['config']['name']}_{half}"
        return pointwise

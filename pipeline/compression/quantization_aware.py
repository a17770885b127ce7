"""Quantization-aware training (Jacob et al., arXiv:1712.05877) with TFMOT, which keeps zeros and shared values."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.compression.converter import converter_of
from pipeline.compression.fake_quantization import PRESERVED, PreservingScheme, split_separable
from pipeline.compression.quantizable import Plan, quantizable_layers
from pipeline.compression.quantization import quantize
from pipeline.compression.schemes import Int8InputType
from pipeline.compression.tfmot import Default8BitOutputQuantizeConfig, GradientAggregation, tfmot
from pipeline.compression.weight_form import WeightForm, weight_form
from pipeline.keras import keras, tf

PREFIX = "quant_"
BATCH = 256
CENTROIDS, CLUSTERING = "cluster_centroids_tf", "clst_impl"
LOW, HIGH = ("post_activation_min", "output_min"), ("post_activation_max", "output_max")


@dataclass(frozen=True, eq=False)
class QuantizationAware:
    """A model in training for 8 bits.

    Attributes:
        model: What is to be trained: it computes in float32 as the 8-bit file will.
        start: The same model before training, not rounded; each separable convolution is its two halves.
        plan: What is rounded and what is not.
        exclude: Names of layers that the caller left in float32.
        calibration: Real examples, of shape (examples, ...).
        input_type: The type of the file's input and output.
    """

    model: keras.Model
    start: keras.Model
    plan: Plan
    exclude: tuple[str, ...]
    calibration: np.ndarray
    input_type: Int8InputType

    def kept(self) -> dict[str, WeightForm]:
        """Returns the form of the kernels whose zeros or shared values training keeps, by layer."""
        layers = [self.start.get_layer(name) for name in self.plan.rounded]
        forms = {layer.name: weight_form(layer.kernel.numpy()) for layer in layers if type(layer) in PRESERVED}
        return {name: form for name, form in forms.items() if form.sparse or form.clustered}

    def strip(self) -> keras.Model:
        """Returns the trained weights as a plain model, not rounded; zeros and shared values are as in the file."""
        plain = keras.models.clone_model(self.start)
        plain.set_weights(self.start.get_weights())
        names, kept = {layer.name for layer in self.model.layers}, self.kept()
        for layer in plain.layers:
            name = PREFIX + layer.name
            trained = self.model.get_layer(name if name in names else layer.name)
            by_name = {_short(weight): weight.numpy() for weight in trained.weights}
            values = [by_name[_short(weight)] for weight in layer.weights]
            if layer.name in kept and kept[layer.name].sparse:  # what TFMOT multiplies with zero drifts
                values = [
                    np.where(weight == 0, 0, value) if weight.ndim > 1 else value
                    for weight, value in zip(layer.get_weights(), values, strict=True)
                ]
            layer.set_weights(values)
        return plain

    def to_tflite(self) -> bytes:
        """Returns the trained model as a TFLite file with 8-bit weights and activations.

        The converter rounds every layer between rounded ones, also one that was left out of the training. Where layers
        are excluded, the trained weights are therefore quantized as after training, with ranges from the calibration
        examples, which can leave a layer out.
        """
        if self.exclude:
            return quantize(
                self.strip(), "int8", self.calibration, input_type=self.input_type, exclude=list(self.exclude)
            )
        with converter_of(self.model) as converter, warnings.catch_warnings():
            # The ranges that the converter asks for are in the model.
            warnings.filterwarnings("ignore", message="Statistics for quantized inputs were expected")
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.inference_input_type = converter.inference_output_type = tf.dtypes.as_dtype(self.input_type)
            return bytes(converter.convert())


def quantization_aware(
    model: keras.Model,
    calibration: np.ndarray,
    *,
    exclude: Sequence[str] = (),
    input_type: Int8InputType = "float32",
) -> QuantizationAware:
    """Returns a copy of a model to be trained for 8 bits; the model itself is left alone.

    Train its `model`, then call `to_tflite`. A Dense or Conv2D layer that was pruned keeps its zeros in training, one
    that was clustered its number of values (in a convolution: for each filter), one that was both, both.

    Args:
        model: A functional or sequential model, already trained.
        calibration: Real examples, of shape (examples, ...), that set where ranges of activations start. TFMOT's own
            start, -6 to 6, takes thousands of steps to forget.
        exclude: Names of layers that stay in float32.
        input_type: The type of the file's input and output.

    Raises:
        ValueError: If there is no example, or the model can't be trained so, naming the layer and what would be
            accepted.
    """
    if not len(calibration):
        raise ValueError("no calibration example; accepted: at least 1")
    start = model
    if isinstance(model, keras.Sequential) or model._is_graph_network:  # tf_keras has no public test for it
        start = keras.models.clone_model(model)
        start.set_weights(model.get_weights())
        start = split_separable(start, exclude)
    plan = quantizable_layers(start, exclude, input_type)

    def annotate(layer: keras.layers.Layer) -> keras.layers.Layer:
        if layer.name in plan.ends:
            return tfmot.quantization.keras.quantize_annotate_layer(layer, Default8BitOutputQuantizeConfig())
        return tfmot.quantization.keras.quantize_annotate_layer(layer) if layer.name in plan.rounded else layer

    copy = keras.models.clone_model(start)
    copy.set_weights(start.get_weights())
    scheme = PreservingScheme(quantize_input=plan.quantize_input)
    with tfmot.quantization.keras.quantize_scope({"Default8BitOutputQuantizeConfig": Default8BitOutputQuantizeConfig}):
        annotated = keras.models.clone_model(copy, clone_function=annotate)
        made = tfmot.quantization.keras.quantize_apply(annotated, scheme)
    _train_values_only(made)
    _start_ranges(made, start, calibration)
    return QuantizationAware(made, start, plan, tuple(exclude), calibration, input_type)


def _short(weight: tf.Variable) -> str:
    return weight.name.split(":")[0].rsplit("/", 1)[-1]


def _train_values_only(made: keras.Model) -> None:
    """Takes the kernels of clustered layers out of what is trained: at each step they are put together anew."""
    for layer in made.layers:
        if any(CENTROIDS in weight.name for weight in layer.weights):
            trained = layer._trainable_weights
            kernel = next(weight for weight in trained if _short(weight) == "kernel")
            trained[:] = [weight for weight in trained if weight is not kernel]  # in place: Keras sorts what is set
            layer._non_trainable_weights.append(kernel)
            for _, _, held in layer._weight_vars:
                held[CLUSTERING].cluster_gradient_aggregation = GradientAggregation.AVG  # as in `clusterable`


def _start_ranges(made: keras.Model, start: keras.Model, calibration: np.ndarray) -> None:
    """Sets the ranges of weights, and of what real examples bring about."""
    wrapped = {layer.name: layer for layer in made.layers}
    results = {layer.name: layer.output for layer in start.layers if PREFIX + layer.name in wrapped}
    probe = keras.Model(start.inputs, [start.inputs[0], *results.values()])
    low, high = np.zeros(len(results) + 1), np.zeros(len(results) + 1)
    for at in range(0, len(calibration), BATCH):
        values = probe(calibration[at : at + BATCH].astype(np.float32), training=False)
        low = np.minimum(low, [float(tf.reduce_min(each)) for each in values])
        high = np.maximum(high, [float(tf.reduce_max(each)) for each in values])
    places = {PREFIX + name: place for place, name in enumerate(results, start=1)}
    for layer in made.layers:
        rounds_input = type(layer).__name__ == "QuantizeLayer"
        place = 0 if rounds_input else places.get(layer.name)
        if place is None or high[place] <= low[place]:
            continue
        for weight in layer.weights:
            name = _short(weight)
            if name in LOW or (rounds_input and name.endswith("_min")):
                weight.assign(low[place])
            elif name in HIGH or (rounds_input and name.endswith("_max")):
                weight.assign(high[place])
        _start_weights(layer)


def _start_weights(layer: keras.layers.Layer) -> None:
    """Sets the range of a kernel, which training would set at its first step."""
    by_name = {_short(weight): weight for weight in layer.weights}
    for name in ("kernel", "depthwise_kernel"):
        if f"{name}_min" in by_name:
            size = np.abs(by_name[name].numpy())
            limit = by_name[f"{name}_max"]
            largest = size.max(axis=tuple(range(size.ndim - limit.shape.rank)))
            limit.assign(np.where(largest > 0, largest, limit.numpy()))
            by_name[f"{name}_min"].assign(-limit)

"""A small trained model and its pruned and clustered forms, and what a file holds of its kernels."""

from functools import cache

import numpy as np
from compression_cases import fitted
from real_data import digits

from pipeline.compression.clustering import clusterable, strip
from pipeline.keras import keras
from pipeline.measurement.flatbuffer import load_model, type_name
from pipeline.models.cnn import cnn
from pipeline.models.inputs import image_input
from pipeline.training import determinism

KERNELS = ["conv_1", "dense", "logits"]
CLUSTERS = 8


@cache
def small_model():
    determinism.start(0)
    return fitted(cnn(*image_input((8, 8, 1), scale=16.0), 10, filters=[8], units=24, dropout=0.2), digits(), 4)


def copied(model):
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    return copy


def pruned(model, share=0.5, exclude=()):
    """A copy whose smallest weights are zero."""
    copy = copied(model)
    for layer in copy.layers:
        if isinstance(layer, keras.layers.Dense | keras.layers.Conv2D) and layer.name not in exclude:
            size = np.abs(layer.kernel.numpy())
            layer.kernel.assign(np.where(size <= np.quantile(size, share), 0, layer.kernel.numpy()))
    return copy


@cache
def half_pruned():
    return pruned(small_model())


@cache
def clustered():
    return strip(fitted(clusterable(small_model(), CLUSTERS), digits(), 1))


@cache
def pruned_and_clustered():
    return strip(fitted(clusterable(half_pruned(), CLUSTERS), digits(), 1))


def accuracy(outputs):
    return float(np.mean(outputs.argmax(-1) == digits().test.labels))


def features():
    return digits().test.features.astype(np.float32)


def stored_kernels(model, path):
    """The kernels as a TFLite file stores them, by layer: (type, codes of shape (outputs, weights of each))."""
    parsed, found = load_model(path), {}
    for tensor in parsed.subgraphs[0].tensors:
        data = parsed.buffers[tensor.buffer].data
        if data is not None and len(data) and tensor.shape is not None and type_name(tensor) in ("INT8", "FLOAT32"):
            values = data.view(np.int8 if type_name(tensor) == "INT8" else np.float32)
            found[tuple(int(size) for size in tensor.shape)] = (type_name(tensor), values)
    kernels = {}
    for name in KERNELS:
        shape = model.get_layer(name).kernel.shape
        kind, values = found[(shape[1], shape[0]) if len(shape) == 2 else (shape[3], *shape[:3])]
        kernels[name] = (kind, values.reshape(shape[-1], -1))
    return kernels


def zeros(kernels):
    return {name: float(np.mean(values == 0)) for name, (_, values) in kernels.items()}


def most_values(kernels):
    """The number of different codes: of a Dense layer, which has one scale, in all; of a convolution in a filter."""
    return {
        name: max(len(np.unique(codes)) for codes in (values if name.startswith("conv") else [values]))
        for name, (_, values) in kernels.items()
    }

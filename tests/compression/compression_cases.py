"""Trained models that the compression tests share; each is trained once a session and must be left as it is."""

from functools import cache

import numpy as np
from real_data import breast_cancer, diabetes, digits, mixed

from pipeline.compression.quantization import quantize
from pipeline.keras import keras, tf
from pipeline.models.cnn import cnn
from pipeline.models.inputs import image_input, table_input
from pipeline.models.mlp import mlp
from pipeline.training import determinism
from pipeline.training.objective import objective


def compiled(model, rate=0.01, task="classification", **options):
    model.compile(keras.optimizers.Adam(rate), **objective(task, **options))
    return model


def fitted(model, data, epochs, *callbacks, **task):
    features = data.train.features.astype(np.float32)
    compiled(model, **task).fit(features, data.train.labels, 32, epochs, verbose=0, callbacks=list(callbacks))
    return model


@cache
def digits_model():
    determinism.start(0)
    model = cnn(*image_input((8, 8, 1), scale=16.0), 10, filters=[8, 16], units=32, dropout=0.2)
    return fitted(model, digits(), 5)


@cache
def table_model():
    """Numbers alone."""
    determinism.start(0)
    data = breast_cancer()
    return fitted(mlp(*table_input(data.columns), 2, units=[16], dropout=0.0), data, 10)


@cache
def mixed_model():
    """Numbers and categories."""
    determinism.start(0)
    data = mixed()
    return fitted(mlp(*table_input(data.columns), 2, units=[32], dropout=0.0), data, 15)


@cache
def regression_model():
    """Numbers, a category between them, and a number to predict."""
    determinism.start(0)
    data = diabetes()
    mean, variance = float(data.train.labels.mean()), float(data.train.labels.var())
    task = {"task": "regression", "target_variance": variance}
    model = mlp(*table_input(data.columns), 1, units=[16], dropout=0.0, target_mean=mean, **task)
    return fitted(model, data, 40, **task)


CALIBRATION = 100


@cache
def quantized_digits(input_type):
    return quantize(digits_model(), "int8", digits().train.features[:CALIBRATION], input_type=input_type)


@cache
def quantized_table():
    return quantize(table_model(), "int8", breast_cancer().train.features[:CALIBRATION])


def classes(logits):
    return logits.argmax(axis=-1)


def interpreter(content):
    from ai_edge_litert.interpreter import Interpreter

    made = Interpreter(model_content=content, num_threads=1)
    made.allocate_tensors()
    return made


def random_batch(model, count=7):
    shape = (count, *model.input_shape[1:])
    return np.random.default_rng(1).uniform(0, 16, shape).astype(np.float32)


def unrelated_work():
    """Moves on every counter of the process: functions, layers, variables, random numbers."""
    for number in range(3):
        tf.function(lambda x, number=number: tf.cond(x > number, lambda: x + 1, lambda: x))(tf.constant(1))
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), keras.layers.Dropout(0.5)])
    model.compile("adam", "mse")
    model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)

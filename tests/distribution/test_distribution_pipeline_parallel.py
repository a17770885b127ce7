"""A pipeline whose stages all lie in this process: the same weights as one model, whatever the schedule."""

from functools import cache

import numpy as np
import pytest
from odd_models import Subclassed, nested, used_twice
from pipeline_cases import BATCH, BOUND, MODELS, OPTIMIZERS, data, distance, here, mlp, residual, train

from pipeline.distribution.pipeline_memory import activations
from pipeline.distribution.pipeline_model import micro_loss
from pipeline.distribution.pipeline_parallel import PipelineParallel
from pipeline.distribution.pipeline_step import Cut
from pipeline.distribution.single import Single
from pipeline.keras import keras, tf


@cache
def alone(model, optimizer):
    return train(MODELS[model], OPTIMIZERS[optimizer], Single())


@pytest.mark.parametrize(
    ("model", "optimizer", "stages", "micro_batches", "settings"),
    [
        ("mlp", "sgd", 2, 4, {}),
        ("mlp", "adam", 2, 5, {"schedule": "1f1b"}),
        ("cnn", "sgd", 2, 4, {"schedule": "1f1b", "recompute": True}),
        ("cnn", "adam", 2, 4, {"recompute": True}),
        ("residual", "sgd", 3, 4, {}),
        ("residual", "adam", 3, 3, {"schedule": "1f1b"}),
    ],
)
def test_50_steps_end_with_the_weights_of_one_process(model, optimizer, stages, micro_batches, settings):
    engine = PipelineParallel(here(stages), micro_batches, **settings)
    trained, history = train(MODELS[model], OPTIMIZERS[optimizer], engine)
    expected, told = alone(model, optimizer)
    assert int(trained.optimizer.iterations) == 50
    assert 0 < distance(trained, expected) < BOUND
    for row, other in zip(history, told, strict=True):
        assert row == pytest.approx(other, abs=1e-5)


def test_batches_with_fewer_examples_than_micro_batches_teach_what_they_hold():
    engine = PipelineParallel(here(2), 8)  # batches of 24, and one of 4
    trained, history = train(mlp, OPTIMIZERS["adam"], engine)
    expected, told = alone("mlp", "adam")
    assert distance(trained, expected) < BOUND
    assert history[-1] == pytest.approx(told[-1], abs=1e-5)


def test_schedules_and_recomputation_change_no_bit_of_dropout_and_batch_normalization():
    def outcome(**settings):
        model, history = train(
            lambda: residual(norm=True, dropout=0.3),
            OPTIMIZERS["adam"],
            PipelineParallel(here(2), 3, **settings),
            epochs=1,
        )
        return b"".join(each.tobytes() for each in model.get_weights()), history

    expected = outcome()
    assert outcome(recompute=True) == expected
    assert outcome(schedule="1f1b") == expected
    assert outcome(schedule="1f1b", recompute=True) == expected


def test_batch_normalization_takes_its_statistics_of_each_micro_batch():
    def model():
        return keras.Sequential(
            [
                keras.Input((8, 8, 1)),
                keras.layers.BatchNormalization(momentum=0.5, center=False, scale=False, name="norm"),
                keras.layers.Flatten(name="flatten"),
                keras.layers.Dense(10, name="logits"),
            ]
        )

    trained, _ = train(model, OPTIMIZERS["sgd"], PipelineParallel(here(2), 4), epochs=1, batch=100)
    mean, variance = 0.0, 1.0
    for part in np.split(data()[0], 4):
        mean = 0.5 * mean + 0.5 * part.mean()
        variance = 0.5 * variance + 0.5 * part.var(ddof=1)
    assert trained.get_layer("norm").get_weights()[0] == pytest.approx(mean, abs=1e-6)
    assert trained.get_layer("norm").get_weights()[1] == pytest.approx(variance, rel=1e-4)


class Killed(Exception):  # noqa: N818
    """Stands for whatever ends a process."""


class KillIn(keras.callbacks.Callback):
    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise Killed


def test_a_resumed_training_ends_bit_for_bit_as_an_uninterrupted_one(tmp_path):
    def make():
        return residual(norm=True, dropout=0.3)

    engine = lambda: PipelineParallel(here(2), 3)  # noqa: E731
    whole, history = train(make, OPTIMIZERS["adam"], engine(), epochs=3)
    with pytest.raises(Killed):
        train(make, OPTIMIZERS["adam"], engine(), epochs=3, state=tmp_path, callbacks=[KillIn(2)])
    resumed, rest = train(make, OPTIMIZERS["adam"], engine(), epochs=3, state=tmp_path)
    assert distance(resumed, whole) == 0
    assert rest == history


def test_a_frozen_first_stage_stays_as_it_is():
    def frozen():
        model = mlp()
        model.get_layer("dense_48").trainable = False
        return model

    engine = PipelineParallel(here(2), 4, cuts=["dense_48"])
    trained, _ = train(frozen, OPTIMIZERS["sgd"], engine, epochs=2)
    expected, _ = train(frozen, OPTIMIZERS["sgd"], Single(), epochs=2)
    assert distance(trained, expected) < BOUND


def test_activations_are_counted_by_schedule():
    def held(**settings):
        engine = PipelineParallel(here(2), 4, cuts=["dense_48"], **settings)
        engine.place(mlp(), OPTIMIZERS["sgd"]())
        return list(engine.memory(BATCH).values())

    # Of an example in float32: the first stage holds its 64 features (flattened, the same bytes) and 48 outputs of
    # tanh, the second its 48 inputs and 32 outputs; the regularizer's and the loss's own values don't count.
    first, second, micro = (64 + 48) * 4, (48 + 32) * 4, BATCH // 4
    assert held() == [4 * micro * first, 4 * micro * second]
    assert held(schedule="1f1b") == [2 * micro * first, micro * second]
    assert held(recompute=True) == [4 * micro * 64 * 4 + micro * 48 * 4, 4 * micro * 48 * 4 + micro * 32 * 4]


@pytest.mark.parametrize("size", [1, 3, 4, 5, 8])
@pytest.mark.parametrize("known", [True, False])
def test_a_cut_batch_is_joined_again_and_its_shares_are_one(size, known):
    @tf.function(input_signature=[tf.TensorSpec([size if known else None, 2])])
    def cut_and_join(batch):
        cut = Cut(batch, 4)
        parts = cut(batch)
        return [tf.shape(part)[0] for part in parts], cut.shares, cut.join(parts)

    batch = tf.reshape(tf.range(2.0 * size), [size, 2])
    sizes, shares, joined = cut_and_join(batch)
    np.testing.assert_array_equal(joined, batch)
    assert sum(map(float, shares)) == pytest.approx(1)
    assert {int(each) for each in sizes} <= {max(1, size // 4), -(-size // 4)}
    assert sum(float(share) > 0 for share in shares) == min(size, 4)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (Subclassed, "model subclassed is not functional"),
        (nested, "layer inner is a model inside the model"),
        (used_twice, "layer twice is used more than once, and stages can't share weights"),
        (
            lambda: keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="only")]),
            "2 stages of a model of 1 layer",
        ),
    ],
)
def test_what_can_not_be_cut_is_refused(model, said):
    with pytest.raises(ValueError, match=said):
        PipelineParallel(here(2), 4).place(model(), OPTIMIZERS["sgd"]())


def test_a_loss_that_is_no_mean_over_examples_is_refused():
    total = keras.losses.MeanSquaredError(reduction="sum")
    with pytest.raises(ValueError, match=r"loss mean_squared_error is reduced by sum; accepted in a pipeline: a mean"):
        micro_loss(total)


def test_a_regression_compares_each_number_with_its_own():
    loss = micro_loss(keras.losses.MeanSquaredError(), [0.5])
    assert float(loss(tf.constant([1.0, 3.0]), tf.constant([[2.0], [5.0]]), None)) == pytest.approx(0.5 * (1 + 4) / 2)


def test_all_held_tensors_of_a_normalized_stage_have_a_size():
    engine = PipelineParallel(here(2), 4)
    engine.place(residual(norm=True, dropout=0.3), OPTIMIZERS["sgd"]())
    one, four = (activations(engine.stages[0], 0, engine.tasks, count, recompute=False) for count in (1, 4))
    assert 3.9 < four / one <= 4  # but for the statistics, which each micro-batch has once

import math

import numpy as np
import pytest

from pipeline.keras import keras, tf
from pipeline.training.determinism import start
from pipeline.training.range_test import range_test, suggest


def compiled(optimizer=None):
    """A weight that squared error draws from 0 to 1; gradient descent diverges at rates above 1."""
    start(0)
    model = keras.Sequential([keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    model.build((None, 1))
    model.compile(optimizer or keras.optimizers.SGD(0.1), "mse")
    return model


def repeated(*targets, weights=None):
    """Batches of two examples of feature 1 each, with one target after the other, for ever."""
    one = np.ones((2, 1), np.float32)
    batches = tf.data.Dataset.from_tensor_slices(np.array(targets, np.float32).reshape(-1, 2, 1))
    return batches.map(lambda target: (one, target) if weights is None else (one, target, weights)).repeat()


def curve_of(batches=None, **settings):
    return range_test(
        compiled(), batches or repeated(1, 1), **{"lowest": 1e-4, "highest": 0.5, "steps": 30, **settings}
    )


def test_the_rate_rises_by_the_same_ratio_from_the_lowest_to_the_highest():
    rates = [rate for rate, _ in curve_of(lowest=1e-4, highest=1e-1, steps=4)]
    assert rates == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1])


def test_the_losses_are_those_of_gradient_descent_worked_out_by_hand():
    curve = curve_of(lowest=0.05, highest=0.2, steps=3, smoothing=0.0)
    # Each step leaves 1 - 2 rate of the distance of 1 that the weight has to go.
    assert curve == [
        (pytest.approx(0.05), pytest.approx(1.0)),
        (pytest.approx(0.1), pytest.approx(0.9**2)),
        (pytest.approx(0.2), pytest.approx((0.9 * 0.8) ** 2)),
    ]


def test_the_smoothed_loss_is_a_mean_whose_weights_sum_to_one():
    raw = [loss for _, loss in curve_of(smoothing=0.0)]
    smooth = [loss for _, loss in curve_of(smoothing=0.9)]
    for step in (0, 1, 7, 29):
        weights = 0.9 ** np.arange(step, -1, -1)
        assert smooth[step] == pytest.approx(np.dot(weights, raw[: step + 1]) / weights.sum(), rel=1e-5)


def test_it_ends_once_the_loss_has_diverged():
    curve = curve_of(repeated(0.9, 0.9, 1.1, 1.1), highest=1e4, steps=100)
    losses = [loss for _, loss in curve]
    assert len(curve) < 100
    high = [loss > 4 * min(losses[: step + 1]) for step, loss in enumerate(losses)]
    assert high.index(True) == len(losses) - 1


def test_a_loss_that_is_not_finite_ends_it_and_is_left_out():
    curve = curve_of(highest=1e30, steps=40, diverged=math.inf, smoothing=0.0)
    assert 1 < len(curve) < 40
    assert all(math.isfinite(loss) for _, loss in curve)


def test_every_step_is_reported():
    seen = []
    curve = curve_of(highest=0.1, steps=10, on_progress=lambda *words: seen.append(words))
    assert [done for done, _, _ in seen] == list(range(1, 11))
    assert seen[-1][1:] == (10, f"learning rate 0.1 loss {curve[-1][1]:.4f}")


def test_weights_of_examples_count():
    batches = repeated(1.0, 3.0, weights=np.array([1.0, 0.0], np.float32))
    assert curve_of(batches, steps=2)[0][1] == pytest.approx(0.5)


def test_a_rate_that_a_schedule_sets_is_not_overwritten():
    schedule = keras.optimizers.schedules.CosineDecay(0.1, 10)
    model = compiled(keras.optimizers.SGD(schedule))
    with pytest.raises(TypeError, match="not settable"):
        range_test(model, repeated(1, 1), lowest=1e-4, highest=1e-1, steps=10)


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"lowest": 0.0}, r"lowest 0.0 and highest 0.5; accepted: above 0"),
        ({"highest": 1e-5}, r"lowest 0.0001 and highest 1e-05; accepted: above 0, the highest above the lowest"),
        ({"steps": 1}, r"steps 1; accepted: 2 or more"),
        ({"smoothing": 1.0}, r"smoothing 1.0; accepted: 0 up to"),
    ],
)
def test_nonsense_is_refused_by_name(settings, line):
    with pytest.raises(ValueError, match=f"^{line}"):
        curve_of(**settings)


def falling(centre, decades=6, points=120):
    """A loss that falls along a logistic curve, most steeply at one rate."""
    rates = np.logspace(-decades, 0, points)
    return [(rate, 2.3 - 2 / (1 + math.exp(-4 * math.log10(rate / centre)))) for rate in rates]


@pytest.mark.parametrize("centre", [1e-4, 1e-3, 1e-2])
def test_the_suggestion_is_where_the_loss_falls_most_steeply(centre):
    assert suggest(falling(centre)) == pytest.approx(centre, rel=0.2)


def test_noise_between_neighbours_does_not_move_the_suggestion_far():
    noise = np.random.default_rng(0).normal(0, 0.03, 120)
    curve = [(rate, loss + each) for (rate, loss), each in zip(falling(1e-3), noise, strict=True)]
    assert 0.5e-3 < suggest(curve) < 2e-3


@pytest.mark.parametrize("curve", [[], [(0.1, 1.0)], [(0.1, 1.0), (0.2, 1.0)], [(0.1, 1.0), (0.2, 0.96), (0.3, 9.0)]])
def test_a_loss_that_never_falls_suggests_nothing(curve):
    with pytest.raises(ValueError, match=r"^at no rate.* does the loss fall; accepted"):
        suggest(curve)


def test_the_same_seed_gives_the_same_curve():
    assert curve_of() == curve_of()

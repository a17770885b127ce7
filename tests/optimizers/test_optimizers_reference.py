"""The oracles against figures worked by hand, against Keras's own optimizers, and against least squares."""

import itertools
import subprocess
import sys
from functools import cache

import numpy as np
import pytest
from sklearn.datasets import load_diabetes

from pipeline.keras import keras, tf
from pipeline.optimizers import reference
from pipeline.optimizers.reference import adam, adam_step, batches, clip, ema, sgd, sgd_step, trajectory

FITS = pytest.mark.parametrize("fit", [sgd, adam])

# One step by hand ---------------------------------------------------------------------------------------------------

SGD_STEPS = {
    "plain": ({}, {}, 0.95, {"m": -0.05}),
    "momentum": ({"momentum": 0.9}, {"m": -0.2}, 0.77, {"m": -0.23}),
    "nesterov": ({"momentum": 0.9, "nesterov": True}, {"m": -0.2}, 0.743, {"m": -0.23}),
    "weight_decay": ({"weight_decay": 0.2}, {}, 0.93, {"m": -0.05}),
}
"""From weight 1 with gradient 0.5 at rate 0.1: options, state before, weight and state after."""

ADAM_STEPS = {
    "first": ({}, {}, 0.9, {"m": 0.4, "v": 0.16}),
    "later state": ({}, {"m": 0.4, "v": 0.12}, 0.88, {"m": 0.6, "v": 0.25}),
    "second": ({"step": 2}, {"m": 0.4, "v": 0.12}, 1 - 0.12 * 0.4375**0.5 / 0.75, {"m": 0.6, "v": 0.25}),
    "epsilon": ({"epsilon": 0.1}, {}, 0.92, {"m": 0.4, "v": 0.16}),
    "amsgrad, v fell": (
        {"amsgrad": True},
        {"m": 0.4, "v": 0.12, "vhat": 0.36},
        0.9,
        {"m": 0.6, "v": 0.25, "vhat": 0.36},
    ),
    "amsgrad, v rose": (
        {"amsgrad": True},
        {"m": 0.4, "v": 0.12, "vhat": 0.12},
        0.88,
        {"m": 0.6, "v": 0.25, "vhat": 0.25},
    ),
    "weight_decay": ({"weight_decay": 0.2}, {}, 0.88, {"m": 0.4, "v": 0.16}),
}
"""From weight 1 with gradient 0.8 at rate 0.1, beta_1 0.5, beta_2 0.75: options, state before, weight and state after.

With these the bias correction of step 1 is 1, the root of 0.25 over 0.5.
"""


@pytest.mark.parametrize("name", SGD_STEPS)
def test_sgd_step_by_hand(name):
    options, before, weight, after = SGD_STEPS[name]
    weights, state = sgd_step(np.ones(2), np.full(2, 0.5), before, learning_rate=0.1, **options)
    assert weights == pytest.approx(np.full(2, weight), rel=1e-12)
    assert {slot: value[1] for slot, value in state.items()} == pytest.approx(after, rel=1e-12)


@pytest.mark.parametrize("name", ADAM_STEPS)
def test_adam_step_by_hand(name):
    options, before, weight, after = ADAM_STEPS[name]
    common = {"step": 1, "learning_rate": 0.1, "beta_1": 0.5, "beta_2": 0.75, "epsilon": 0.0}
    weights, state = adam_step(np.ones(2), np.full(2, 0.8), before, **{**common, **options})
    assert weights == pytest.approx(np.full(2, weight), rel=1e-12)
    assert {slot: value[1] for slot, value in state.items()} == pytest.approx(after, rel=1e-12)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [[3, -4], [0, 12]]),
        ({"clipvalue": 0, "clipnorm": 0}, [[3, -4], [0, 12]]),
        ({"clipvalue": 3.5}, [[3, -3.5], [0, 3.5]]),
        ({"clipnorm": 10}, [[3, -4], [0, 10]]),
        ({"clipnorm": 2.5}, [[1.5, -2], [0, 2.5]]),
        ({"global_clipnorm": 6.5}, [[1.5, -2], [0, 6]]),
        ({"global_clipnorm": 13}, [[3, -4], [0, 12]]),
        ({"clipnorm": 10, "clipvalue": 1}, [[3, -4], [0, 10]]),
        ({"global_clipnorm": 20, "clipvalue": 1}, [[3, -4], [0, 12]]),
    ],
)
def test_clip_by_hand(options, expected):
    np.testing.assert_allclose(clip([np.array([3, -4]), np.array([0, 12])], **options), expected, rtol=1e-12)


@pytest.mark.parametrize("limit", ["clipvalue", "clipnorm", "global_clipnorm"])
def test_clip_leaves_zeros(limit):
    assert not clip([np.zeros(3)], **{limit: 1.0})[0].any()


def test_ema_by_hand():
    assert ema(np.array([1.0]), np.array([2.0]), 0.9) == pytest.approx([1.1])


def test_steps_leave_their_arguments_alone():
    given = [np.ones(3), np.full(3, 0.5), np.full(3, 0.1), np.full(3, 0.2), np.full(3, 0.3)]
    kept = [array.copy() for array in given]
    weights, gradient, m, v, vhat = given
    sgd_step(weights, gradient, {"m": m}, learning_rate=0.1, momentum=0.9, weight_decay=0.1)
    adam_step(
        weights, gradient, {"m": m, "v": v, "vhat": vhat}, step=3, learning_rate=0.1, amsgrad=True, weight_decay=0.1
    )
    clip([gradient], clipvalue=0.1)
    ema(m, weights, 0.9)
    trajectory("adam", [weights], [[gradient]], learning_rate=0.1, weight_decay=0.1)
    assert all(np.array_equal(now, before) for now, before in zip(given, kept, strict=True))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sgd_step(np.ones(3), np.ones((3, 1)), {}, learning_rate=0.1), r"shape \(3, 1\) .* \(3,\)"),
        (lambda: adam_step(np.ones(3), np.ones(1), {}, step=1, learning_rate=0.1), r"shape \(1,\) .* \(3,\)"),
        (lambda: adam_step(np.ones(3), np.ones(3), {}, step=0, learning_rate=0.1), "step is 0; the first is 1"),
        (lambda: clip([np.ones(3)], clipnorm=1.0, global_clipnorm=1.0), "at most one"),
        (lambda: clip([np.ones(3)], clipvalue=-1.0), "clipvalue is -1.0; accepted"),
        (lambda: ema(np.ones(3), np.ones(3), 1.1), "momentum of the average is 1.1"),
        (lambda: ema(np.ones(3), np.ones(1), 0.9), r"shape \(3,\) .* \(1,\)"),
        (lambda: trajectory("rmsprop", [], [], learning_rate=0.1), "optimizer is rmsprop; accepted: sgd, adam"),
        (lambda: trajectory("sgd", [], [], learning_rate=0.1, accumulate=0), "accumulate is 0"),
        (lambda: trajectory("sgd", [], [], learning_rate=0.1, ema_overwrite_frequency=0), "frequency is 0"),
        (lambda: trajectory("sgd", [np.ones(3)] * 2, [[np.ones(3)]], learning_rate=0.1), "shorter"),
    ],
)
def test_the_parts_refuse(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# Against Keras ------------------------------------------------------------------------------------------------------

SHAPES = [(4, 3), (3,)]
STEPS = 50

SGD = {"learning_rate": 2**-4}
ADAM = {"learning_rate": 2**-5, "beta_1": 0.875, "beta_2": 1 - 2**-4}
KERAS_CASES = {
    "sgd": ("sgd", SGD),
    "sgd momentum": ("sgd", {**SGD, "momentum": 0.875}),
    "sgd nesterov": ("sgd", {**SGD, "momentum": 0.875, "nesterov": True}),
    "sgd weight_decay": ("sgd", {**SGD, "momentum": 0.875, "weight_decay": 0.125}),
    "sgd clipvalue": ("sgd", {**SGD, "clipvalue": 0.5}),
    "sgd clipnorm": ("sgd", {**SGD, "clipnorm": 1.5}),
    "sgd global_clipnorm": ("sgd", {**SGD, "global_clipnorm": 1.5}),
    "sgd two limits": ("sgd", {**SGD, "clipnorm": 1.5, "clipvalue": 0.25}),
    "sgd ema": ("sgd", {**SGD, "use_ema": True, "ema_momentum": 0.9}),
    "sgd ema overwrites": ("sgd", {**SGD, "use_ema": True, "ema_momentum": 0.9, "ema_overwrite_frequency": 7}),
    "adam": ("adam", ADAM),
    "adam epsilon": ("adam", {**ADAM, "epsilon": 0.125}),
    "adam amsgrad": ("adam", {**ADAM, "amsgrad": True}),
    "adam weight_decay": ("adam", {**ADAM, "weight_decay": 0.125}),
    "adam clipvalue": ("adam", {**ADAM, "clipvalue": 0.5}),
    "adam clipnorm": ("adam", {**ADAM, "clipnorm": 1.5}),
    "adam global_clipnorm": ("adam", {**ADAM, "global_clipnorm": 1.5}),
    "adam ema": ("adam", {**ADAM, "use_ema": True, "ema_momentum": 0.9}),
    "adam all": (
        "adam",
        {**ADAM, "amsgrad": True, "weight_decay": 0.125, "global_clipnorm": 1.5, "use_ema": True, "ema_momentum": 0.9},
    ),
}
"""Options that Keras and `trajectory` both take.

Keras holds the learning rate in float32, and casts momentum, betas and weight decay through it, even where variables
are float64. Numbers that float32 holds exactly take this out of the comparison, which is then good to 1e-12.
"""


@cache
def start_and_gradients():
    """Gradients of magnitudes from 0.1 to 10, so that limits cut some and leave others, and falling, for AMSGrad."""
    noise = np.random.default_rng(0)
    start = [noise.normal(size=shape) for shape in SHAPES]
    return start, [
        [noise.normal(size=shape) * 10 ** noise.uniform(-1, 1) * 0.95**step for shape in SHAPES]
        for step in range(STEPS)
    ]


def keras_trajectory(name, start, gradients, *, exclude=(), **options):
    """Returns for each step the weights and the moving averages by Keras, as two lists of arrays."""
    optimizer = {"sgd": keras.optimizers.SGD, "adam": keras.optimizers.Adam}[name](**options)
    variables = [tf.Variable(array, dtype=tf.float64) for array in start]
    if exclude:
        optimizer.exclude_from_weight_decay(var_list=[variables[place] for place in exclude])
    points = []
    for parts in gradients:
        optimizer.apply_gradients(zip(map(tf.constant, parts), variables, strict=True))
        averages = [slot.numpy() for slot in optimizer.variables if "average/" in slot.name]
        points.append(([variable.numpy() for variable in variables], averages))
    return points


def assert_same(ours, theirs, tolerance):
    assert len(ours) == len(theirs) > 0
    for point, (weights, averages) in zip(ours, theirs, strict=True):
        for place, array in enumerate(weights):
            np.testing.assert_allclose(point.weights[place], array, rtol=tolerance, atol=tolerance)
        for place, array in enumerate(averages):
            np.testing.assert_allclose(point.averages[place], array, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("case", KERAS_CASES)
def test_trajectory_is_that_of_keras(case):
    name, options = KERAS_CASES[case]
    start, gradients = start_and_gradients()
    theirs = keras_trajectory(name, start, gradients, **options)
    assert len(theirs[0][1]) == (len(SHAPES) if "use_ema" in options else 0)
    assert_same(trajectory(name, start, gradients, **options), theirs, 1e-12)


def test_without_ema_the_averages_are_the_weights():
    start, gradients = start_and_gradients()
    for point in trajectory("sgd", start, gradients, ema_overwrite_frequency=2, **SGD):
        assert all(map(np.array_equal, point.weights, point.averages))


@pytest.mark.parametrize("case", KERAS_CASES)
def test_each_option_matters(case):
    name, options = KERAS_CASES[case]
    start, gradients = start_and_gradients()
    plain = trajectory(name, start, gradients, **KERAS_CASES[name][1])[-1]
    there = trajectory(name, start, gradients, **options)[-1]
    apart = [
        np.abs(mine - other).max()
        for mine, other in zip(there.weights + there.averages, plain.weights + plain.averages, strict=True)
    ]
    assert case in ("sgd", "adam") or max(apart) > 1e-2


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_trajectory_with_usual_numbers_is_that_of_keras_to_float32(name):
    options = {
        "sgd": {"learning_rate": 0.01, "momentum": 0.9, "nesterov": True, "weight_decay": 0.004},
        "adam": {"learning_rate": 0.001, "weight_decay": 0.004},
    }[name]
    start, gradients = start_and_gradients()
    assert_same(
        trajectory(name, start, gradients, **options), keras_trajectory(name, start, gradients, **options), 1e-6
    )


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_exclusions_from_weight_decay_are_those_of_keras(name):
    options = {**KERAS_CASES[name][1], "weight_decay": 0.125}
    start, gradients = start_and_gradients()
    ours = trajectory(name, start, gradients, exclude_from_weight_decay=(1,), **options)
    assert_same(ours, keras_trajectory(name, start, gradients, exclude=(1,), **options), 1e-12)
    undecayed = trajectory(name, start, gradients, **KERAS_CASES[name][1])
    same = [np.array_equal(*pair) for pair in zip(ours[-1].weights, undecayed[-1].weights, strict=True)]
    assert same == [False, True]


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_a_changing_rate_is_that_of_a_keras_schedule(name):
    options = {**KERAS_CASES[name][1], "weight_decay": 0.125}
    schedule = keras.optimizers.schedules.ExponentialDecay(2**-4, decay_steps=10, decay_rate=0.5, staircase=True)
    start, gradients = start_and_gradients()
    ours = trajectory(name, start, gradients, **{**options, "learning_rate": lambda done: 2.0 ** -(4 + done // 10)})
    theirs = keras_trajectory(name, start, gradients, **{**options, "learning_rate": schedule})
    assert_same(ours, theirs, 1e-12)


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_accumulation_is_one_keras_step_for_each_mean(name):
    options = {**KERAS_CASES[name][1], "global_clipnorm": 1.5}
    start, gradients = start_and_gradients()
    means = [
        [np.mean(parts, axis=0) for parts in zip(*gradients[first : first + 4], strict=True)]
        for first in range(0, 48, 4)
    ]
    ours = trajectory(name, start, gradients, accumulate=4, **options)
    assert len(ours) == 12
    assert_same(ours, keras_trajectory(name, start, means, **options), 1e-12)


# Linear regression --------------------------------------------------------------------------------------------------


@cache
def diabetes():
    """Real data: 442 patients, ten columns of mean 0 and deviation 1, and one of ones; badly conditioned, 470 to 1."""
    columns, targets = load_diabetes(return_X_y=True)
    columns = (columns - columns.mean(axis=0)) / columns.std(axis=0)
    return np.column_stack([columns, np.ones(len(columns))]), targets


def synthetic(noise):
    """Sixty examples of four columns, well conditioned; consistent if there is no noise."""
    generator = np.random.default_rng(0)
    features = generator.normal(size=(60, 4))
    return features, features @ [1.0, -2.0, 3.0, 0.5] + noise * generator.normal(size=60)


def least_squares(features, targets):
    return np.linalg.lstsq(features, targets, rcond=None)[0]


def best_rate(features):
    """The rate at which full-batch descent converges fastest: 2 over the sum of the extreme eigenvalues."""
    eigenvalues = np.linalg.eigvalsh(features.T @ features / len(features))
    return 2 / (eigenvalues[0] + eigenvalues[-1])


def fall(fit, features, targets, rates, epochs, batch_size):
    """Yields the weights after training at each of the rates in turn."""
    weights = np.zeros(features.shape[1])
    for seed, rate in enumerate(rates):
        weights = fit(features, targets, weights, rate, epochs, batch_size, seed)
        yield weights


def distance(weights, best):
    return np.linalg.norm(weights - best) / np.linalg.norm(best)


def test_full_batch_sgd_reaches_least_squares_on_real_data():
    features, targets = diabetes()
    weights = sgd(features, targets, np.zeros(11), best_rate(features), 4000, len(features), 0)
    assert distance(weights, least_squares(features, targets)) < 1e-6


def test_full_batch_adam_reaches_least_squares_on_real_data():
    features, targets = diabetes()
    *_, weights = fall(adam, features, targets, 10.0 ** -np.arange(6), 3000, len(features))
    assert distance(weights, least_squares(features, targets)) < 1e-6


@pytest.mark.parametrize(("fit", "rates"), [(sgd, (0.1, 0.01, 0.001)), (adam, (1.0, 0.1, 0.01))])
def test_mini_batches_come_within_a_ten_thousandth_of_the_least_loss_on_real_data(fit, rates):
    features, targets = diabetes()
    *_, weights = fall(fit, features, targets, rates, 300, 32)
    loss, least = (np.mean((features @ found - targets) ** 2) for found in (weights, least_squares(features, targets)))
    assert least <= loss < least * (1 + 1e-4)


@pytest.mark.parametrize("batch_size", [1, 7, 60])
def test_sgd_solves_a_consistent_system_at_one_rate_whatever_the_batch(batch_size):
    features, targets = synthetic(noise=0)
    weights = sgd(features, targets, np.zeros(4), 0.05, 500, batch_size, 0)
    np.testing.assert_allclose(weights, [1.0, -2.0, 3.0, 0.5], atol=1e-6)


@pytest.mark.parametrize("batch_size", [7, 60])
def test_adam_solves_a_consistent_system_as_its_rate_falls(batch_size):
    features, targets = synthetic(noise=0)
    *_, weights = fall(adam, features, targets, 10.0 ** -np.arange(1, 8), 300, batch_size)
    np.testing.assert_allclose(weights, [1.0, -2.0, 3.0, 0.5], atol=1e-6)


def test_full_batch_sgd_solves_a_noisy_system():
    features, targets = synthetic(noise=0.5)
    weights = sgd(features, targets, np.zeros(4), best_rate(features), 200, 60, 0)
    np.testing.assert_allclose(weights, least_squares(features, targets), atol=1e-6)


def test_full_batch_adam_solves_a_noisy_system_as_its_rate_falls():
    features, targets = synthetic(noise=0.5)
    *_, weights = fall(adam, features, targets, 10.0 ** -np.arange(1, 8), 300, 60)
    np.testing.assert_allclose(weights, least_squares(features, targets), atol=1e-6)


@FITS
def test_on_a_noisy_system_mini_batches_come_nearer_as_the_rate_falls(fit):
    features, targets = synthetic(noise=0.5)
    best = least_squares(features, targets)
    left = [np.abs(weights - best).max() for weights in fall(fit, features, targets, (0.1, 0.01, 0.001), 200, 8)]
    assert left[0] > left[1] > left[2]
    assert left[0] > 0.01 > left[2]


def test_batches_use_each_example_once_an_epoch_in_a_new_order():
    taken = list(batches(10, 4, 3, seed=0))
    assert [len(batch) for batch in taken] == [4, 4, 2] * 3
    orders = np.concatenate(taken).reshape(3, 10)
    assert (np.sort(orders, axis=1) == np.arange(10)).all()
    assert len({tuple(order) for order in orders}) == 3


def test_batches_differ_by_seed_only():
    first, again, other = (np.concatenate(list(batches(50, 8, 2, seed))) for seed in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()


@FITS
def test_a_fit_depends_on_the_seed_only_through_its_batches(fit):
    features, targets = synthetic(noise=0.5)
    mini = [fit(features, targets, np.zeros(4), 0.01, 3, 8, seed) for seed in (0, 0, 1)]
    assert (mini[0] == mini[1]).all()
    assert (mini[0] != mini[2]).any()
    full = [fit(features, targets, np.zeros(4), 0.01, 3, 60, seed) for seed in (0, 1)]
    np.testing.assert_allclose(*full, rtol=1e-12)


def test_sgd_descends_on_the_mean_of_each_batch():
    features, targets = synthetic(noise=0.5)
    weights = np.zeros(4)
    for places in np.split(np.random.default_rng(3).permutation(60), [25, 50]):
        errors = [features[place] @ weights - targets[place] for place in places]
        weights = weights - 0.1 * np.mean(
            [error * features[place] for error, place in zip(errors, places, strict=True)], 0
        )
    np.testing.assert_allclose(sgd(features, targets, np.zeros(4), 0.1, 1, 25, 3), weights, rtol=1e-12)


@FITS
@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int64])
def test_a_fit_leaves_its_arguments_alone_and_returns_float64(fit, kind):
    given = [np.arange(12).reshape(6, 2).astype(kind), np.arange(6).astype(kind), np.ones(2, kind)]
    kept = [array.copy() for array in given]
    assert fit(*given, 0.001, 2, 4, 0).dtype == np.float64
    start = fit(*given, 0.001, 0, 4, 0)
    assert (start == given[2]).all()
    start += 1
    assert all(np.array_equal(now, before) for now, before in zip(given, kept, strict=True))


REFUSED = {
    "X of one dimension": ({"X": np.ones(6)}, r"X has shape \(6,\); accepted: \(n, d\)"),
    "no examples": ({"X": np.ones((0, 2))}, r"X has shape \(0, 2\); accepted"),
    "too few targets": ({"y": np.ones(5)}, r"y has shape \(5,\); accepted .*: \(6,\)"),
    "targets as a column": ({"y": np.ones((6, 1))}, r"y has shape \(6, 1\); accepted .*: \(6,\)"),
    "too many weights": ({"w": np.ones(3)}, r"w has shape \(3,\); accepted .*: \(2,\)"),
    "NaN in X": ({"X": np.full((6, 2), np.nan)}, "X has values that are not finite"),
    "infinite target": ({"y": np.full(6, np.inf)}, "y has values that are not finite"),
    "infinite weight": ({"w": np.full(2, -np.inf)}, "w has values that are not finite"),
    "rate of 0": ({"learning_rate": 0.0}, "learning_rate is 0.0; accepted"),
    "negative rate": ({"learning_rate": -0.1}, "learning_rate is -0.1; accepted"),
    "NaN rate": ({"learning_rate": np.nan}, "learning_rate is nan; accepted"),
    "infinite rate": ({"learning_rate": np.inf}, "learning_rate is inf; accepted"),
    "empty batch": ({"batch_size": 0}, "batch_size is 0; accepted: 1 to 6"),
    "batch past the examples": ({"batch_size": 7}, "batch_size is 7; accepted: 1 to 6"),
    "negative epochs": ({"epochs": -1}, "epochs is -1; accepted: at least 0"),
}
REFUSED_BY_ADAM = {
    "beta_1 of 1": ({"beta_1": 1.0}, "beta_1 is 1.0; accepted"),
    "negative beta_2": ({"beta_2": -0.1}, "beta_2 is -0.1; accepted"),
    "NaN beta_2": ({"beta_2": np.nan}, "beta_2 is nan; accepted"),
    "epsilon of 0": ({"epsilon": 0.0}, "epsilon is 0.0; accepted"),
    "infinite epsilon": ({"epsilon": np.inf}, "epsilon is inf; accepted"),
}


@pytest.mark.parametrize(
    ("fit", "case"),
    [*itertools.product([sgd, adam], REFUSED.values()), *((adam, case) for case in REFUSED_BY_ADAM.values())],
    ids=[f"{fit}, {name}" for fit, names in [("sgd", REFUSED), ("adam", REFUSED | REFUSED_BY_ADAM)] for name in names],
)
def test_a_fit_refuses(fit, case):
    changed, message = case
    accepted = {"X": np.ones((6, 2)), "y": np.ones(6), "w": np.ones(2), "learning_rate": 0.1}
    accepted |= {"epochs": 1, "batch_size": 4, "seed": 0}
    with pytest.raises(ValueError, match=message):
        fit(**accepted | changed)


# Wrong forms, which the same problems tell from the right ones ------------------------------------------------------


def wrong_sgd(features, targets, weights, learning_rate, epochs):
    """Adds the gradient where it should subtract it, and never samples."""
    for _ in range(epochs):
        gradient = features.T @ (features @ weights - targets) / len(targets)
        weights = weights + learning_rate * gradient
    return weights


def wrong_adam(features, targets, weights, learning_rate, epochs, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    """Counts its steps from 0, where both bias corrections divide by 1 - 1."""
    m, v = np.zeros_like(weights), np.zeros_like(weights)
    for step in range(epochs):
        gradient = features.T @ (features @ weights - targets) / len(targets)
        m = beta_1 * m + (1 - beta_1) * gradient
        v = beta_2 * v + (1 - beta_2) * gradient**2
        corrected = m / (1 - beta_1**step), v / (1 - beta_2**step)
        weights = weights - learning_rate * corrected[0] / (np.sqrt(corrected[1]) + epsilon)
    return weights


PROBLEMS = pytest.mark.parametrize("problem", [diabetes, lambda: synthetic(noise=0)], ids=["diabetes", "consistent"])


@PROBLEMS
def test_the_wrong_sgd_moves_away_where_sgd_comes_near(problem):
    features, targets = problem()
    best, start, rate = least_squares(features, targets), np.zeros(features.shape[1]), best_rate(features)
    wrong = [distance(wrong_sgd(features, targets, start, rate, epochs), best) for epochs in (0, 1, 2, 5, 20, 100)]
    right = [distance(sgd(features, targets, start, rate, epochs, len(features), 0), best) for epochs in (0, 100)]
    assert all(later > earlier for earlier, later in itertools.pairwise(wrong))
    assert wrong[-1] > 1e6
    assert right[1] < right[0] / 2
    with np.errstate(over="ignore", invalid="ignore"):
        assert not np.isfinite(wrong_sgd(features, targets, start, rate, 4000)).any()


@PROBLEMS
def test_the_wrong_adam_is_lost_at_its_first_step_where_adam_is_not(problem):
    features, targets = problem()
    start = np.zeros(features.shape[1])
    with np.errstate(divide="ignore", invalid="ignore"):
        assert not np.isfinite(wrong_adam(features, targets, start, 0.1, 1)).any()
    right = adam(features, targets, start, 0.1, 1, len(features), 0)
    assert np.abs(right) == pytest.approx(np.full(len(right), 0.1), rel=1e-4)


def test_the_oracles_need_no_tensorflow():
    code = "import runpy, sys; runpy.run_path(sys.argv[1]); sys.exit('tensorflow' in sys.modules)"
    subprocess.run([sys.executable, "-c", code, reference.__file__], check=True)

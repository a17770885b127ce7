"""The NumPy oracles: steps by hand, and trajectories beside Keras in float64."""

from functools import cache

import numpy as np
import pytest

from pipeline.keras import keras, tf
from pipeline.optimizers.reference import adam, adam_step, clip, ema, sgd, sgd_step, trajectory

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

import itertools
import json

import numpy as np
import pytest

from pipeline.keras import keras, tf
from pipeline.optimizers.joined import JoinedSchedules
from pipeline.optimizers.schedules import SCHEDULES, build_schedule, cosine, rates

RATE, STEPS = 0.2, 100
SETTINGS = {
    "constant": {},
    "step": {"factor": 0.1, "every": 0.3},
    "exponential": {"final": 0.01},
    "cosine": {"final": 0.1},
    "cosine_restarts": {"cycles": 3, "lengthen": 1.0, "decay": 0.5},
    "polynomial": {"power": 2.0, "final": 0.1},
    "one_cycle": {"start": 0.1, "rise": 0.25, "final": 0.0},
}
SHARES = {
    "constant": {0: 1, 50: 1, 99: 1, 100: 1, 10**6: 1},
    "step": {0: 1, 29: 1, 30: 0.1, 59: 0.1, 60: 0.01, 90: 0.001, 99: 0.001, 10**6: 0.001},
    "exponential": {0: 1, 25: 0.01**0.25, 50: 0.1, 100: 0.01, 10**6: 0.01},
    "cosine": {0: 1, 25: 0.1 + 0.45 * (1 + 0.5**0.5), 50: 0.55, 100: 0.1, 10**6: 0.1},
    "cosine_restarts": {0: 1, 25: 0.5 * (1 + np.cos(0.75 * np.pi)), 50: 0.25, 100: 0, 10**6: 0},
    "polynomial": {0: 1, 50: 0.1 + 0.9 * 0.25, 100: 0.1, 10**6: 0.1},
    "one_cycle": {0: 0.1, 5: 0.28, 25: 1, 50: 0.75, 75: 0.25, 100: 0, 10**6: 0},
}
NAMES = sorted(SETTINGS)


def at(schedule, step):
    """The rate at a step, counted as an optimizer counts it."""
    return float(schedule(tf.constant(step, tf.int64))) if callable(schedule) else schedule


def built(name, rate=RATE, steps=STEPS, **more):
    return build_schedule(name, rate, steps, **{**SETTINGS[name], **more})


def test_every_schedule_is_tested():
    assert set(SCHEDULES) == set(SETTINGS) == set(SHARES)


@pytest.mark.parametrize(
    ("name", "step", "share"), [(name, *each) for name, shares in SHARES.items() for each in shares.items()]
)
def test_the_rate_is_as_worked_out_by_hand(name, step, share):
    assert at(built(name), step) == pytest.approx(RATE * share, rel=1e-5, abs=1e-8)


@pytest.mark.parametrize("name", NAMES)
def test_a_step_is_counted_alike_as_a_number_and_in_a_graph(name):
    schedule = built(name, warm_up=0.1)
    steps = tf.range(0, 2 * STEPS, 7, dtype=tf.int64)
    in_graph = tf.function(schedule)
    assert [float(schedule(int(step))) for step in steps] == pytest.approx(
        [float(in_graph(step)) for step in steps], rel=1e-5, abs=1e-8
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_training_of_one_step_takes_it_at_the_full_rate(name):
    assert at(built(name, steps=1), 0) == pytest.approx(RATE)
    assert at(built(name, steps=1, warm_up=0.9), 0) == pytest.approx(RATE)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("steps", [2, 3, 7])
def test_few_steps_give_rates_that_are_finite_and_no_higher(name, steps):
    found = [at(built(name, steps=steps, warm_up=0.3), step) for step in range(3 * steps)]
    assert np.isfinite(found).all()
    assert 0 <= min(found) <= max(found) <= RATE * (1 + 1e-6)
    assert found[0] > 0


@pytest.mark.parametrize("name", NAMES)
def test_warm_up_rises_in_equal_parts_and_the_schedule_spans_the_rest(name):
    warmed, rest = built(name, warm_up=0.2), built(name, steps=80)
    first = at(rest, 0)
    assert [at(warmed, step) for step in range(20)] == pytest.approx([first * part / 20 for part in range(1, 21)])
    for step in (0, 1, 20, 40, 79, 80, 1000):
        assert at(warmed, 20 + step) == np.float32(at(rest, step))


@pytest.mark.parametrize(("name", "before", "after"), [("cosine_restarts", 0.6, 0.5), ("one_cycle", 0.99, 1.0)])
def test_a_schedule_that_turns_does_so_at_the_very_step(name, before, after):
    settings = {"cycles": 2, "lengthen": 3.0, "decay": 0.5} if name == "cosine_restarts" else SETTINGS[name]
    schedule = build_schedule(name, RATE, STEPS, **settings)
    assert at(schedule, 24) < before * RATE
    assert at(schedule, 25) == pytest.approx(after * RATE)
    assert at(schedule, 26) < after * RATE


def test_each_cycle_is_longer_and_lower_than_the_one_before():
    schedule = build_schedule("cosine_restarts", 1.0, 70, cycles=3, lengthen=2.0, decay=0.5)
    assert [at(schedule, step) for step in (0, 5, 10, 20, 30, 50, 70)] == pytest.approx(
        [1, 0.5, 0.5, 0.25, 0.25, 0.125, 0], abs=1e-6
    )


def test_many_drops_of_few_steps_keep_their_last():
    schedule = build_schedule("step", 1.0, 3, factor=0.5, every=0.1)
    assert [at(schedule, step) for step in range(4)] == pytest.approx([1, 0.5**4, 0.5**8, 0.5**8])


@pytest.mark.parametrize(
    ("step", "share"), [(0, 1.0), (25, 0.5 * (1 + np.sqrt(0.5))), (50, 0.5), (100, 0.0), (101, 0.0), (10_000, 0.0)]
)
def test_cosine_falls_to_zero_unless_told_otherwise(step, share):
    assert float(cosine(0.2, 100)(step)) == pytest.approx(0.2 * share, abs=1e-8)


def test_cosine_never_rises():
    found = [float(cosine(0.2, 37)(step)) for step in range(60)]
    assert all(earlier >= later for earlier, later in itertools.pairwise(found))
    assert min(found) >= 0


def test_cosine_to_zero_is_keras_own_bit_for_bit():
    own = keras.optimizers.schedules.CosineDecay(0.05, 137)
    assert [at(build_schedule("cosine", 0.05, 137, final=0.0), step) for step in range(140)] == [
        at(own, step) for step in range(140)
    ]


def test_a_constant_rate_is_a_number():
    assert built("constant") == RATE
    assert type(built("constant")) is float


def test_warm_up_can_start_above_zero():
    found = [at(built("constant", warm_up=0.1, warm_up_start=0.25), step) for step in range(12)]
    expected = [RATE * (0.25 + 0.75 * (step + 1) / 10) for step in range(10)]
    assert found == pytest.approx([*expected, RATE, RATE])


@pytest.mark.parametrize("warm_up", [0.0, 0.1])
@pytest.mark.parametrize("name", NAMES)
def test_an_optimizer_made_again_from_its_configuration_has_the_same_schedule(name, warm_up):
    schedule = built(name, warm_up=warm_up)
    config = keras.optimizers.SGD(schedule).get_config()
    if callable(schedule):
        config["learning_rate"] = json.loads(json.dumps(config["learning_rate"]))
    again = keras.optimizers.SGD.from_config(config)._learning_rate
    for step in (0, 3, 10, 42, 99, 100, 500):
        assert (at(again, step) if callable(schedule) else float(again)) == np.float32(at(schedule, step))


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_model_keeps_the_schedule(name, tmp_path):
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(built(name, warm_up=0.1)), "mse")
    model.fit(np.ones((4, 1)), np.ones((4, 1)), batch_size=1, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras").optimizer
    assert int(again.iterations) == 4
    assert at(again._learning_rate, 60) == at(built(name, warm_up=0.1), 60)


@pytest.mark.parametrize(("name", "shares"), [("constant", [1, 1, 1, 1]), ("cosine", [1, 0.75, 0.25, 0])])
def test_sgd_takes_the_steps_that_the_schedule_says(name, shares):
    variable = keras.backend.variable(0.0)
    optimizer = keras.optimizers.SGD(build_schedule(name, 0.5, 3))
    moved = []
    for _ in shares:
        before = float(variable)
        optimizer.apply_gradients([(keras.backend.constant(1.0), variable)])
        moved.append(before - float(variable))
    assert moved == pytest.approx([0.5 * share for share in shares], abs=1e-6)


@pytest.mark.parametrize("name", ["constant", "cosine", "one_cycle"])
def test_a_plot_has_the_first_and_the_last_step(name):
    found = rates(built(name), STEPS, 12)
    assert [step for step, _ in found] == [0, 9, 18, 27, 36, 45, 54, 63, 72, 81, 90, 99]
    assert [rate for _, rate in found] == [at(built(name), step) for step, _ in found]
    assert [step for step, _ in rates(built(name, steps=3), 3, 12)] == [0, 1, 2]
    assert [step for step, _ in rates(built(name, steps=1), 1, 12)] == [0]


@pytest.mark.parametrize(
    ("name", "changes", "line"),
    [
        ("cosin", {}, r"schedule 'cosin' is unknown; accepted: constant, step, .*one_cycle"),
        ("constant", {"learning_rate": 0.0}, r"learning_rate 0.0; accepted: a number above 0"),
        ("constant", {"learning_rate": float("nan")}, "learning_rate nan"),
        ("constant", {"steps": 0}, "steps 0; accepted: 1 or more"),
        ("constant", {"warm_up_start": 1.5}, "warm_up_start 1.5; accepted: 0 to 1"),
        ("constant", {"warm_up": 1.0}, r"warm_up 1.0; accepted: 0 up to, not including, 1"),
        ("step", {"factor": 0.0}, r"factor 0.0; accepted: above 0, up to 1"),
        ("step", {"every": 0.0}, r"every 0.0; accepted: 0.01 to 1"),
        ("exponential", {"final": 0.0}, r"final 0.0; accepted: above 0, up to 1"),
        ("cosine", {"final": 1.5}, r"final 1.5; accepted: 0 to 1"),
        ("cosine_restarts", {"cycles": 0}, "cycles 0; accepted: 1 to 100"),
        ("cosine_restarts", {"lengthen": 0.5}, r"lengthen 0.5; accepted: 1 to 10"),
        ("cosine_restarts", {"decay": 0.0}, r"decay 0.0; accepted: above 0, up to 1"),
        ("polynomial", {"power": -1.0}, r"power -1.0; accepted: a number above 0"),
        ("polynomial", {"final": -0.1}, r"final -0.1; accepted: 0 to 1"),
        ("one_cycle", {"start": 0.0}, r"start 0.0; accepted: above 0, up to 1"),
        ("one_cycle", {"rise": 1.0}, r"rise 1.0; accepted: above 0, below 1"),
        ("one_cycle", {"final": 2.0}, r"final 2.0; accepted: 0 to 1"),
    ],
)
def test_nonsense_is_refused_by_name(name, changes, line):
    with pytest.raises(ValueError, match=f"^{line}"):
        build_schedule(name, **{"learning_rate": RATE, "steps": STEPS, **SETTINGS.get(name, {}), **changes})


@pytest.mark.parametrize(
    ("boundaries", "line"), [([], "0 boundaries of 2 schedules"), ([3, 4], "2 boundaries of 2 schedules")]
)
def test_schedules_are_joined_at_one_boundary_fewer(boundaries, line):
    with pytest.raises(ValueError, match=line):
        JoinedSchedules([0.1, 0.2], boundaries)


def test_boundaries_ascend():
    with pytest.raises(ValueError, match=r"boundaries \[4, 3\]; accepted: ascending steps"):
        JoinedSchedules([0.1, 0.2, 0.3], [4, 3])

"""Two hundred steps beside tf_keras in float32, and beside the NumPy oracle in float64, for every option."""

import itertools

import numpy as np
import pytest
from optimizer_cases import CASES, OURS, STOCK, far, follow, gradients, start

from pipeline.keras import keras
from pipeline.optimizers.reference import trajectory

STEPS = 200
table = pytest.mark.parametrize(("kind", "options"), CASES.values(), ids=CASES)


@table
def test_float32_follows_tf_keras(kind, options):
    options = {"learning_rate": 0.001, **options} if kind == "adam" else options
    if kind == "adam":
        options["learning_rate"] = min(options["learning_rate"], 0.001)
    ours, stock = (follow(each[kind](**options), start(), gradients(STEPS)) for each in (OURS, STOCK))
    assert far(ours, stock) < 1e-6
    assert far(ours, start()) > 1e-4


@table
def test_float64_follows_the_oracle(kind, options):
    options = {"learning_rate": 0.0078125, **options}
    ours = follow(OURS[kind](**options), start("float64"), gradients(STEPS, "float64"))
    expected = trajectory(kind, start("float64"), gradients(STEPS, "float64"), **options)[-1].weights
    assert far(ours, expected) < 1e-12


@pytest.mark.parametrize("rate", [0.001, 0.01, 0.1])
def test_adam_of_float32_is_nearer_to_the_oracle_than_tf_keras(rate):
    exact = trajectory("adam", start("float64"), gradients(STEPS, "float64"), learning_rate=rate)[-1].weights
    weights = start("float64")  # the same numbers, before they are rounded to float32
    ours, stock = (
        follow(each["adam"](rate), [w.astype("float32") for w in weights], gradients(STEPS)) for each in (OURS, STOCK)
    )
    assert far(ours, exact) < min(4e-6, far(stock, exact))


@pytest.mark.parametrize("kind", OURS)
@pytest.mark.parametrize("every", [2, 3])
def test_accumulated_gradients_are_one_step_on_the_joint_batch(kind, every):
    options = {"clipnorm": 0.25, "weight_decay": 0.125, "learning_rate": 0.0078125}
    many = list(gradients(30, "float64"))
    joint = [
        [np.mean(parts, axis=0) for parts in zip(*chunk, strict=True)]
        for chunk in (many[at : at + every] for at in range(0, len(many), every))
    ]
    schedule = keras.optimizers.schedules.PolynomialDecay(0.5, 20)
    for rate in (options["learning_rate"], schedule):
        given = {**options, "learning_rate": rate}
        split = OURS[kind](gradient_accumulation_steps=every, **given)
        whole = OURS[kind](**given)
        assert far(follow(split, start("float64"), many), follow(whole, start("float64"), joint)) < 1e-13
        assert int(split.iterations) == int(whole.iterations) == 30 // every


@pytest.mark.parametrize("kind", OURS)
def test_an_incomplete_round_changes_nothing(kind):
    optimizer = OURS[kind](gradient_accumulation_steps=4)
    assert far(follow(optimizer, start(), gradients(3)), start()) == 0
    assert int(optimizer.iterations) == 0


@pytest.mark.parametrize(("kind", "own"), [("sgd", {"momentum": 0.875}), ("adam", {}), ("adam", {"amsgrad": True})])
def test_a_variable_without_a_gradient_stays_and_so_does_its_state(kind, own):
    """Adam lays small variables end to end; one that is left out at a step must not be moved by its momentum."""
    from pipeline.keras import tf

    found = []
    for side in (OURS, STOCK):
        weights = [tf.Variable(each) for each in start()]
        optimizer = side[kind](**own)
        optimizer.build(weights)
        for step, given in enumerate(gradients(9)):
            chosen = [place for place in range(3) if (step + place) % 3]
            optimizer.apply_gradients([(tf.constant(given[place]), weights[place]) for place in chosen])
        found.append([each.numpy() for each in weights])
    assert far(*found) < 1e-6


def test_the_usual_options_differ_from_each_other():
    """Else a table of options that are ignored would pass."""
    ends = {
        name: follow(OURS[kind](**{"learning_rate": 0.0078125, **options}), start(), gradients(20))
        for name, (kind, options) in CASES.items()
    }
    for (one, first), (other, second) in itertools.combinations(ends.items(), 2):
        if not {one.split()[-1], other.split()[-1]} & {"rate", "plain"}:
            assert far(first, second) > 0, (one, other)

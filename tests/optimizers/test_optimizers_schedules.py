import itertools

import numpy as np
import pytest

from pipeline.keras import keras
from pipeline.optimizers.schedules import SCHEDULES, constant, cosine


def test_every_schedule_has_a_name():
    assert {"constant": constant, "cosine": cosine} == SCHEDULES


@pytest.mark.parametrize(
    ("step", "share"), [(0, 1.0), (25, 0.5 * (1 + np.sqrt(0.5))), (50, 0.5), (100, 0.0), (101, 0.0), (10_000, 0.0)]
)
def test_cosine_falls_to_zero_along_half_a_cosine(step, share):
    assert float(cosine(0.2, 100)(step)) == pytest.approx(0.2 * share, abs=1e-8)


def test_cosine_never_rises():
    rates = [float(cosine(0.2, 37)(step)) for step in range(60)]
    assert all(earlier >= later for earlier, later in itertools.pairwise(rates))
    assert min(rates) >= 0


@pytest.mark.parametrize("steps", [1, 100])
def test_constant_stays(steps):
    assert constant(0.2, steps) == 0.2


@pytest.mark.parametrize(("name", "shares"), [("constant", [1, 1, 1, 1]), ("cosine", [1, 0.75, 0.25, 0])])
def test_sgd_takes_the_steps_that_the_schedule_says(name, shares):
    variable = keras.backend.variable(0.0)
    optimizer = keras.optimizers.SGD(SCHEDULES[name](0.5, 3))
    moved = []
    for _ in shares:
        before = float(variable)
        optimizer.apply_gradients([(keras.backend.constant(1.0), variable)])
        moved.append(before - float(variable))
    assert moved == pytest.approx([0.5 * share for share in shares], abs=1e-6)

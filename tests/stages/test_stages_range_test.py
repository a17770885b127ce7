"""The range test and the picture of a schedule, as stages have them."""

import json

import numpy as np
import pytest
from stage_runs import configured, ran

from pipeline.engine.errors import ConfigError, InputError
from pipeline.optimizers.schedules import build_schedule
from pipeline.stages.schedule_exhibit import schedule_exhibit

SMALL = ("++model.units=[16]", "steps=60", "lowest=1e-4")


def test_a_range_test_writes_shows_and_suggests_the_same_again(digits, tmp_path):
    one, two = (ran(configured("range_test", *SMALL), tmp_path / name, data=digits) for name in ("one", "two"))
    text = (one.files / "range_test.json").read_text()
    assert (two.files / "range_test.json").read_text() == text
    found = json.loads(text)
    rates, losses = zip(*found["curve"], strict=True)
    assert rates[0] == pytest.approx(1e-4)
    assert rates[0] < found["suggestion"] < rates[-1] <= 1.0
    assert min(losses) < 0.7 * losses[0]
    (shown,) = one.exhibits
    assert (shown.line, shown.log_x) == ("smoothed loss", True)
    assert shown.rows == found["curve"]
    assert f"{found['suggestion']:.3g} is suggested" in shown.title


def test_the_optimizers_own_schedule_does_not_matter(digits, tmp_path):
    settings = ("++optimizer.schedule.final=0.5", "++optimizer.warm_up=0.5", "++optimizer.learning_rate=7.0")
    plain = ran(configured("range_test", *SMALL, "steps=10"), tmp_path / "plain", data=digits)
    other = ran(configured("range_test", *SMALL, "steps=10", *settings), tmp_path / "other", data=digits)
    assert (plain.files / "range_test.json").read_text() == (other.files / "range_test.json").read_text()


def test_accumulated_batches_are_tested_as_one_large_batch(digits, tmp_path):
    small = (*SMALL, "steps=15", "++model.dropout=0.0")
    whole = ran(configured("range_test", *small, "batch_size=64"), tmp_path / "whole", data=digits)
    halves = (*small, "batch_size=32", "++optimizer.gradient_accumulation_steps=2")
    split = ran(configured("range_test", *halves), tmp_path / "split", data=digits)
    one, two = (json.loads((each.files / "range_test.json").read_text())["curve"] for each in (whole, split))
    np.testing.assert_allclose(one, two, rtol=1e-4)


def test_batches_at_the_end_that_make_no_step_are_noted(digits, tmp_path):
    settings = ("++model.units=[16]", "epochs=1", "batch_size=300", "++optimizer.gradient_accumulation_steps=3")
    trained = ran(configured("train", *settings), tmp_path / "train", data=digits)
    assert trained.notes == ["the last 2 of 5 batches make no step of 3 and teach nothing"]
    even = ran(configured("train", *settings, "epochs=3"), tmp_path / "even", data=digits)
    assert even.notes == []


def test_rates_too_low_to_learn_at_are_refused_with_the_keys(digits, tmp_path):
    stage = configured("range_test", *SMALL, "lowest=1e-12", "highest=1e-11")
    with pytest.raises(
        InputError, match=r"at no rate from 1e-12 to 1e-11 does the loss fall.*\(set by lowest and highest\)"
    ):
        ran(stage, tmp_path / "low", data=digits)


@pytest.mark.parametrize(
    ("data", "overrides", "line"),
    [
        ("digits", ["lowest=0.1", "highest=0.01"], "highest=0.01: not above lowest; accepted: above 0.1"),
        ("digits", ["steps=9"], "steps=9: not valid"),
        ("digits", ["lowest=0.0"], "lowest=0.0: not valid"),
        ("digits", ["+stages.x.epochs=3"], "x.epochs=3: unknown key"),
        ("digits", ["+stages.x.distribution.engine=horovod"], "x.distribution={'engine': 'horovod'}: unknown key"),
        ("breast_cancer", ["augment.flip=true"], "augment.flip: takes images, and the data is a table"),
        ("breast_cancer", ["model={family: cnn, filters: [2], units: 2, dropout: 0.0}"], "model.family=cnn: takes"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_runs(data, overrides, line):
    with pytest.raises(ConfigError) as caught:
        configured("range_test", *overrides, data=data)
    assert line in str(caught.value)


def test_a_schedule_is_shown_as_a_line_and_a_constant_rate_is_not():
    shown = schedule_exhibit(build_schedule("cosine", 0.1, 1000, warm_up=0.1), 1000)
    assert (shown.title, shown.line, len(shown.rows)) == ("learning rate", "learning rate", 100)
    assert (shown.rows[0][0], shown.rows[-1][0]) == (0, 999)
    assert max(rate for _, rate in shown.rows) == pytest.approx(0.1, rel=1e-3)
    assert schedule_exhibit(0.1, 1000) is None

"""The experiments as they are shipped, the longest one shortened, against floors."""

import json
from pathlib import Path

import pytest

FASHION = Path("/usr/share/datasets/fashion-mnist")

FLOORS = {
    "digits": {"baseline": 0.96, "drop": 2.0},
    "breast_cancer": {"baseline": 0.93, "drop": 2.0},
    "fashion_mnist": {"baseline": 0.84, "drop": 1.0},
}
"""Test accuracy of the float32 baseline, and how many points the pruned int8 model may lose."""

SHORTER = {"fashion_mnist": ["stages.baseline.epochs=1", "stages.prune.epochs=2", "model.filters=[16,32]"]}
"""3 epochs of 20 and half the filters, on all images: in full it takes 4 to 15 minutes, by machine. After one epoch the
baseline has 85.9 %, which the pruned model, trained longer, keeps; pruned within one it would lose points."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "experiment",
    [
        "digits",
        "breast_cancer",
        pytest.param(
            "fashion_mnist",
            marks=pytest.mark.skipif(
                not FASHION.is_dir(), reason="needs the data of Debian's package dataset-fashion-mnist"
            ),
        ),
    ],
)
def test_an_experiment_keeps_its_promise(experiment, cli):
    done = cli(f"+experiment={experiment}", *SHORTER.get(experiment, []))
    assert done.code == 0, done.err
    document = json.loads((done.output / "report" / "report.json").read_text())
    found = {model["name"]: model["measurement"] for model in document["models"]}
    floors = FLOORS[experiment]
    assert found["baseline"]["accuracy"] >= floors["baseline"]
    assert found["pruned + int8"]["accuracy"] >= found["baseline"]["accuracy"] - floors["drop"] / 100
    assert found["pruned + int8"]["deflated_bytes"] < found["baseline"]["deflated_bytes"] / 3
    assert document["stages"][0]["notes"] == []


@pytest.mark.slow
def test_ten_features_that_do_not_repeat_are_as_good_as_thirty(cli):
    done = cli("+experiment=feature_selection")
    assert done.code == 0, done.err
    document = json.loads((done.output / "report" / "report.json").read_text())
    found = {model["name"]: model["measurement"] for model in document["models"]}
    few = found["10 that do not repeat"]
    assert few["accuracy"] >= found["all 30"]["accuracy"] - 0.02
    assert few["deflated_bytes"] < found["all 30"]["deflated_bytes"] / 1.3
    shown = {stage["name"]: stage["exhibits"] for stage in document["stages"]}
    assert {row[-1] for row in shown["select_information"][0]["rows"]} == {"kept", "dropped"}
    assert any("repeats" in row[-1] for row in shown["select_uncorrelated"][0]["rows"])


@pytest.mark.slow
def test_a_regression_from_a_function_is_measured_in_its_own_terms(cli):
    done = cli("+experiment=diabetes")
    assert done.code == 0, done.err
    document = json.loads((done.output / "report" / "report.json").read_text())
    found = {model["name"]: model["measurement"] for model in document["models"]}
    assert found["baseline"]["r2"] > 0.25
    assert found["pruned + int8"]["r2"] > found["baseline"]["r2"] - 0.1
    assert "accuracy" not in found["baseline"]
    served = json.loads((done.output / "export_baseline" / "export.json").read_text())
    assert len(served["columns"]) == 10
    assert served["checks"]["saved_model, raw columns"]["largest_difference"] < 1e-3

"""The experiments as they are shipped, against the floors that their headers promise."""

import json
from pathlib import Path

import pytest

FASHION = Path("/usr/share/datasets/fashion-mnist")

FLOORS = {
    "digits": {"baseline": 0.96, "drop": 2.0},
    "breast_cancer": {"baseline": 0.93, "drop": 2.0},
    "fashion_mnist": {"baseline": 0.91, "drop": 0.5},
}
"""Test accuracy of the float32 baseline, and how many points the pruned int8 model may lose."""


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
    done = cli(f"+experiment={experiment}")
    assert done.code == 0, done.err
    document = json.loads((done.output / "report" / "report.json").read_text())
    found = {model["name"]: model["measurement"] for model in document["models"]}
    floors = FLOORS[experiment]
    assert found["baseline"]["accuracy"] >= floors["baseline"]
    assert found["pruned + int8"]["accuracy"] >= found["baseline"]["accuracy"] - floors["drop"] / 100
    assert found["pruned + int8"]["deflated_bytes"] < found["baseline"]["deflated_bytes"] / 3
    assert document["stages"][0]["notes"] == []

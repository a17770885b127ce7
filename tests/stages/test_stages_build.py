"""The stage that makes a model and does not train it."""

import json

import pytest
from stage_runs import configured, ran

from pipeline.engine.errors import ConfigError


def test_it_is_the_network_of_a_trained_one_and_the_same_for_the_same_seed(tmp_path):
    from pipeline.models.files import load_model

    data = ran(configured("prepare"), tmp_path / "data")
    first, again, other = (
        ran(configured("build", f"seed={seed}"), tmp_path / f"model_{place}", data=data)
        for place, seed in enumerate((0, 0, 1))
    )
    digests = [(each.files / "weights.sha256").read_text() for each in (first, again, other)]
    assert digests[0] == digests[1] != digests[2]
    assert json.loads((first.files / "history.json").read_text()) == []
    names = [layer.name for layer in load_model(first.files / "model.keras").layers]
    assert "logits" in names


def test_images_are_not_asked_of_a_table():
    with pytest.raises(ConfigError, match="takes images"):
        configured("build", data="breast_cancer", model="cnn")

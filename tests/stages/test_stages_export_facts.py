"""What is told of an exported model."""

import json
from types import SimpleNamespace

import pytest

from pipeline.data.dataset import Column, Info
from pipeline.stages.export_facts import described, provenance

IMAGES = Info("image", "classification", (8, 8, 1), "uint8", ("cat", "dog"), scale=16.0)
COLUMNS = (Column("the size", "numeric", fill=2.5), Column("color", "categorical", ("blue", "red"), fill=1.0))
TABLE = Info("table", "regression", (2,), "float32", ("price",), COLUMNS)


def test_labels_and_preprocessing_of_images():
    facts = described(IMAGES)
    assert facts["class_names"] == ["cat", "dog"]
    assert facts["input_shape"] == [8, 8, 1]
    assert facts["columns"] == []
    assert facts["preprocessing"]["stored_as"] == "uint8"
    assert facts["preprocessing"]["scale"] == 16.0
    assert facts["preprocessing"]["features"].startswith("pixels as they are stored, not scaled")
    assert "softmax" in facts["output"]


def test_labels_and_preprocessing_of_a_table():
    facts = described(TABLE)
    assert facts["class_names"] == ["price"]
    assert [each["argument"] for each in facts["columns"]] == ["the_size", "color"]
    assert [each["missing_becomes"] for each in facts["columns"]] == [2.5, 1.0]
    assert facts["columns"][1]["vocabulary"] == ["blue", "red"]
    assert "scale" not in facts["preprocessing"]
    assert "1 + its place in the column's vocabulary" in facts["preprocessing"]["features"]
    assert "units of the target" in facts["output"]


def test_labels_have_a_probability_each():
    assert "sigmoid" in described(Info("table", "multi_label", (2,), "float32", ("a", "b"), COLUMNS))["output"]


def manifest(key, kind, inputs, libraries, sources=None, **settings):
    """As the engine hands it on, with what no two runs have in common."""
    identity = {"kind": kind, "settings": settings, "inputs": inputs, "sources": sources or {}, "libraries": libraries}
    return {"key": key, "kind": kind, "identity": identity, "created": "2026", "run": "x", "inputs": {"data": "name"}}


@pytest.fixture
def context():
    prepared = manifest("b2", "prepare", {}, {"python": "3.11", "pandas": "2"}, {"a.csv": "0f", "b.csv": "1f"}, seed=3)
    trained = manifest("a1", "train", {"data": "b2"}, {"python": "3.11", "tensorflow": "2.18"}, epochs=5)
    inputs = {"model": SimpleNamespace(key="a1"), "data": SimpleNamespace(key="b2")}
    return SimpleNamespace(key="c3", inputs=inputs, lineage={"prepare": prepared, "mine": trained})


def test_provenance_names_what_it_was_made_from(context):
    told = provenance(context, {"python": "3.11", "onnx": "1"})
    assert told["key"] == "c3"
    assert told["inputs"] == {"data": "b2", "model": "a1"}
    train, prepare = told["stages"]
    assert train == {"key": "a1", "kind": "train", "settings": {"epochs": 5}, "inputs": {"data": "b2"}}
    assert prepare["settings"] == {"seed": 3}
    assert prepare["sources"]["files"] == 2
    assert told["libraries"] == {"onnx": "1", "pandas": "2", "python": "3.11", "tensorflow": "2.18"}
    context.lineage["prepare"]["identity"]["sources"]["a.csv"] = "0e"
    assert provenance(context, {})["stages"][1]["sources"]["sha256"] != prepare["sources"]["sha256"]


def test_provenance_says_nothing_that_the_key_does_not(context):
    told = provenance(context, {})
    context.lineage = {"other": context.lineage["mine"], "names": context.lineage["prepare"]}
    for each in context.lineage.values():
        each.update(created="2027", run="y", inputs={"data": "other"})
        each["identity"] = dict(reversed(each["identity"].items()))
        each["identity"]["libraries"] = dict(reversed(each["identity"]["libraries"].items()))
    assert json.dumps(provenance(context, {})) == json.dumps(told)

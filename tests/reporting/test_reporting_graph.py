import pytest

from pipeline.reporting.graph import depths


def test_each_stage_is_one_deeper_than_its_deepest_input(document):
    stages = list(reversed(document["stages"]))
    assert [(stage["name"], depth) for stage, depth in depths(stages)] == [
        ("data", 0),
        ("train", 1),
        ("quantize", 2),
        ("prune", 2),
        ("export", 3),
    ]


def test_an_input_from_elsewhere_counts_as_given(document):
    assert [depth for _, depth in depths(document["stages"][1:2])] == [0]


def test_a_circle_is_refused(document):
    document["stages"][0]["inputs"] = {"model": "export"}
    with pytest.raises(ValueError, match="in a circle"):
        depths(document["stages"])

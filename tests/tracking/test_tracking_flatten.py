from pipeline.tracking.flatten import figures, flatten

TREE = {"seed": 0, "on": True, "stages": {"train": {"epochs": 3, "units": [64, 32], "rate": None}, "none": {}}}


def test_leaves_by_dotted_key_lists_and_none_as_text():
    assert flatten(TREE) == {
        "seed": 0,
        "on": True,
        "stages.train.epochs": 3,
        "stages.train.units": "[64, 32]",
        "stages.train.rate": "null",
        "stages.none": "{}",
    }


def test_figures_are_the_numbers():
    assert figures({**TREE, "latency_ms": {"p50": 0.5}, "cpu": "x"}) == {
        "seed": 0.0,
        "stages.train.epochs": 3.0,
        "latency_ms.p50": 0.5,
    }

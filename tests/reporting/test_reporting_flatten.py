from pipeline.reporting.flatten import flatten, numbers

TREE = {"seed": 0, "on": True, "stages": {"train": {"epochs": 3, "units": [64, 32], "rate": None}, "none": {}}}


def test_leaves_by_dotted_key():
    assert flatten(TREE) == {
        "seed": 0,
        "on": True,
        "stages.train.epochs": 3,
        "stages.train.units": [64, 32],
        "stages.train.rate": None,
        "stages.none": {},
    }


def test_only_numbers_are_numbers():
    assert numbers({**TREE, "latency_ms": {"p50": 0.5}, "cpu": "x"}) == {
        "seed": 0.0,
        "stages.train.epochs": 3.0,
        "latency_ms.p50": 0.5,
    }

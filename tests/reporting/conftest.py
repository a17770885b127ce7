"""One run's document, with figures chosen so that what follows from them can be worked out by hand."""

import copy

import pytest

from pipeline.reporting.render_html import render_html

CLASSES = ["cat", "dog", "owl"]
CONFUSION = {
    "baseline": [[480, 20, 0], [5, 395, 0], [0, 0, 100]],
    "pruned": [[480, 20, 0], [9, 391, 0], [0, 0, 100]],
    "int8": [[490, 10, 0], [5, 395, 0], [17, 0, 83]],
}
"""Of 500 cats, 400 dogs and 100 owls."""

CURVES = {
    "title": "training, 3 epochs",
    "columns": ["epoch", "training loss", "validation loss", "training accuracy", "validation accuracy"],
    "rows": [[1, 1.0, 1.2, 0.5, 0.4], [2, 0.5, 0.7, 0.8, 0.7], [3, 0.25, 0.6, 0.9, 0.8]],
    "bars": None,
    "line": None,
    "log_x": False,
    "lines": [["training loss", "validation loss"], ["training accuracy", "validation accuracy"]],
}
RATES = {
    "title": "learning rate",
    "columns": ["step", "learning rate"],
    "rows": [[0, 0.1], [5, 0.2], [9, 0.0]],
    "bars": None,
    "line": "learning rate",
    "log_x": False,
}
SCORES = {
    "title": "Scores",
    "columns": ["feature", "score"],
    "rows": [["height", 2.0], ["age", 0.5], ["width", 1.25]],
    "bars": "score",
}


def cost(core_seconds, wall_seconds, attempts=1):
    return {
        "wall_seconds": wall_seconds,
        "core_seconds": core_seconds,
        "peak_bytes": 512 * 1024**2,
        "bytes_read": 2048,
        "bytes_written": 4096,
        "attempts": attempts,
    }


def model(name, made_by, accuracy, size, deflated, p50, nonzero=20_000):
    return {
        "name": name,
        "stage": made_by,
        "measurement": {
            "task": "classification",
            "accuracy": accuracy,
            "correct": round(1000 * accuracy),
            "examples": 1000,
            "bytes": size,
            "deflated_bytes": deflated,
            "parameters": 20_000,
            "nonzero_parameters": nonzero,
            "sparsity": 1 - nonzero / 20_000,
            "flops": 4_200_000,
            "uncounted_ops": [],
            "latency_ms": {"p50": p50, "p90": 1.1 * p50, "p99": 1.4 * p50, "mean": 1.05 * p50},
            "peak_memory_bytes": 50 * 1024**2,
            "threads": 1,
            "interpreter": "litert 2.3.0",
            "cpu": "AMD EPYC",
        },
    }


def stage(name, kind, inputs, core_seconds, wall_seconds, notes=(), attempts=1):
    return {
        "name": name,
        "kind": kind,
        "key": f"{name}-0123456789abcdef",
        "inputs": inputs,
        "notes": list(notes),
        "exhibits": [],
        "created": "2026-11-23T15:00:00+00:00",
        "run": "2026-11-23-a1",
        "cost": cost(core_seconds, wall_seconds, attempts),
    }


def weights(zeros, names=("conv", "dense")):
    """Two kernels of 100 and 1,000 weights, with so many zeros."""
    layers = [
        {
            "name": name,
            "operator": "CONV_2D",
            "shape": shape,
            "parameters": size,
            "nonzero": size - empty,
            "counts": [0, (size - empty) // 2, size - empty - (size - empty) // 2, 0],
        }
        for name, shape, size, empty in zip(names, ([4, 5, 5, 1], [10, 100]), (100, 1000), zeros, strict=True)
    ]
    return {"low": -1.0, "high": 1.0, "layers": layers}


@pytest.fixture(scope="session")
def full_html():
    """The page of the full document, drawn once."""
    return render_html(make_full())


@pytest.fixture
def full():
    return make_full()


@pytest.fixture
def document():
    return make_document()


def make_full():
    """The document with everything that a report may hold; two of its stages are of an earlier run."""
    document = {**make_document(), "version": 2, "run": "2026-11-23-a1"}
    for model in document["models"]:
        found = {"confusion": CONFUSION[model["name"]], "classes": CLASSES}
        model["measurement"] |= copy.deepcopy(found)
    for model, zeros in zip(document["models"], ((0, 0), (25, 900), (0, 0)), strict=True):
        names = ("conv", "dense") if model["name"] != "int8" else ("conv_2d", "fully_connected")
        model["measurement"]["weights"] = weights(zeros, names)
    data, train, prune, *_ = document["stages"]
    data["run"] = train["run"] = "2026-11-22-ff"
    data["exhibits"] = [copy.deepcopy(SCORES)]
    train["exhibits"], prune["exhibits"] = copy.deepcopy(([RATES, CURVES], [CURVES]))
    return document


def make_document():
    """A run as it was described before there were versions."""
    return {
        "title": "Digits: a small convolutional network",
        "command": "frugal run experiment=digits seed=1",
        "config": "seed: 1\nmodel:\n  name: small_cnn  # 3 blocks\n",
        "before": "baseline",
        "models": [
            model("baseline", "train", 0.975, 81_920, 75_000, 0.8),
            model("pruned", "prune", 0.971, 81_920, 30_000, 0.79, nonzero=5_000),
            model("int8", "quantize", 0.968, 24_576, 20_000, 0.2),
        ],
        "stages": [
            stage("data", "dataset", {}, 30, 40),
            stage("train", "train", {"data": "data"}, 3600, 1900),
            stage("prune", "prune", {"model": "train", "data": "data"}, 1800, 950, ["2 of 5 layers are not pruned"]),
            stage("quantize", "quantize", {"model": "train", "data": "data"}, 90, 60, attempts=2),
            stage("export", "export", {"model": "prune", "quantized": "quantize"}, 0, 0),
        ],
        "environment": {
            "python": "3.11.9",
            "platform": "Linux-6.1-x86_64",
            "cpu": "AMD EPYC",
            "cores": 2,
            "libraries": {"tf-keras": "2.18.0", "tensorflow": "2.18.1"},
        },
        "per_core_hour": 0.05,
        "currency": "USD",
    }

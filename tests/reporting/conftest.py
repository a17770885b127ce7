"""One run's document, with figures chosen so that what follows from them can be worked out by hand."""

import pytest


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


@pytest.fixture
def document():
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

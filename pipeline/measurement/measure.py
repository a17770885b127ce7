"""Everything known about an exported model, measured in a process of its own."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from pipeline.measurement.flops import count_flops
from pipeline.measurement.parameters import count_parameters
from pipeline.measurement.size import file_size
from pipeline.measurement.weights import weight_statistics

_ROOT = Path(__file__).resolve().parents[2]
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR", "VIRTUAL_ENV")


def measure(
    model: Path,
    features: Path,
    labels: Path,
    *,
    threads: int = 1,
    warmup: int = 50,
    runs: int = 500,
    interpreter: str = "litert",
    timeout: float = 600.0,
    task: str = "classification",
) -> dict[str, Any]:
    """Measures a `.tflite` model on test data, one example at a time.

    Args:
        model: The exported model, with one input and one output of shape (1, outputs): logits for
            each class or label, or one number in the target's units.
        features: `.npy` array (examples, ...) in its stored dtype; cast or quantized to the model's input.
        labels: `.npy` array, by task: integer classes, (examples,); finite targets, (examples,); or 0 and 1 for each
            label, (examples, labels).
        threads: Interpreter threads, and cores the worker is pinned to.
        warmup: Invocations dropped before timing.
        runs: Invocations timed.
        interpreter: `litert` or `tensorflow`.
        timeout: Seconds the worker may take in all.
        task: "classification", "regression" or "multi_label".

    Returns:
        `task`, `examples`, and by task `accuracy` (0 to 1), `correct` and `confusion` (up to 100 classes), or `rmse`,
        `mae` and `r2`, or `f1` and `subset_accuracy`; `bytes`, `deflated_bytes`, `parameters`, `nonzero_parameters`,
        `sparsity` (0 to 1), `weights` (as `weight_statistics` returns them), `flops`, `uncounted_ops`, `latency_ms`
        (`p50`, `p90`, `p99`, `mean`), `peak_memory_bytes` (of the worker process), `threads`, `interpreter`, `cpu`.

    Raises:
        FileNotFoundError: If the model is missing.
        ValueError: If the model is not a complete TFLite file.
        RuntimeError: If the worker fails, crashes or exceeds `timeout`; one line says why.
    """
    counts = count_parameters(model)
    flops = count_flops(model)
    request = {
        "model": str(model.resolve()),
        "features": str(features.resolve()),
        "labels": str(labels.resolve()),
        "threads": threads,
        "warmup": warmup,
        "runs": runs,
        "interpreter": interpreter,
        "task": task,
    }
    return {
        **_run_worker(request, timeout),
        **file_size(model),
        **counts,
        "sparsity": 1 - counts["nonzero_parameters"] / counts["parameters"] if counts["parameters"] else 0.0,
        "flops": flops["flops"],
        "uncounted_ops": flops["uncounted"],
        "weights": weight_statistics(model),
    }


def _run_worker(request: dict[str, Any], timeout: float) -> dict[str, Any]:
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pipeline.measurement.worker"],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            cwd=_ROOT,
            env=_environment(request["threads"]),
        )
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"measuring {request['model']} took longer than {timeout:g} s and was stopped") from None
    answered = done.returncode in (0, 1) and done.stdout
    result = json.loads(done.stdout) if answered else {"error": _last_words(done)}
    if "error" in result:
        raise RuntimeError(f"measuring {request['model']} with {request['interpreter']} failed: {result['error']}")
    return result


def _environment(threads: int) -> dict[str, str]:
    """Builds the worker's environment from little, so that a setting of the caller cannot change the figures."""
    python_path = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **{name: os.environ[name] for name in _INHERITED if name in os.environ},
        "PYTHONPATH": os.pathsep.join(python_path),
        "OMP_NUM_THREADS": str(threads),
        "TF_NUM_INTRAOP_THREADS": str(threads),
        "TF_NUM_INTEROP_THREADS": "1",
    }


def _last_words(done: subprocess.CompletedProcess[str]) -> str:
    """Says in one line how a worker ended that gave no answer."""
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    ending = f"exit status {done.returncode}"
    if done.returncode < 0:
        ending = f"killed by {signal.Signals(-done.returncode).name}"
    return f"{ending}; last line: {lines[-1]}" if lines else ending

"""The process a model is measured in: `python -m pipeline.measurement.worker`.

One JSON request on stdin (the fields of `Request`), one JSON result on stdout: the figures, or `{"error": line}` and
exit status 1.
"""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Request:
    """What to measure: paths of the model and test arrays, and how to run it."""

    model: str
    features: str
    labels: str
    threads: int
    warmup: int
    runs: int
    interpreter: str
    task: str = "classification"


def run(request: Request) -> dict[str, Any]:
    """Measures quality, latency and memory in this very process, which it pins to the request's cores.

    Returns:
        What `quality` returns for the task, `task`, `latency_ms`, `peak_memory_bytes` (of the whole process,
        interpreter included), `threads`, `interpreter` with its version, and `cpu`.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If the request, the model or the examples cannot be measured.
        RuntimeError: If the interpreter refuses the model.
    """
    from pipeline.measurement.examples import check_examples
    from pipeline.measurement.interpreter import open_interpreter
    from pipeline.measurement.latency import latency
    from pipeline.measurement.machine import cpu_name, peak_memory_bytes, pin_to_cores
    from pipeline.measurement.predictor import Predictor
    from pipeline.measurement.quality import quality

    if request.runs < 1 or request.warmup < 0:
        raise ValueError(
            f"runs={request.runs}, warmup={request.warmup}: accepted are runs of 1 or more, warmup of 0 or more"
        )
    pin_to_cores(request.threads)
    features = Path(request.features)
    shape, labels = check_examples(features, Path(request.labels), request.task)
    interpreter, version = open_interpreter(Path(request.model), request.interpreter, request.threads)
    predictor = Predictor(interpreter, shape[1:])
    return {
        "task": request.task,
        **quality(predictor, features, labels, request.task),
        "latency_ms": latency(predictor, features, request.warmup, request.runs),
        "peak_memory_bytes": peak_memory_bytes(),
        "threads": request.threads,
        "interpreter": version,
        "cpu": cpu_name(),
    }


def main() -> int:
    """Answers the request on stdin; returns the exit status."""
    # The interpreters' C++ code may write to descriptor 1, so the answer gets a copy of it that nothing else knows.
    with os.fdopen(os.dup(1), "w") as answer:
        os.dup2(2, 1)
        try:
            result = run(Request(**json.load(sys.stdin)))
        except Exception as error:  # whatever happened, the caller needs it as one line
            result = {"error": " ".join(f"{error}".split()) or type(error).__name__}
        json.dump(result, answer)
    return 1 if "error" in result else 0


if __name__ == "__main__":
    sys.exit(main())

"""How long one inference takes."""

import time
from itertools import cycle, islice
from pathlib import Path

import numpy as np

from pipeline.measurement.examples import read_examples
from pipeline.measurement.predictor import Predictor

_DISTINCT_EXAMPLES = 256


def latency(predictor: Predictor, features: Path, warmup: int, runs: int) -> dict[str, float]:
    """Times single inferences on real examples, taken in turn from the first 256.

    The clock runs around `invoke` alone: putting the example in and taking the answer out are not in it.

    Args:
        predictor: The loaded model.
        features: The test features.
        warmup: Invocations made first and dropped.
        runs: Invocations timed.

    Returns:
        `p50`, `p90`, `p99` (linear interpolation between ranks) and `mean`, in milliseconds.
    """
    examples = cycle(list(islice(read_examples(features), _DISTINCT_EXAMPLES)))
    for example in islice(examples, warmup):
        predictor.predict(example)
    invoke = predictor.interpreter.invoke
    nanoseconds = np.empty(runs)
    for run, example in enumerate(islice(examples, runs)):
        predictor.load(example)
        start = time.perf_counter_ns()
        invoke()
        nanoseconds[run] = time.perf_counter_ns() - start
    milliseconds = nanoseconds / 1e6
    p50, p90, p99 = (float(value) for value in np.percentile(milliseconds, (50, 90, 99)))
    return {"p50": p50, "p90": p90, "p99": p99, "mean": float(milliseconds.mean())}

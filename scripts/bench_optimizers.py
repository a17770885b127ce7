"""A step of this project's SGD and Adam beside tf_keras's, in turn, in one go.

    python scripts/bench_optimizers.py                    # the usual options, then narrower state
    python scripts/bench_optimizers.py --combinations     # every combination of options that both have

Two sets of float32 variables: 20 of 1000x1000, where memory bounds the step, and 300 of 64x64, where starting
operations does. Several steps are taken within one call, as in a training step, where the call is paid for by the whole
model. The floor is what the step must read and write (gradients once; weights, state and averages there and back),
divided by the bandwidth of a plain copy by all cores, whose reading of the lines it writes to is counted too.
"""

import argparse
import gc
import itertools
import math
import os
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.keras import keras, tf
from pipeline.optimizers import SGD, Adam

SETS = {"20 of 1000x1000": ((1000, 1000), 20), "300 of 64x64": ((64, 64), 300)}
KINDS = {"SGD": (SGD, keras.optimizers.SGD), "Adam": (Adam, keras.optimizers.Adam)}


@dataclass(frozen=True)
class Case:
    """One comparison: what both sides are given, and what only ours knows."""

    kind: str
    options: dict[str, Any]
    ours: dict[str, Any]

    @property
    def name(self) -> str:
        """What the table calls it."""
        given = {**self.options, **self.ours}
        return " ".join([self.kind, *(name if value is True else f"{name}={value}" for name, value in given.items())])

    @property
    def arrays(self) -> int:
        """How many arrays of the weights' size a step must read and write at least; a read is one, a write another."""
        slots = 0 if not self.options.get("momentum") else 1
        slots = slots if self.kind == "SGD" else 3 if self.options.get("amsgrad") else 2
        return 1 + 2 * (1 + slots + bool(self.options.get("use_ema")))


def usual() -> list[Case]:
    """Returns what most people use, then the narrower state beside stock's float32."""
    momentum = {"momentum": 0.9}
    plain = [("SGD", {}), ("SGD", momentum), ("SGD", {**momentum, "nesterov": True}), ("Adam", {}),
             ("Adam", {"amsgrad": True}), ("Adam", {"weight_decay": 0.01})]  # fmt: skip
    narrow = [Case(kind, options, {"state_dtype": dtype}) for kind, options in (("SGD", momentum), ("Adam", {}))
              for dtype in ("bfloat16", "int8")]  # fmt: skip
    return [*(Case(kind, options, {}) for kind, options in plain), *narrow]


def combinations() -> list[Case]:
    """Returns every combination of the options that both sides have."""
    common = [
        [{}, {"weight_decay": 0.01}],
        [{}, {"clipvalue": 1.0}, {"clipnorm": 1.0}, {"global_clipnorm": 1.0}],
        [{}, {"use_ema": True}],
    ]
    own = {
        "SGD": [{}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}],
        "Adam": [{}, {"amsgrad": True}],
    }
    chosen = [(kind, each) for kind in KINDS for each in itertools.product(own[kind], *common)]
    return [Case(kind, {key: value for part in parts for key, value in part.items()}, {}) for kind, parts in chosen]


def stepper(optimizer: Any, shape: tuple[int, ...], count: int, steps: int) -> Callable[[], None]:
    """Returns a function that takes `steps` steps on new variables."""
    noise = np.random.default_rng(0)
    variables = [tf.Variable(noise.standard_normal(shape, np.float32)) for _ in range(count)]
    gradients = [tf.constant(noise.standard_normal(shape, np.float32)) for _ in range(count)]
    optimizer.build(variables)

    def body(step: tf.Tensor) -> tf.Tensor:
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return step + 1

    @tf.function(autograph=False)
    def call() -> tf.Tensor:
        return tf.while_loop(lambda step: step < steps, body, [0])[0]

    return lambda: int(call())


def bandwidth(repeats: int = 9) -> float:
    """Returns the bytes a second that a plain copy of 80 MB moves, all cores at it.

    It moves three times its length: what it reads, what it writes, and, before that, the lines that it writes to.
    """
    cores = os.cpu_count() or 1
    pairs = [(np.ones(20_000_000 // cores, np.float32), np.ones(20_000_000 // cores, np.float32)) for _ in range(cores)]
    with ThreadPoolExecutor(cores) as pool:
        times = [timed(lambda: list(pool.map(lambda pair: np.copyto(*pair), pairs))) for _ in range(repeats)]
    return 3 * sum(pair[0].nbytes for pair in pairs) / statistics.median(times)


def timed(work: Callable[[], Any]) -> float:
    """Returns the seconds that work takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def compare(case: Case, name: str, repeats: int) -> tuple[list[float], list[float]]:
    """Returns the seconds a step of ours and of stock's, taken in turn."""
    shape, count = SETS[name]
    steps = 2 if math.prod(shape) > 10_000 else 10
    ours, stock = KINDS[case.kind]
    sides = (
        stepper(ours(**case.options, **case.ours), shape, count, steps),
        stepper(stock(**case.options), shape, count, steps),
    )
    for side in sides:
        side()
    found: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats):
        for times, side in zip(found, sides, strict=True):
            times.append(timed(side) / steps)
    return found


def rows(cases: list[Case], repeats: int) -> Iterator[tuple[str, Case, float, float, float, float, float]]:
    """Yields, for each set and case: ours, stock's and the floor in seconds, the ratio's median and its quartiles."""
    for name, (shape, count) in SETS.items():
        for case in cases:
            ours, stock = compare(case, name, repeats)
            ratios = [theirs / mine for mine, theirs in zip(ours, stock, strict=True)]
            low, _, high = statistics.quantiles(ratios, n=4)
            moved = case.arrays * 4 * math.prod(shape) * count
            floor = moved / bandwidth()
            yield name, case, statistics.median(ours), statistics.median(stock), floor, low, high
            keras.backend.clear_session()
            gc.collect()


def main() -> None:
    """Prints a table a set, and the lowest ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--combinations", action="store_true", help="every combination of options that both have")
    parser.add_argument("--repeats", type=int, default=15, help="how often each is timed (default: %(default)s)")
    options = parser.parse_args()
    last, lowest = "", math.inf
    cases = combinations() if options.combinations else usual()
    for name, case, ours, stock, floor, low, high in rows(cases, options.repeats):
        if name != last:
            print(f"\n{name + ', ms a step':<64} {'ours':>7} {'stock':>7} {'floor':>7} {'ratio':>6}  quartiles")
            last = name
        milliseconds = " ".join(f"{1000 * each:>7.2f}" for each in (ours, stock, floor))
        print(f"{case.name:<64} {milliseconds} {stock / ours:>6.2f}  {low:.2f} to {high:.2f}", flush=True)
        lowest = min(lowest, stock / ours)
    print(f"\nlowest ratio: {lowest:.2f}; copy: {bandwidth() / 1e9:.1f} GB/s")


if __name__ == "__main__":
    main()

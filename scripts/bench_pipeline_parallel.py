"""What a pipeline of two stages, each on one core, gains over one process, and where the rest goes.

    python scripts/bench_pipeline_parallel.py                         # 5 rounds of 8 steps, about 4 minutes
    python scripts/bench_pipeline_parallel.py --repeats 9 --steps 20  # on a quiet machine

Trains a residual network on random images: in one process with one thread and with two, and as a pipeline of two
processes with one thread each and 1, 2, 4 and 8 micro-batches. The sides run in turn, each pinned to its cores, and the
medians are printed beside the share of m / (m + s - 1) that a perfect pipeline of s stages would reach.

Then it times each stage alone, in one process with one thread: the step that these times and the schedule allow without
any transport, which shows what is lost to unequal stages and small micro-batches, and what to sending and waiting.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import psutil

STAGES = 2
MICRO_BATCHES = (1, 2, 4, 8)
SHAPE = (28, 28, 1)


def network(options: argparse.Namespace) -> Any:
    """Returns the model."""
    from pipeline.models.inputs import image_input
    from pipeline.models.resnet import resnet

    features, scaled = image_input(SHAPE, scale=1.0)
    return resnet(features, scaled, 10, filters=options.filters, blocks=options.blocks, dropout=0.0)


def trained(engine: Any, options: argparse.Namespace) -> Callable[[], float]:
    """Returns what trains some steps and gives the seconds of one; traced already."""
    import numpy as np

    from pipeline.keras import keras, tf
    from pipeline.optimizers import Adam

    noise = np.random.default_rng(0)
    images = noise.normal(size=(options.batch, *SHAPE)).astype("float32")
    labels = noise.integers(0, 10, options.batch).astype("int32")
    batches = tf.data.Dataset.from_tensors((images, labels)).cache().repeat()
    quiet = tf.data.Options()
    quiet.autotune.enabled = False  # its loop doubles its naps, and who ends a `fit` waits for the last one
    batches = batches.with_options(quiet)
    placed, optimizer = engine.place(network(options), Adam(0.001))
    placed.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])

    def run() -> float:
        began = time.perf_counter()
        placed.fit(batches, steps_per_epoch=options.steps, epochs=1, verbose=0)
        return (time.perf_counter() - began) / options.steps

    placed.fit(batches, steps_per_epoch=2, epochs=1, verbose=0)
    return run


def stage_times(micro_batches: int, options: argparse.Namespace) -> list[tuple[float, float]]:
    """Returns the seconds of the forward and of the backward pass of each stage, for one micro-batch, alone."""
    from pipeline.distribution.pipeline_parallel import HERE, PipelineParallel
    from pipeline.keras import keras, tf

    engine = PipelineParallel([HERE] * STAGES, micro_batches)
    engine.place(network(options), keras.optimizers.SGD())
    found = []
    for stage in engine.stages:
        sizes = [(options.batch // micro_batches, *each.shape[1:]) for each in stage.model.inputs]
        inputs = [tf.random.normal(size) for size in sizes]

        @tf.function
        def forward(stage: Any = stage, inputs: Any = inputs) -> Any:
            return stage.forward(inputs, None, recompute=False)[0]

        @tf.function
        def both(stage: Any = stage, inputs: Any = inputs) -> Any:
            outputs, saved = stage.forward(inputs, None, recompute=False)
            return stage.backward(saved, [tf.ones_like(each) for each in outputs], None)[1]

        there, back = (_median_seconds(function, options.steps) for function in (forward, both))
        found.append((there, back - there))
    return found


def _median_seconds(function: Callable[[], Any], times: int) -> float:
    function()
    found = []
    for _ in range(times):
        began = time.perf_counter()
        function()
        found.append(time.perf_counter() - began)
    return statistics.median(found)


def makespan(times: Sequence[tuple[float, float]], micro_batches: int) -> float:
    """Returns the seconds of a step whose passes take these times and whose transport takes none."""
    from pipeline.distribution.pipeline_schedule import order

    free = [0.0] * len(times)
    ends: dict[tuple[int, int, bool], float] = {}
    for stage, micro, forward in order("gpipe", len(times), micro_batches):
        before = (stage - 1, micro, True) if forward else (stage + 1, micro, False)
        began = max(free[stage], ends.get(before, 0.0))
        free[stage] = ends[stage, micro, forward] = began + times[stage][0 if forward else 1]
    return max(free)


def child(options: argparse.Namespace) -> None:
    """Does what it is told on its standard input, a line a time, and answers in JSON."""
    from pipeline.distribution.cluster import current, serve

    cluster = current()
    if cluster is not None and not cluster.leads:
        serve(cluster)
        return
    from pipeline.distribution.pipeline_parallel import PipelineParallel, connect
    from pipeline.distribution.single import Single
    from pipeline.training.determinism import start

    start(0)
    if cluster is None:
        sides = {"single": trained(Single(), options)}
    else:
        devices = connect(cluster)
        sides = {
            str(m): trained(PipelineParallel(devices, m, schedule=options.schedule), options) for m in MICRO_BATCHES
        }
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        name = line.strip()
        answer = stage_times(int(name[6:]), options) if name.startswith("stages") else sides[name]()
        print(json.dumps(answer), flush=True)


def start_child(cores: Sequence[int], threads: int, task: dict[str, Any] | None = None) -> subprocess.Popen[str]:
    """Starts this script again, on some cores."""
    environment = {**os.environ, "TF_NUM_INTRAOP_THREADS": str(threads), "TF_NUM_INTEROP_THREADS": str(threads)}
    environment |= {"TF_CONFIG": json.dumps(task)} if task else {}
    command = ["taskset", "-c", ",".join(map(str, cores)), sys.executable, __file__, "--child", *sys.argv[1:]]
    return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def core_seconds(process: subprocess.Popen[str]) -> float:
    """Returns what a child has computed so far."""
    times = psutil.Process(process.pid).cpu_times()
    return times.user + times.system


def ask(process: subprocess.Popen[str], question: str | None = None) -> Any:
    """Returns a child's answer."""
    assert process.stdin is not None
    assert process.stdout is not None
    if question is not None:
        process.stdin.write(f"{question}\n")
        process.stdin.flush()
    return json.loads(process.stdout.readline())


def measure(options: argparse.Namespace) -> None:
    """Starts all sides, lets them run in turn, prints the medians."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < STAGES:
        sys.exit(f"{len(cores)} core; accepted: {STAGES} or more")
    sockets = [socket.create_server(("localhost", 0)) for _ in range(STAGES)]
    chief, worker = (f"localhost:{each.getsockname()[1]}" for each in sockets)
    for each in sockets:
        each.close()
    tasks = [
        {"cluster": {"chief": [chief], "worker": [worker]}, "task": {"type": role, "index": 0}}
        for role in ("chief", "worker")
    ]
    server = start_child(cores[1:2], 1, tasks[1])
    pipeline = start_child(cores[:1], 1, tasks[0])
    one, two = start_child(cores[:1], 1), start_child(cores[:2], 2)
    sides = {"single, 1 thread": (one, "single"), "single, 2 threads": (two, "single")}
    sides |= {f"pipeline, {m} micro-batches": (pipeline, str(m)) for m in MICRO_BATCHES}
    try:
        for process in (pipeline, one, two):
            ask(process)
        found: dict[str, list[float]] = {name: [] for name in sides}
        work: dict[str, list[list[float]]] = {name: [] for name in sides}
        for _ in range(options.repeats):
            for name, (process, question) in sides.items():
                busy = [process, server] if process is pipeline else [process]
                before = [core_seconds(each) for each in busy]
                found[name].append(ask(process, question))
                spent = [core_seconds(each) - start for each, start in zip(busy, before, strict=True)]
                work[name].append([seconds / options.steps for seconds in spent])
        times = {m: ask(one, f"stages{m}") for m in MICRO_BATCHES}
    finally:
        for process in (pipeline, one, two, server):
            process.kill()
    base = statistics.median(found["single, 1 thread"])
    print(f"{'ms a step':<26} {'median':>7}  {'range':>16}  speed-up  core ms of each process")
    for name, seconds in found.items():
        span = f"{min(seconds) * 1e3:.0f} to {max(seconds) * 1e3:.0f}"
        median = statistics.median(seconds)
        spent = " + ".join(f"{statistics.median(each) * 1e3:.0f}" for each in zip(*work[name], strict=True))
        print(f"{name:<26} {median * 1e3:>7.0f}  {span:>16}  {base / median:>8.2f}  {spent}")
    print(f"\n{'micro-batches':<15} {'ideal':>5}  {'reached':>7}  {'no transport':>12}  stages alone, ms")
    for m in MICRO_BATCHES:
        reached = base / statistics.median(found[f"pipeline, {m} micro-batches"]) / STAGES
        possible = base / makespan(times[m], m) / STAGES
        alone = ", ".join(f"{m} x ({there * 1e3:.0f} + {back * 1e3:.0f})" for there, back in times[m])
        print(f"{m:<15} {m / (m + STAGES - 1):>5.2f}  {reached:>7.2f}  {possible:>12.2f}  {alone}")


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=128, help="examples in a batch")
    parser.add_argument("--filters", type=int, nargs="+", default=[32, 64], help="of the residual network's stages")
    parser.add_argument("--blocks", type=int, default=2, help="of each of them")
    parser.add_argument("--schedule", default="gpipe", choices=["gpipe", "1f1b"])
    parser.add_argument("--steps", type=int, default=8, help="in a round")
    parser.add_argument("--repeats", type=int, default=5, help="rounds of all sides")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    child(options) if options.child else measure(options)


if __name__ == "__main__":
    main()

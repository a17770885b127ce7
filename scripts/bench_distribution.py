"""What data parallelism costs on this machine: the reference CNN on Fashion-MNIST, all sides in turn.

    python scripts/bench_distribution.py --data folder/of/fashion-mnist

Prints milliseconds a step, of 128 examples of all ranks together, for one process with two threads, two Horovod ranks
with a thread each, and a hand-written Horovod script; what a step of 64 examples a rank costs with 1, 2 and 4 ranks of
one thread each (on fewer cores than ranks: the overhead beyond sharing cores); and the bandwidth of an all-reduce
beside a plain copy. The folder has the gzipped IDX files.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import experiment_runs
import numpy as np

HERE = Path(__file__).parent
WARM_UP = 20
"""Steps that are not timed."""
MIB = 2**20


def launch(ranks: int, threads: int, *arguments: str, script: Path = HERE / "bench_distribution.py") -> float:
    """Returns the figure that a script prints, run by so many ranks (one needs no launcher) of so many threads."""
    launcher = ["horovodrun", "-np", str(ranks), "-H", f"localhost:{ranks}"] if ranks > 1 else []
    environment = {
        **os.environ,
        "TF_NUM_INTRAOP_THREADS": str(threads),
        "TF_NUM_INTEROP_THREADS": str(threads),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(HERE.parent),
    }
    command = [*launcher, sys.executable, str(script), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if "ms a step: " in line or "MiB/s: " in line]
    if done.returncode or not lines:
        sys.exit(f"{' '.join(command)} failed:\n{(done.stdout + done.stderr)[-2000:]}")
    return float(lines[-1].rpartition(": ")[2])


def train(data: Path, batch: int, steps: int) -> None:
    """Trains the reference CNN as a stage does, on the ranks of this launch, and prints its pace."""
    from bench_optimizers_training import read

    from pipeline.data.stream import training_stream
    from pipeline.distribution.horovod import Horovod
    from pipeline.distribution.single import Single
    from pipeline.keras import keras
    from pipeline.models.cnn import cnn
    from pipeline.models.inputs import image_input
    from pipeline.optimizers import Adam
    from pipeline.training.determinism import start
    from pipeline.training.fit import fit

    class Clock(keras.callbacks.Callback):
        _supports_tf_logs = True

        def on_train_batch_end(self, batch: int, logs: object = None) -> None:
            del logs
            if batch + 1 == WARM_UP:
                self.start = time.perf_counter()
            if batch + 1 == WARM_UP + steps:
                self.seconds = time.perf_counter() - self.start

    ranks, clock = int(os.environ.get("HOROVOD_SIZE", "1")), Clock()
    engine = Horovod(ranks) if ranks > 1 else Single()
    part, _, info = read(data)
    start(0)
    with tempfile.TemporaryDirectory() as state:
        fit(
            cnn(*image_input((28, 28, 1), scale=255.0), 10, filters=[32, 64], convolutions=2, units=128, dropout=0.3),
            lambda first: training_stream(
                part, info, batch_size=batch, seed=0, first_epoch=first, last_epoch=2, rank=engine.rank, ranks=ranks
            ),
            None,
            optimizer=Adam(0.001),
            epochs=1,
            steps_per_epoch=WARM_UP + steps + 1,  # the last pays for the epoch's end
            seed=0,
            state=Path(state),
            on_progress=lambda *words: None,
            distribution=engine,
            callbacks=[clock],
        )
    if engine.rank == 0:
        print(f"ms a step: {1000 * clock.seconds / steps:.3f}")


def bandwidth(mib: int, repeats: int = 20) -> None:
    """Prints the bytes of a tensor that are all-reduced a second, or copied a second by a single process."""
    from pipeline.keras import tf

    ranks = int(os.environ.get("HOROVOD_SIZE", "1"))
    source = np.ones(mib * MIB // 4, np.float32)
    if ranks > 1:
        import horovod.tensorflow as hvd

        hvd.init()
        given = tf.constant(source)
        work = tf.function(lambda: hvd.allreduce(given, op=hvd.Sum, name="bandwidth"))
    else:
        target = np.empty_like(source)

        def work() -> None:
            np.copyto(target, source)

    seconds = []
    for _ in range(repeats + 3):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    if ranks == 1 or hvd.rank() == 0:
        print(f"MiB/s: {mib / statistics.median(seconds[3:]):.1f}")


def compare(data: Path, steps: int, repeats: int, output: Path | None) -> None:
    """Measures every side in turn and prints the ratios."""
    common = ("--data", str(data), "--steps", str(steps))

    def child(kind: str, size: int) -> tuple[str, ...]:
        return (*common, "--child", kind, "--size", str(size))

    by_hand = HERE / "horovod_by_hand.py"
    sides = {
        "one process, 2 threads": lambda: launch(1, 2, *child("train", 128)),
        "2 ranks, 1 thread each": lambda: launch(2, 1, *child("train", 128)),
        "2 ranks, 1 thread each, by hand": lambda: launch(2, 1, *common, script=by_hand),
        "1 rank of 64 examples": lambda: launch(1, 1, *child("train", 64)),
        "2 ranks of 64 examples": lambda: launch(2, 1, *child("train", 128)),
        "4 ranks of 64 examples": lambda: launch(4, 1, *child("train", 256)),
        "all-reduce of 64 MiB, 2 ranks": lambda: launch(2, 1, *child("bandwidth", 64)),
        "copy of 64 MiB": lambda: launch(1, 1, *child("bandwidth", 64)),
    }
    found: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(repeats):
        for name, side in sides.items():
            found[name].append(side())
            print(f"turn {turn + 1} of {repeats}: {name}: {found[name][-1]:.1f}", file=sys.stderr, flush=True)
    middle = {name: statistics.median(values) for name, values in found.items()}
    rows = [[name, experiment_runs.spread(values, 1), f"{middle[name]:,.1f}"] for name, values in found.items()]
    one, ours, hand = list(middle.values())[:3]
    cores = len(os.sched_getaffinity(0))
    alone, *several = list(middle.values())[3:6]
    overheads = [
        f"{ranks} ranks of one thread on {cores} cores: {step - alone * max(1, ranks / cores):.1f} ms a step more than "
        f"their share of the cores explains"
        for ranks, step in zip((2, 4), several, strict=True)
    ]
    reduce, copy = list(middle.values())[6:]
    told = [
        f"2 ranks are {one / ours:.2f} times as fast as one process with 2 threads.",
        f"2 ranks are {hand / ours:.2f} times as fast as the hand-written script.",
        *overheads,
        f"An all-reduce moves {reduce / copy:.2f} times the bytes a second that a plain copy does.",
    ]
    table = experiment_runs.table(["side", "mean ± spread", "median"], rows)
    text = "\n".join(told)
    experiment_runs.publish(f"Milliseconds a step, or MiB a second.\n\n{table}\n{text}\n", output)


def main() -> None:
    """Runs all sides in turn, or one of them in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of Fashion-MNIST's gzipped IDX files")
    parser.add_argument("--steps", type=int, default=100, help="timed steps of each run")
    parser.add_argument("--repeats", type=int, default=5, help="runs of each side, in turn")
    parser.add_argument("--output", type=Path, help="a Markdown file for the result")
    parser.add_argument("--child", choices=["train", "bandwidth"], help=argparse.SUPPRESS)
    parser.add_argument("--size", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child == "train":
        train(options.data, options.size, options.steps)
    elif options.child == "bandwidth":
        bandwidth(options.size)
    else:
        compare(options.data, options.steps, options.repeats, options.output)


if __name__ == "__main__":
    main()

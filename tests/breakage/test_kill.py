"""Kills runs at random moments with SIGKILL; the same command must always end in the same bytes."""

import json
import random
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from whole_runs import SMALL, Cli, digests, left_overs, manifests, wait_for_epoch

KILLS = 20
WORKERS = 2
"""How many victims run side by side; two keep both cores busy."""


def kill_in_every_stage(folder, seconds: list[float], seed: int) -> tuple[Cli, int]:
    """Kills one run as often as it has stages, each time at a random moment of another, then lets it finish.

    A moment may fall behind its stage, and so behind the end of the run: stages don't always take as long.

    Args:
        folder: For the run's store and output.
        seconds: How long each stage takes, in order; the first also imports what all need.
        seed: Of the moments.

    Returns:
        The command line with its store, and how often the run was killed.
    """
    cli = Cli(folder / "runs", folder / "store")
    draw = random.Random(seed)
    killed = 0
    for number, of_stage in enumerate(seconds):
        start = seconds[0] if published(cli.store) >= number else 0
        process, _ = cli.start(*SMALL)
        moment, latest = None, time.monotonic() + 600
        while process.poll() is None and time.monotonic() < (moment or latest):
            if moment is None and published(cli.store) >= number:
                moment = time.monotonic() + draw.uniform(0, start + 1.5 * of_stage)
            time.sleep(0.01)
        if process.poll() is None:
            process.kill()
            killed += 1
        process.communicate()
    done = cli(*SMALL)
    assert done.code == 0, done.err
    assert "damaged" not in done.err
    return cli, killed


def published(store) -> int:
    return len(list(store.glob("artifacts/*")))


@pytest.mark.slow
def test_kill_at_random_moments(small_run, tmp_path):
    done, store = small_run
    expected, keys = digests(store), set(manifests(store))
    ledger = json.loads((done.output / "ledger.json").read_text())
    seconds = [row["cost"]["wall_seconds"] for row in ledger["stages"]]
    killed, seed = 0, 20261123
    with ThreadPoolExecutor(WORKERS) as pool:
        while killed < KILLS:
            batch = [(tmp_path / str(seed + n), seconds, seed + n) for n in range(WORKERS)]
            for cli, count in pool.map(lambda arguments: kill_in_every_stage(*arguments), batch):
                killed += count
                assert set(manifests(cli.store)) == keys
                assert digests(cli.store) == expected
                assert left_overs(cli.store) == []
            seed += WORKERS


TRAINING = (
    "data=digits",
    "model=cnn",
    "+stage@stages.prepare=prepare",
    "+stage@stages.train=train",
    "stages.train.epochs=15",
    "stages.train.batch_size=32",
)


@pytest.mark.slow
def test_a_training_that_was_killed_goes_on_from_its_last_epoch_and_keeps_its_cost(cli):
    process, folder = cli.start(*TRAINING)
    wait_for_epoch(3, process, cli.store)
    process.kill()
    process.communicate()
    kept = list(cli.store.glob("work/*/state/checkpoints/epoch-*"))
    assert kept, "no checkpoint was left"
    done = cli(*TRAINING)
    assert done.code == 0, done.err
    trained = next(each for each in manifests(cli.store).values() if each["stage"] == "train")
    assert trained["cost"]["attempts"] == 2
    log = (done.output / "logs" / "train.log").read_text()
    assert "going on after epoch" in log
    assert left_overs(cli.store) == []
    assert folder != done.folder

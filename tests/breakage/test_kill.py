"""Kills runs at random moments with SIGKILL; the same command must always end in the same bytes."""

import random
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from whole_runs import SMALL, Cli, digests, left_overs, manifests

KILLS = 20
WORKERS = 2
"""How many victims run side by side; two keep both cores busy."""


def kill_until_done(folder, seconds: float, seed: int, kills: int) -> tuple[Cli, int]:
    """Kills one run `kills` times, each time at a random moment of what may be left of it, then lets it finish."""
    cli = Cli(folder / "runs", folder / "store")
    draw = random.Random(seed)
    killed = 0
    for _ in range(kills):
        process, _ = cli.start(*SMALL)
        deadline = time.monotonic() + draw.uniform(0.2, seconds)
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        if process.poll() is None:
            process.kill()
            killed += 1
        process.communicate()
    done = cli(*SMALL)
    assert done.code == 0, done.err
    assert "damaged" not in done.err
    return cli, killed


@pytest.mark.slow
def test_kill_at_random_moments(small_run, tmp_path):
    done, store = small_run
    expected, keys = digests(store), set(manifests(store))
    seconds = 1.5 * sum(manifest["cost"]["wall_seconds"] for manifest in manifests(store).values())
    killed, seed = 0, 20261123
    with ThreadPoolExecutor(WORKERS) as pool:
        while killed < KILLS:
            batch = [(tmp_path / str(seed + n), seconds, seed + n, 2) for n in range(WORKERS)]
            for cli, count in pool.map(lambda arguments: kill_until_done(*arguments), batch):
                killed += count
                assert set(manifests(cli.store)) == keys
                assert digests(cli.store) == expected
                assert left_overs(cli.store) == []
            seed += WORKERS
    assert killed >= KILLS
    assert done.code == 0


@pytest.mark.slow
def test_a_training_that_was_killed_goes_on_from_its_last_epoch_and_keeps_its_cost(cli):
    process, folder = cli.start(*SMALL, "stages.baseline.epochs=40")
    deadline = time.monotonic() + 120
    while not list(cli.store.glob("work/*/state/checkpoints/epoch-0000[3-9]")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.communicate()
    kept = list(cli.store.glob("work/*/state/checkpoints/epoch-*"))
    assert kept, "no checkpoint was left"
    done = cli(*SMALL, "stages.baseline.epochs=40")
    assert done.code == 0, done.err
    baseline = next(each for each in manifests(cli.store).values() if each["stage"] == "baseline")
    assert baseline["cost"]["attempts"] == 2
    log = (done.output / "logs" / "baseline.log").read_text()
    assert "going on after epoch" in log
    assert left_overs(cli.store) == []
    assert folder != done.folder

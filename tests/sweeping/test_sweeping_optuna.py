"""Sweeps that Optuna steers, over a small chain whose model is trained once for all of them."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from whole_runs import Cli, manifests

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
CHAIN = (
    "data=breast_cancer",
    "model=mlp",
    *(f"+stage@stages.{kind}={kind}" for kind in ("prepare", "train", "export", "measure", "report")),
    "stages.train.epochs=1",
    "stages.export.inputs.model=train",
    "stages.export.formats=[tflite]",
    "stages.export.check_examples=5",
    "stages.measure.inputs.model=export",
    "stages.measure.warmup=1",
    "+stages.report.inputs.baseline=measure",
)
"""From a table to a report. What is measured again, by `runs`, needs no TensorFlow."""

OPTUNA = ("-m", "hydra/sweeper=optuna", *CHAIN)


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    """A command line whose store has the model."""
    folder = tmp_path_factory.mktemp("chain")
    cli = Cli(folder, folder / "store")
    done = cli(*CHAIN, "stages.measure.runs=5")
    assert done.code == 0, done.err
    return cli


def trials(sweep: Path):
    import optuna

    (name,) = optuna.get_all_study_names(f"sqlite:///{sweep}/study.db")
    return optuna.load_study(study_name=name, storage=f"sqlite:///{sweep}/study.db").trials


def sweep_of(done) -> Path:
    (path,) = done.folder.glob("multirun/run/*")
    return path


@pytest.fixture(scope="module")
def two_objectives(chain):
    """Three trials of NSGA-II, two at a time."""
    done = chain(
        *OPTUNA,
        *("hydra.sweeper.sampler=nsga2", "hydra.sweeper.n_trials=3", "hydra.launcher.n_jobs=2"),
        *("hydra.sweeper.objectives=[accuracy,latency_p50]", "hydra.sweeper.population_size=2", "hydra.sweeper.seed=1"),
        *("stages.measure.runs=range(6,60)", "stages.measure.warmup=choice(1,2)"),
    )
    assert done.code == 0, done.err
    return done


def test_several_objectives_have_a_pareto_set(two_objectives):
    sweep = sweep_of(two_objectives)
    found = trials(sweep)
    assert [trial.state.name for trial in found] == ["COMPLETE"] * 3
    rows = list(csv.DictReader((sweep / "sweep.csv").read_text().splitlines()))
    for row in rows:
        report = json.loads((sweep / row["job"] / "report" / "report.json").read_text())
        figures = report["models"][0]["measurement"]
        assert found[int(row["job"])].values == [figures["accuracy"], figures["latency_ms"]["p50"]]
        assert float(row["latency_p50"]) == figures["latency_ms"]["p50"]
    fastest = min(rows, key=lambda row: float(row["latency_p50"]))
    assert fastest["pareto"] == "True"
    assert rows[0]["pareto"] == "True"
    assert len({row["stages.measure.runs"] for row in rows}) > 1


def test_the_model_is_trained_once(two_objectives, chain):
    kinds = [each["kind"] for each in manifests(chain.store).values()]
    assert kinds.count("train") == 1


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_shows_the_page_without_errors_or_requests(two_objectives, scheme):
    playwright = pytest.importorskip("playwright.sync_api")
    said, asked = [], []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(color_scheme=scheme, viewport={"width": 1100, "height": 900})
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        address = (sweep_of(two_objectives) / "sweep.html").resolve().as_uri()
        page.goto(address)
        dots = page.locator("svg.chart path[style*='stroke-width: 9']").count()
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        wide = page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        browser.close()
    assert said == []
    assert [url for url in asked if not url.startswith("data:")] == [address]
    assert dots == 6, "three jobs in two charts"
    assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(17, 22, 28)"}[scheme]
    assert wide


def test_a_killed_sweep_makes_up_what_is_missing(chain, tmp_path):
    sweep = tmp_path / "sweep"
    command = (
        *OPTUNA,
        *("hydra.sweeper.n_trials=3", f"hydra.sweep.dir={sweep}", "hydra.sweeper.startup_trials=2"),
        "stages.measure.runs=range(61,90)",
    )
    process, _ = chain.start(*command, start_new_session=True)
    deadline = time.monotonic() + 300
    while not (sweep / "jobs" / "1.json").is_file() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    before = trials(sweep)
    assert [trial.state.name for trial in before] == ["COMPLETE", "RUNNING"]
    done = chain(*command)
    assert done.code == 0, done.err
    after = trials(sweep)
    assert [trial.state.name for trial in after].count("COMPLETE") == 3
    assert after[1].state.name == "COMPLETE" or (after[1].state.name == "FAIL" and after[2].params == before[1].params)
    rows = list(csv.DictReader((sweep / "sweep.csv").read_text().splitlines()))
    assert [row["status"] for row in rows] == ["done"] * 3
    again = chain(*command)
    assert again.code == 0, again.err
    assert len(trials(sweep)) == len(after)


def test_a_mistake_is_one_line_before_any_job(chain):
    done = chain(*OPTUNA, "stages.measure.runs=choice(5,6)", "hydra.sweeper.storage=nowhere://x")
    assert done.code == 2, done.err
    assert "error: hydra.sweeper.storage=nowhere://x: can't be opened" in done.err
    assert "Traceback" not in done.err
    assert not list(done.folder.glob("multirun/*/*/jobs"))


def test_hydra_is_not_slowed_by_a_sweeper_that_is_not_chosen():
    code = (
        "import sys\nfrom pipeline.sweeping.plugins import register\nregister()\n"
        "print([name for name in ('optuna', 'pandas', 'matplotlib', 'moocore') if name in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"

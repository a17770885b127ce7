"""One small search on real data, its resumption, and a budget that nothing keeps."""

import json
import math

import pytest
from whole_runs import Cli

import pipeline
from pipeline.watching import Tracking

SMALL = (
    "+experiment=budget",
    "model=mlp",
    "model.units=[32]",
    "schedule@optimizer.schedule=constant",
    "stages.baseline.epochs=6",
    "budget.networks=[reference]",
    "budget.widths=[0.5]",
    "budget.epochs=[1,3]",
    "budget.fine_tune_epochs=2",
    "budget.sparsities=[0.5]",
    "budget.clusters=[16]",
    "budget.quantizations=[float16,int8]",
    "budget.techniques.measure.runs=20",
    "budget.techniques.export.check_examples=20",
    "budget.techniques.quantize.calibration_examples=50",
    "budget.trials=5",
    "budget.accuracy_drop=5",
)


NOTHING = "nothing satisfies the budget (at most 5 points lost, 0.3 KiB deflated); nearest miss: "


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    folder = tmp_path_factory.mktemp("search")
    config = pipeline.compose([*SMALL, f"store.path={folder / 'store'}"])
    done = pipeline.run(config, folder / "first")
    return folder, config, done, json.loads((done.folder / "budget.json").read_text())


def test_the_chosen_model_is_the_smallest_that_keeps_the_budget(searched):
    _, _, done, found = searched
    kept = [each for each in found["trials"] if each["status"] != "failed" and each["drop"] <= 5]
    assert found["chosen"]["size_kb"] == min(each["size_kb"] for each in kept)
    assert found["chosen"]["size_kb"] < found["reference"]["size_kb"] / 1.5
    assert found["nearest_miss"] is None
    assert (done.folder / "chosen" / "model.tflite").is_file()
    assert (done.folder / "chosen" / "model.keras").is_file()
    assert (done.folder / "chosen" / "export.json").is_file()


def test_every_trial_says_what_it_measured_and_cost_and_the_costs_add_up(searched):
    found = searched[3]
    assert len(found["trials"]) == 1 + 5
    assert found["ended"] == "5 trials were made"
    assert all(each["status"] == "measured" or each["status"].startswith("stopped after 1") for each in found["trials"])
    cost = sum(each["core_seconds"] for each in found["trials"]) + found["spent"]["untrained_networks"]
    assert found["spent"]["core_seconds"] == pytest.approx(cost)
    assert found["spent"]["of_that_by_an_earlier_run"] == 0
    assert found["hypervolume"]["value"] > 0


def test_no_trial_beats_one_of_the_pareto_set_and_those_alone_are_tested(searched):
    found = searched[3]
    for best in found["pareto"]:
        assert math.isfinite(best["test"]["quality"])
        for each in found["trials"]:
            better = [each[name] - best[name] for name in ("drop", "size_kb", "latency_ms")]
            assert not (max(better) <= 0 and min(better) < 0)
    assert "test" not in found["trials"][-1]


def test_the_page_the_picture_and_the_report_are_there(searched):
    folder = searched[2].folder
    page = (folder / "budget.md").read_text()
    assert all(each["name"] in page for each in searched[3]["pareto"])
    assert "left out" in page
    assert "chosen: " in page
    assert (folder / "pareto.svg").read_text().count("translate(") > 5
    assert (folder / "report" / "report.html").is_file()
    assert searched[2].report["before"] == "reference"


def test_the_same_search_again_builds_nothing_and_comes_to_the_same(searched):
    folder, config, _, found = searched
    again = pipeline.run(config, folder / "second")
    assert {entry.status for entry in again.entries} == {"reused"}
    other = json.loads((again.folder / "budget.json").read_text())
    for name in ("trials", "pareto", "chosen", "hypervolume", "ended"):
        assert other[name] == found[name]
    assert other["spent"]["core_seconds"] == pytest.approx(found["spent"]["core_seconds"])
    assert other["spent"]["of_that_by_an_earlier_run"] == pytest.approx(found["spent"]["core_seconds"])


def test_when_nothing_keeps_the_budget_it_says_so_with_the_nearest_miss_and_exit_code_3(searched, tmp_path):
    cli = Cli(tmp_path, searched[0] / "store")
    done = cli(*SMALL, "budget.size_kb=0.3")
    assert done.code == 3, done.err
    assert NOTHING in done.out
    assert "it misses size by " in done.out
    assert "trial 1/" not in done.err
    found = json.loads((done.output / "budget.json").read_text())
    assert found["chosen"] is None
    assert found["nearest_miss"]["misses"]["size_kb"] > 0
    assert not (done.output / "chosen").exists()
    assert found["space"]["ruled_out_untrained"] == found["space"]["candidates"]


def test_in_python_too_a_search_that_finds_nothing_is_told_from_one_that_does(searched, tmp_path, caplog):
    folder, _, done, _ = searched
    assert done.exit_code == 0
    assert "\nchosen: " in done.said
    with caplog.at_level("WARNING", "pipeline.api"):
        missed = pipeline.run(
            pipeline.compose([*SMALL, "budget.size_kb=0.3", f"store.path={folder / 'store'}"]), tmp_path
        )
    assert missed.exit_code == 3
    assert NOTHING in missed.said
    assert NOTHING in caplog.text


def test_who_follows_a_search_hears_once_of_each_stage(searched, tmp_path, monkeypatch):
    heard = []
    monkeypatch.setattr(Tracking, "settled", lambda self, entry, artifact: heard.append(entry.stage))
    config = searched[1].copy()
    config.tracking = {"tracker": "tensorboard", "path": None}
    again = pipeline.run(config, tmp_path)
    assert len(heard) == len({*heard})
    assert {*heard} == {entry.stage for entry in again.entries}
    assert list((tmp_path / "tensorboard").rglob("events.out.*"))


def test_a_dry_run_says_what_could_be_tried_and_does_nothing(tmp_path):
    done = Cli(tmp_path, tmp_path / "store")(*SMALL, "dry_run=true")
    assert done.code == 0, done.err
    assert "space: 36 candidates: the reference, reference at 50% width" in done.out
    assert "left out: separable convolutions: " in done.out
    assert not list((tmp_path / "store").glob("artifacts/*"))

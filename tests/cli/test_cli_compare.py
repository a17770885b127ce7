"""`frugal compare`, on the report of a real run and a changed copy of it."""

import copy
import json
import subprocess
import sys

import pytest
from test_cli_startup import LOADED

from pipeline.compare_command import main


@pytest.fixture(scope="module")
def runs(small_run, tmp_path_factory):
    """The output folder of a real run, and another run's that was sparser, smaller and less right."""
    first = small_run[0].output
    document = json.loads((first / "report" / "report.json").read_text())
    other = copy.deepcopy(document)
    other["config"] = document["config"].replace("final_sparsity: 0.5", "final_sparsity: 0.9")
    pruned = other["models"][1]["measurement"]
    pruned["deflated_bytes"] //= 2
    pruned["accuracy"] -= 0.05
    next(stage for stage in other["stages"] if stage["name"] == "prune")["key"] = "another"
    second = tmp_path_factory.mktemp("second")
    (second / "report").mkdir()
    (second / "report" / "report.json").write_text(json.dumps(other))
    return first, second


def test_settings_come_before_figures_with_their_differences(runs, capsys):
    assert main([*map(str, runs)]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines.index("stages.prune.final_sparsity 0.5 0.9") < lines.index("pruned")
    assert sum(line.startswith("stages.") for line in lines) == 1
    assert any(line.startswith("Deflated size ") and line.endswith(" 2.0x smaller") for line in lines)
    assert any(line.startswith("Accuracy ") and line.endswith(" -5.00 points") for line in lines)
    assert "pruned + int8" in lines


def test_it_writes_a_page(runs, tmp_path, capsys):
    page = tmp_path / "page.html"
    assert main([*map(str, runs), "--html", str(page)]) == 0
    assert capsys.readouterr().out.endswith(f"page: {page}\n")
    html = page.read_text()
    assert "stages.prune.final_sparsity" in html
    assert "2.0x smaller" in html


def test_a_run_against_itself_has_the_same_configuration(runs, capsys):
    assert main([str(runs[0]), str(runs[0] / "report" / "report.json")]) == 0
    out = capsys.readouterr().out
    assert "both runs have the same configuration" in out
    assert "same artifacts in both runs" in out


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ("absent", "absent: no such file or folder; accepted: a run's output folder or its report.json"),
        (".", "no report.json here or in a folder in it; a run's `report` stage writes one"),
        ("other.json", "other.json: not a report of a run: it has no before"),
        ("lacking.json", "a report lacks 'measurement': it is damaged"),
    ],
)
def test_what_is_no_report_is_one_line(runs, tmp_path, monkeypatch, capsys, second, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other.json").write_text("{}")
    lacking = json.loads((runs[0] / "report" / "report.json").read_text())
    del lacking["models"][0]["measurement"]
    (tmp_path / "lacking.json").write_text(json.dumps(lacking))
    assert main([str(runs[0]), second]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert said in err
    assert err.count("\n") == 1


def test_a_page_that_cannot_be_written_is_one_line(runs, tmp_path, capsys):
    assert main([*map(str, runs), "--html", str(tmp_path / "absent" / "page.html")]) == 2
    assert capsys.readouterr().err == f"error: {tmp_path / 'absent' / 'page.html'}: No such file or directory\n"


def test_it_answers_without_tensorflow_and_without_drawing(runs, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", LOADED, "compare", *map(str, runs), "--html", str(tmp_path / "page.html")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 100, done.stderr
    assert "2.0x smaller" in done.stdout

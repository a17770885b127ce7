import json

import pytest

from pipeline.reporting.read import find_report, read_report
from pipeline.reporting.render_json import render_json


@pytest.fixture
def run(document, tmp_path):
    (tmp_path / "run" / "report").mkdir(parents=True)
    (tmp_path / "run" / "report" / "report.json").write_text(render_json(document), encoding="utf-8")
    return tmp_path / "run"


def test_a_report_is_found_by_its_run_its_folder_and_its_name(run):
    expected = run / "report" / "report.json"
    assert [find_report(path) for path in (run, run / "report", expected)] == [expected] * 3


def test_what_was_written_is_read(run, document):
    found = read_report(find_report(run))
    assert {key: found[key] for key in document} == document


def test_several_reports_are_named(run):
    (run / "other").mkdir()
    (run / "other" / "report.json").write_text("{}")
    with pytest.raises(ValueError, match=r"holds 2 reports; accepted: one of .*other, .*report"):
        find_report(run)


def test_runs_below_are_suggested(run):
    with pytest.raises(FileNotFoundError, match=r"no report.json here .*did you mean one of .*run\?"):
        find_report(run.parent)


def test_a_missing_folder_is_said_to_be_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"absent: no such file or folder; accepted: a run's output folder"):
        find_report(tmp_path / "absent")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("not json", "not JSON"),
        ("[]", "not a report of a run: it has no before"),
        ('{"title": "x"}', "it has no before, command, config"),
    ],
)
def test_another_file_is_refused(tmp_path, content, problem):
    path = tmp_path / "report.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=problem):
        read_report(path)


def test_a_later_version_is_refused(tmp_path, full):
    path = tmp_path / "report.json"
    path.write_text(json.dumps(full | {"version": 3}))
    with pytest.raises(ValueError, match=r"report\.json: version=3: made by another version"):
        read_report(path)

"""What MLflow's own client finds in the store."""

import pytest

from pipeline.tracking.tracker import Tracked

mlflow = pytest.importorskip("mlflow", reason="the extra mlflow is not installed")

from pipeline.tracking.mlflow import Mlflow, plain  # noqa: E402  (it imports MLflow)


def tracked(number, sweep=""):
    return Tracked("digits", f"now/{number}", "python -m pipeline", {"seed": number, "units": "[8]"}, sweep)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store with a run alone and the two jobs of a sweep."""
    folder = tmp_path_factory.mktemp("tracked")
    page = folder / "report.html"
    page.write_text("<html></html>")
    for run, how in ((tracked(0), "failed"), (tracked(1, "s"), "finished"), (tracked(2, "s"), "finished")):
        each = Mlflow(folder, run)
        each.epoch("baseline", 1, {"loss": 0.5})
        each.epoch("baseline", 2, {"loss": 0.25})
        each.figures("pruned + int8", {"accuracy": 0.75})
        each.status("baseline", "built")
        each.files(page, "")
        each.end(how)
    return folder


@pytest.fixture(scope="module")
def runs(store):
    client = mlflow.MlflowClient(f"sqlite:///{store / 'mlflow.db'}")
    found = client.search_runs([client.get_experiment_by_name("digits").experiment_id])
    return client, {run.info.run_name: run for run in found}


def test_a_run_has_settings_metrics_status_and_files(runs, store):
    client, found = runs
    run = found["now/0"]
    assert run.data.params == {"seed": "0", "units": "[8]"}
    assert run.data.metrics == {"baseline/loss": 0.25, "pruned_int8/accuracy": 0.75}
    assert run.data.tags["stage.baseline"] == "built"
    assert run.info.status == "FAILED"
    assert [(each.step, each.value) for each in client.get_metric_history(run.info.run_id, "baseline/loss")] == [
        (1, 0.5),
        (2, 0.25),
    ]
    assert run.info.artifact_uri.startswith(str(store))
    assert [each.path for each in client.list_artifacts(run.info.run_id)] == ["report.html"]


def test_the_jobs_of_a_sweep_are_children_of_one_run(runs):
    _, found = runs
    parent = found["sweep s"]
    assert {found[f"now/{number}"].data.tags["mlflow.parentRunId"] for number in (1, 2)} == {parent.info.run_id}
    assert "mlflow.parentRunId" not in found["now/0"].data.tags
    assert parent.info.status == "FINISHED"


def test_a_store_that_is_none_is_refused(tmp_path):
    (tmp_path / "mlflow.db").write_text("not a data base, but a longer text that says so" * 20)
    with pytest.raises(ValueError, match="file is not a database"):
        Mlflow(tmp_path, tracked(0))


def test_names_that_mlflow_refuses_are_made_plain():
    assert plain("pruned + int8/accuracy") == "pruned_int8/accuracy"

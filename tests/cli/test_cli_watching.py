"""A run that is tracked and profiled: what TensorBoard, MLflow and the profiler keep of it."""

import json
import logging
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import pipeline
from pipeline.engine.errors import ConfigError

LESS = ("stages.export_baseline.formats=[tflite]", "~stages.export_prune", "~stages.measure_prune",
        "~stages.report.inputs.pruned")  # fmt: skip
TINY = ("+experiment=breast_cancer", "debug=tiny", "debug.epochs=2", *LESS)


def composed(folder: Path, *overrides: str):
    return pipeline.compose([*TINY, f"store.path={folder / 'store'}", *overrides])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("watched")


@pytest.fixture(scope="module")
def first(folder):
    """A run that builds everything, for TensorBoard, with a profile."""
    watching = ("tracking=tensorboard", "profile.stage=auto", "profile.steps=[2,4]")
    lines = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.engine.display.console.print", lambda text, **_: lines.append(text))
        done = pipeline.run(composed(folder, *watching), folder / "first")
    return done, [line for line in lines if not line.startswith("[")]


@pytest.fixture(scope="module")
def second(first, folder):
    """The same, reused from the store, for MLflow."""
    mlflow = pytest.importorskip("mlflow", reason="the extra mlflow is not installed")
    watching = ("tracking=mlflow", f"tracking.path={folder / 'mlflow'}", "tracking.exports=true")
    done = pipeline.run(composed(folder, *watching), folder / "second")
    client = mlflow.MlflowClient(f"sqlite:///{folder / 'mlflow/mlflow.db'}")
    (run,) = client.search_runs([client.get_experiment_by_name("breast_cancer").experiment_id])
    return done, client, run


def scalars(folder: Path, tag: str) -> dict[int, float]:
    return {event.step: event.value for event in EventAccumulator(str(folder)).Reload().Scalars(tag)}


def history(done, stage: str) -> list[dict[str, float]]:
    return json.loads((done.artifacts[stage].files / "history.json").read_text())


def test_tensorboard_has_each_epoch_of_each_training(first):
    done, _ = first
    for stage in ("baseline", "prune"):
        expected = {number: pytest.approx(each["loss"]) for number, each in enumerate(history(done, stage), start=1)}
        assert scalars(done.folder / "tensorboard" / stage, "loss") == expected
        assert len(expected) == 2


def test_tensorboard_has_the_figures_of_the_report_and_the_cost(first):
    done, _ = first
    for model in done.report["models"]:
        accuracy = model["measurement"]["accuracy"]
        assert scalars(done.folder / "tensorboard", f"{model['name']}/accuracy") == {0: pytest.approx(accuracy)}
    assert scalars(done.folder / "tensorboard", "cost/core_seconds")[0] == pytest.approx(done.core_seconds, rel=1e-4)


def test_the_profile_is_a_trace_and_its_slowest_operations(first):
    done, lines = first
    assert list((done.folder / "profile/baseline").rglob("*.xplane.pb"))
    assert lines[0].startswith("profile of baseline, steps 2 to 4; ")
    assert 2 <= sum(" ms " in line for line in lines) <= 10
    assert any("MatMul" in line for line in lines)


def test_a_reused_run_looks_complete_in_mlflow(first, second):
    done, client, run = second
    assert set(done.statuses.values()) == {"reused"}
    assert run.info.status == "FINISHED"
    assert run.data.params["stages.baseline.epochs"] == "2"
    expected = [each["val_loss"] for each in history(first[0], "baseline")]
    assert [each.value for each in client.get_metric_history(run.info.run_id, "baseline/val_loss")] == expected
    assert {"baseline/accuracy", "pruned_int8/accuracy", "pruned_int8/latency_ms.p50"} <= run.data.metrics.keys()
    assert run.data.metrics["cost/core_seconds"] == 0
    assert run.data.metrics["cost/saved_core_seconds"] > 0
    kept = {each.path for each in client.list_artifacts(run.info.run_id)}
    assert kept == {"report.html", "export_baseline", "export_quantize"}


def test_tracking_and_profiling_change_no_key(first, second):
    keys = [{name: artifact.key for name, artifact in done.artifacts.items()} for done in (first[0], second[0])]
    assert keys[0] == keys[1]
    assert "tracking" not in first[0].report["config"]
    assert "tracking" not in first[0].report["command"]


def test_a_reused_stage_is_not_profiled_and_says_so(first, folder, caplog):
    caplog.set_level(logging.WARNING)
    pipeline.run(composed(folder, "profile.stage=prune"), folder / "third")
    assert "prune was reused, so nothing was profiled" in caplog.text
    assert not (folder / "third/profile").exists()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["tracking=mlflw"], "tracking=mlflw: no such option; .*did you mean mlflow"),
        (["tracking=mlflow", "+tracking.pth=x"], "tracking.pth=x: unknown key; .*did you mean path"),
        (["profile.stage=basline"], "profile.stage=basline: no such stage; .*did you mean baseline"),
        (["profile.stage=report", "profile.steps=[1,2]"], r"profile.steps=\[1, 2\]: stage report takes no steps"),
        (["profile.stage=auto", "profile.steps=[4,2]"], "profile: the last step, 2, comes before the first, 4"),
        (["profile.steps=[1,2]"], "profile.stage: missing; profile.steps is given"),
        (["tracking=tensorboard", "tracking.path=/proc/nowhere"], "tracking.path=/proc/nowhere: can't be used"),
        (["tracking=mlflow", "tracking.path=/proc/nowhere"], "tracking.path=/proc/nowhere: can't be used"),
    ],
)
def test_a_wrong_setting_fails_before_anything_runs(overrides, message, tmp_path):
    with pytest.raises(ConfigError, match=message):
        pipeline.run(composed(tmp_path, *overrides), tmp_path / "run")
    assert not list(tmp_path.glob("store/artifacts/*"))


def test_a_missing_library_is_told_with_what_installs_it(tmp_path, monkeypatch):
    config = composed(tmp_path, "tracking=mlflow")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="tracking=mlflow: MLflow is not installed; accepted: uv sync --extra mlflow"):
        pipeline.run(config)


def test_a_tracker_that_fails_in_the_middle_is_told_twice_and_the_run_goes_on(folder, first, caplog, monkeypatch):
    from pipeline.tracking.tensorboard import TensorBoard

    def full(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr(TensorBoard, "figures", full)
    caplog.set_level(logging.WARNING)
    done = pipeline.run(composed(folder, "tracking=tensorboard"), folder / "full")
    assert set(done.statuses.values()) == {"reused"}
    assert "tracking failed (OSError: no space left on device); the run goes on without it" in caplog.text
    assert "tracking is incomplete" in caplog.text

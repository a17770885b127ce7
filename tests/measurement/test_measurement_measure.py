import os
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.measurement.measure import measure

QUICK = {"warmup": 3, "runs": 20}


def test_every_figure_of_a_model(zoo):
    path = zoo.paths["conv"]
    result = measure(path, zoo.arrays["conv_x"], zoo.arrays["conv_y"], **QUICK)
    assert (result["task"], result["accuracy"]) == ("classification", 1.0)
    assert (result["correct"], result["examples"]) == (40, 40)
    assert np.trace(result["confusion"]) == np.sum(result["confusion"]) == 40
    assert [layer["parameters"] for layer in result["weights"]["layers"]] == [
        layer.get_weights()[0].size for layer in zoo.models["conv"].layers if layer.get_weights()
    ]
    assert result["bytes"] == path.stat().st_size
    assert 0 < result["deflated_bytes"] < result["bytes"]
    assert result["parameters"] == result["nonzero_parameters"] == zoo.models["conv"].count_params()
    assert result["sparsity"] == 0
    assert result["flops"] > 0
    assert result["uncounted_ops"] == []
    latency = result["latency_ms"]
    assert 0 < latency["p50"] <= latency["p90"] <= latency["p99"]
    assert 0 < latency["mean"] < 1000
    assert result["threads"] == 1
    assert result["interpreter"].startswith("litert ")
    assert result["cpu"]


@pytest.mark.parametrize(
    ("name", "task", "figure"), [("regressor", "regression", "r2"), ("labels", "multi_label", "f1")]
)
def test_the_task_reaches_the_worker(zoo, tmp_path, name, task, figure):
    outputs = zoo.models[name](np.load(zoo.arrays["dense_x"])).numpy()
    np.save(tmp_path / "y.npy", outputs[:, 0] if task == "regression" else (outputs > 0).astype(np.uint8))
    result = measure(zoo.paths[name], zoo.arrays["dense_x"], tmp_path / "y.npy", task=task, **QUICK)
    assert (result["task"], result["examples"]) == (task, 40)
    assert result[figure] == pytest.approx(1, abs=1e-6)
    assert result["latency_ms"]["p50"] > 0


def test_the_memory_is_the_workers_and_not_its_parents(zoo):
    # This process holds TensorFlow, and Linux hands a parent's ru_maxrss on to its children.
    status = Path("/proc/self/status").read_text()
    own = next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))
    result = measure(zoo.paths["dense"], zoo.arrays["dense_x"], zoo.arrays["dense_y"], **QUICK)
    assert 10e6 < result["peak_memory_bytes"] < own / 2


def test_wrong_labels_score_nothing(zoo):
    result = measure(zoo.paths["dense"], zoo.arrays["dense_x"], zoo.arrays["dense_wrong"], **QUICK)
    assert (result["accuracy"], result["correct"]) == (0.0, 0)


@pytest.mark.parametrize("name", ["conv_float16", "conv_int8", "conv_uint8"])
def test_a_quantized_model_gets_its_features_quantized(zoo, name):
    result = measure(zoo.paths[name], zoo.arrays["conv_x"], zoo.arrays["conv_y"], **QUICK)
    assert result["accuracy"] >= 0.9


def test_sparsity_is_the_share_of_zeros(zoo, tmp_path):
    np.save(tmp_path / "x.npy", np.ones((4, 64), np.float32))
    np.save(tmp_path / "y.npy", np.zeros(4, int))
    result = measure(zoo.paths["sparse"], tmp_path / "x.npy", tmp_path / "y.npy", **QUICK)
    assert result["sparsity"] == pytest.approx(64 * 48 / (64 * 64 + 64 * 4 + 4))


def test_the_tensorflow_interpreter_agrees(zoo):
    result = measure(
        zoo.paths["dense"], zoo.arrays["dense_x"], zoo.arrays["dense_y"], interpreter="tensorflow", **QUICK
    )
    assert result["accuracy"] == 1.0
    assert result["interpreter"].startswith("tensorflow 2.")


def test_it_works_from_any_folder_with_relative_paths(zoo, tmp_path, monkeypatch):
    for name, source in (
        ("m.tflite", zoo.paths["dense"]),
        ("x.npy", zoo.arrays["dense_x"]),
        ("y.npy", zoo.arrays["dense_y"]),
    ):
        (tmp_path / name).write_bytes(source.read_bytes())
    (tmp_path / "pipeline.py").write_text("raise RuntimeError('the wrong pipeline')")
    monkeypatch.chdir(tmp_path)
    assert measure(Path("m.tflite"), Path("x.npy"), Path("y.npy"), **QUICK)["accuracy"] == 1.0


def test_nan_outputs_have_no_accuracy(zoo):
    with pytest.raises(RuntimeError, match="output is NaN for example 0"):
        measure(zoo.paths["broken"], zoo.arrays["dense_x"], zoo.arrays["dense_y"], **QUICK)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threads": 4096}, r"threads=4096 cannot be pinned: this process may use \d+ cores"),
        ({"threads": 0}, "threads=0 cannot be pinned"),
        ({"runs": 0}, "runs=0"),
        ({"task": "ranking"}, "task='ranking' is unknown: accepted are classification, regression, multi_label"),
        ({"interpreter": "onnx"}, "interpreter='onnx' is unknown: accepted are litert, tensorflow"),
    ],
)
def test_an_impossible_request_is_one_clear_line(zoo, options, message):
    with pytest.raises(RuntimeError, match=message) as raised:
        measure(zoo.paths["dense"], zoo.arrays["dense_x"], zoo.arrays["dense_y"], **{**QUICK, **options})
    assert "\n" not in str(raised.value)


def test_features_of_another_shape_are_one_clear_line(zoo):
    with pytest.raises(RuntimeError, match=r"input has shape \(-1, 6\), the features give \(1, 8, 8, 3\)"):
        measure(zoo.paths["dense"], zoo.arrays["conv_x"], zoo.arrays["conv_y"], **QUICK)


def test_labels_the_model_does_not_know_are_refused(zoo, tmp_path):
    np.save(tmp_path / "y.npy", np.full(40, 3))
    with pytest.raises(RuntimeError, match="labels run from 3 to 3, the model has classes 0 to 2"):
        measure(zoo.paths["dense"], zoo.arrays["dense_x"], tmp_path / "y.npy", **QUICK)


def test_a_slow_worker_is_stopped(zoo):
    with pytest.raises(RuntimeError, match=r"took longer than 0\.01 s"):
        measure(zoo.paths["dense"], zoo.arrays["dense_x"], zoo.arrays["dense_y"], timeout=0.01)


@pytest.mark.parametrize(
    ("ending", "message"),
    [
        ("kill -SEGV $$", "killed by SIGSEGV; last line: last words"),
        ("exit 3", "exit status 3; last line: last words"),
        ("exit 1", "exit status 1; last line: last words"),
    ],
)
def test_a_crash_says_how_it_ended(zoo, tmp_path, monkeypatch, ending, message):
    script = tmp_path / "python"
    script.write_text(f"#!/bin/sh\ncat >/dev/null\necho last words >&2\n{ending}\n")
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))
    with pytest.raises(RuntimeError, match=message):
        measure(zoo.paths["dense"], zoo.arrays["dense_x"], zoo.arrays["dense_y"])


def test_the_callers_thread_settings_do_not_reach_the_worker(monkeypatch):
    from pipeline.measurement.measure import _environment

    monkeypatch.setenv("OMP_NUM_THREADS", "64")
    monkeypatch.setenv("XNNPACK_SOMETHING", "1")
    environment = _environment(1)
    assert environment["OMP_NUM_THREADS"] == "1"
    assert "XNNPACK_SOMETHING" not in environment
    assert environment["PATH"] == os.environ["PATH"]

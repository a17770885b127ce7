"""One small run of the real thing, looked at from all sides."""

import hashlib
import json
import subprocess

import pytest
from whole_runs import SMALL, digests, left_overs, manifests

STAGES = [
    "prepare",
    "baseline",
    "prune",
    "export_baseline",
    "quantize",
    "export_prune",
    "measure_baseline",
    "export_quantize",
    "measure_prune",
    "measure_quantize",
    "report",
]


def test_every_stage_is_built_and_the_last_lines_say_what_came_out(small_run):
    done, store = small_run
    assert done.statuses == dict.fromkeys(STAGES, "built")
    verdict, report = done.out.strip().splitlines()[-2:]
    assert "against baseline" in verdict
    assert report == f"report: {done.output / 'report' / 'report.html'}"
    assert len(manifests(store)) == len(STAGES)
    assert left_overs(store) == []


def test_the_report_sets_before_beside_after(small_run):
    output = small_run[0].output / "report"
    document = json.loads((output / "report.json").read_text())
    figures = {model["name"]: model["measurement"] for model in document["models"]}
    assert list(figures) == ["baseline", "pruned", "pruned + int8"]
    assert figures["baseline"]["accuracy"] > 0.8
    assert figures["pruned"]["nonzero_parameters"] < 0.6 * figures["baseline"]["nonzero_parameters"]
    assert figures["pruned"]["deflated_bytes"] < figures["baseline"]["deflated_bytes"]
    assert figures["pruned + int8"]["bytes"] < 0.6 * figures["baseline"]["bytes"]
    assert document["command"].startswith("python -m pipeline +experiment=digits")
    assert {stage["name"] for stage in document["stages"]} == set(STAGES) - {"report"}
    assert "final_sparsity: 0.5" in document["config"]


def test_the_report_shows_classes_weights_and_curves_of_this_run(small_run):
    output = small_run[0].output / "report"
    document = json.loads((output / "report.json").read_text())
    assert document["version"] == 2
    assert {stage["run"] for stage in document["stages"]} == {document["run"]}
    for model in document["models"]:
        found = model["measurement"]
        assert sum(row[place] for place, row in enumerate(found["confusion"])) == found["correct"]
        assert sum(map(sum, found["confusion"])) == found["examples"]
        assert found["classes"] == [str(digit) for digit in range(10)]
    pruned = {layer["name"]: layer for layer in document["models"][1]["measurement"]["weights"]["layers"]}
    assert {name for name, layer in pruned.items() if layer["nonzero"] <= 0.55 * layer["parameters"]} == {*pruned}
    curves = {
        stage["name"]: exhibit["rows"]
        for stage in document["stages"]
        for exhibit in stage["exhibits"]
        if exhibit["lines"]
    }
    assert {name: len(rows) for name, rows in curves.items()} == {"baseline": 8, "prune": 4}
    page = (output / "report.html").read_text()
    for heading in ("Classes", "Weights", "Training", "Stages"):
        assert f">{heading}</h2>" in page
    assert "Every stage was built in this run." in page


def test_the_delivered_files_are_those_that_were_measured(small_run):
    done, store = small_run
    for model in ("baseline", "prune", "quantize"):
        delivered = (done.output / f"export_{model}" / "model.tflite").read_bytes()
        stored = next(each for each in manifests(store).values() if each["stage"] == f"export_{model}")
        assert stored["files"]["files/model.tflite"]["sha256"] == hashlib.sha256(delivered).hexdigest()
    assert (done.output / "export_baseline" / "saved_model" / "saved_model.pb").is_file()
    assert (done.output / "export_baseline" / "model.keras").is_file()


def test_the_ledger_counts_cores_memory_and_money(small_run):
    ledger = json.loads((small_run[0].output / "ledger.json").read_text())
    rows = {row["stage"]: row for row in ledger["stages"]}
    assert rows["baseline"]["cost"]["core_seconds"] > 0.5
    assert rows["baseline"]["cost"]["peak_bytes"] > 100e6
    assert ledger["total"]["money"] == pytest.approx(ledger["total"]["core_seconds"] / 3600 * 0.04)


def test_a_second_run_reuses_everything_and_imports_no_tensorflow(small_run, cli):
    store = small_run[1]
    before = manifests(store)
    done = cli(*SMALL, store=store)
    assert done.code == 0, done.err
    assert set(done.statuses.values()) == {"reused"}
    assert manifests(store) == before
    assert (done.output / "report" / "report.html").is_file()


def test_the_plan_names_the_setting_that_changed_and_touches_nothing(small_run, cli):
    store = small_run[1]
    before = manifests(store)
    done = cli(
        *SMALL[:-1], "stages.prune.final_sparsity=0.7", "stages.measure_quantize.runs=20", "dry_run=true", store=store
    )
    assert done.code == 0
    lines = {line.split()[1]: line for line in done.out.splitlines()}
    assert lines["baseline"].endswith("reuse    in the store")
    assert lines["prune"].endswith("run      final_sparsity: 0.5 -> 0.7")
    assert lines["quantize"].endswith("run      input model changed (prune)")
    assert manifests(store) == before
    assert left_overs(store) == []


TAUGHT = (
    "model=mlp",
    "model@student=mlp",
    *(f"+stage@stages.{name}={kind}" for name, kind in (("prepare",) * 2, ("teacher", "train"), ("teach",) * 2)),
    "+stage@stages.student=distill",
    "stages.teacher.epochs=2",
    "+stages.teach.inputs.teacher=teacher",
    "stages.student.epochs=1",
)


def test_a_sweep_over_students_trains_and_asks_the_teacher_once(cli):
    done = cli("-m", *TAUGHT, "stages.student.temperature=2,4")
    assert done.code == 0, done.err
    kinds = [each["kind"] for each in manifests(cli.store).values()]
    assert sorted(kinds) == ["distill", "distill", "prepare", "teach", "train"]
    first, second = (json.loads(path.read_text()) for path in sorted(done.folder.glob("multirun/*/*/*/ledger.json")))
    assert {row["stage"] for row in first["stages"] if row["status"] == "built"} == {
        "prepare",
        "teacher",
        "teach",
        "student",
    }
    assert {row["stage"] for row in second["stages"] if row["status"] == "built"} == {"student"}


@pytest.mark.parametrize("stage", ["prepare", "baseline", "export_quantize", "report"])
def test_one_flipped_byte_is_found_rebuilt_and_reported(stage, small_store, cli):
    kept = digests(small_store)
    key = next(key for key, each in manifests(small_store).items() if each["stage"] == stage)
    path = max((small_store / "artifacts" / key / "files").rglob("*.*"), key=lambda each: each.stat().st_size)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    done = cli(*SMALL, store=small_store)
    assert done.code == 0, done.err
    assert f"{stage}: the artifact in the store is damaged" in done.err
    assert path.name in done.err
    assert {name for name, status in done.statuses.items() if status == "built"} == {stage}
    assert digests(small_store) == kept
    assert len(list((small_store / "damaged").iterdir())) == 1


@pytest.mark.slow
def test_the_same_configuration_gives_the_same_bytes_in_another_store(small_run, cli):
    done = cli(*SMALL)
    assert done.code == 0, done.err
    assert digests(cli.store) == digests(small_run[1])


@pytest.mark.slow
def test_two_processes_together_run_each_stage_once(cli):
    pair = [cli.start(*SMALL) for _ in range(2)]
    for process, _ in pair:
        _, err = process.communicate(timeout=600)
        assert process.returncode == 0, err
    ledgers = [json.loads(next(folder.glob("outputs/*/*/ledger.json")).read_text()) for _, folder in pair]
    for first, second in zip(*(ledger["stages"] for ledger in ledgers), strict=True):
        assert sorted((first["status"], second["status"])) == ["built", "reused"], first["stage"]
    assert left_overs(cli.store) == []


def test_the_command_names_the_users_own_folder(small_store, cli, tmp_path):
    """With a folder of the user's own, the command would not repeat the run without it."""
    own = tmp_path / "own"
    (own / "experiment").mkdir(parents=True)
    (own / "experiment/mine.yaml").write_text("# @package _global_\ndefaults:\n  - /experiment/digits\nname: mine\n")
    done = cli("--config-dir", str(own), "+experiment=mine", *SMALL[1:], store=small_store)
    assert done.code == 0, done.err
    assert {name for name, status in done.statuses.items() if status == "built"} == {"report"}
    command = json.loads((done.output / "report" / "report.json").read_text())["command"]
    assert command.startswith(f"python -m pipeline --config-dir {own} +experiment=mine")


def test_a_range_test_among_the_reports_inputs_is_drawn_and_is_no_model(small_store, cli):
    more = ("+stage@stages.rates=range_test", "stages.rates.steps=50", "+stages.report.inputs.rates=rates")
    done = cli(*SMALL, *more, store=small_store)
    assert done.code == 0, done.err
    assert {name for name, status in done.statuses.items() if status == "built"} == {"rates", "report"}
    suggestion = json.loads((done.output / "rates" / "range_test.json").read_text())["suggestion"]
    document = json.loads((done.output / "report" / "report.json").read_text())
    assert [model["name"] for model in document["models"]] == ["baseline", "pruned", "pruned + int8"]
    page = (done.output / "report" / "report.html").read_text()
    assert f"rates: loss by learning rate, after which {suggestion:.3g} is suggested" in page
    assert ">smoothed loss</text>" in page
    refused = cli(*SMALL, *more, "stages.report.before=rates", store=small_store)
    assert refused.code == 2
    assert "before=rates: no such model; accepted: baseline, pruned, pruned + int8" in refused.err


@pytest.mark.slow
def test_the_printed_command_repeats_the_run(small_run, cli):
    command = json.loads((small_run[0].output / "report" / "report.json").read_text())["command"]
    assert command.startswith("python -m pipeline ")
    import shlex

    done = cli(*shlex.split(command)[3:], store=small_run[1])
    assert set(done.statuses.values()) == {"reused"}


def test_the_saved_model_serves_in_a_process_that_knows_nothing_of_us(small_run):
    import sys

    folder = small_run[0].output / "export_prune"
    code = (
        "import sys, numpy as np, tensorflow as tf\n"
        "serve = tf.saved_model.load(sys.argv[1]).signatures['serving_default']\n"
        "print(serve(features=tf.zeros((3, 8, 8, 1)))['logits'].shape.as_list())"
    )
    out = subprocess.run([sys.executable, "-c", code, str(folder / "saved_model")], capture_output=True, text=True)
    assert out.stdout.strip() == "[3, 10]", out.stderr


def test_the_onnx_file_serves_in_a_process_that_knows_nothing_of_us(small_store, cli):
    import sys

    pytest.importorskip("tf2onnx", reason="ONNX is not installed: uv sync --extra onnx")
    done = cli(*SMALL, "stages.export_prune.formats=[tflite,onnx]", store=small_store)
    assert done.code == 0, done.err
    assert "export_prune: onnx against the Keras model on 20 examples: largest_difference " in done.err
    assert {name for name, status in done.statuses.items() if status == "built"} == {
        "export_prune",
        "measure_prune",
        "report",
    }
    code = (
        "import sys, json, numpy as np, onnxruntime\n"
        "session = onnxruntime.InferenceSession(sys.argv[1])\n"
        "facts = session.get_modelmeta().custom_metadata_map\n"
        "(logits,) = session.run(None, {'features': np.zeros((3, 8, 8, 1), np.float32)})\n"
        "kinds = sorted(stage['kind'] for stage in json.loads(facts['provenance'])['stages'])\n"
        "print(json.dumps([logits.shape, json.loads(facts['class_names']), kinds, 'tensorflow' in sys.modules]))"
    )
    path = done.output / "export_prune" / "model.onnx"
    out = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True)
    assert out.returncode == 0, out.stderr
    expected = [[3, 10], [str(digit) for digit in range(10)], ["prepare", "prune", "train"], False]
    assert json.loads(out.stdout) == expected

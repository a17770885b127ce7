"""Teaching and distilling, as stages: what is stored, learned and refused, and how a killed one goes on."""

import dataclasses
import json
import logging

import numpy as np
import pytest
from stage_runs import Ran, configured, ran

from pipeline.data.files import load
from pipeline.engine.errors import ConfigError, InputError
from pipeline.engine.stage import Context
from pipeline.keras import keras
from pipeline.models.files import load_model, save_model
from pipeline.training import fit

BIG = "+stage@stages.big=train"
TAUGHT = (BIG, "++stages.x.inputs.teacher=big")
DISTILLED = (BIG, "+stage@stages.teach=teach", "++stages.teach.inputs.teacher=big")
SMALL = ("++model.units=[8]", "epochs=1")
CNN = ("++model={family: cnn, filters: [4, 8], units: 16, dropout: 0.2}",)
TEACHER = ("++model={family: cnn, filters: [8, 16], units: 32, dropout: 0.0}", "epochs=4", "learning_rate=0.01")


def teach(*overrides, data="digits"):
    return configured("teach", *TAUGHT, *overrides, data=data)


def distill(*overrides, data="digits"):
    """The stage whose student is the model that a `train` stage would have of the same overrides."""
    of_student = [each.replace("++model", "++student") for each in overrides]
    return configured("distill", *DISTILLED, *of_student, data=data)


def digest(run: Ran) -> str:
    return (run.files / "weights.sha256").read_text()


def read(run: Ran, name: str):
    return json.loads((run.files / name).read_text())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("distill")


@pytest.fixture(scope="module")
def teacher(digits, folder) -> Ran:
    return ran(configured("train", *TEACHER), folder / "teacher", data=digits)


@pytest.fixture(scope="module")
def teaching(digits, teacher, folder) -> Ran:
    return ran(teach(), folder / "teaching", data=digits, teacher=teacher)


@pytest.fixture(scope="module")
def hinting(digits, teacher, folder) -> Ran:
    return ran(teach("hint=pool_1"), folder / "hinting", data=digits, teacher=teacher)


def test_a_teaching_is_the_teachers_logits_of_the_training_part(digits, teacher, teaching):
    dataset, model = load(digits.files), load_model(teacher.files / "model.keras")
    logits = np.load(teaching.files / "logits.npy")
    assert (logits.dtype, logits.shape) == (np.dtype("float32"), (1258, 10))
    expected = model.predict(dataset.train.features.astype(np.float32), verbose=0)
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-4)
    found, history = read(teaching, "teaching.json"), read(teacher, "history.json")
    assert found["validation_accuracy"] == pytest.approx(history[-1]["val_accuracy"])
    assert found["training_accuracy"] == np.mean(logits.argmax(axis=1) == dataset.train.labels)
    assert (found["examples"], found["classes"]) == (1258, [str(digit) for digit in range(10)])
    (shown,) = teaching.exhibits
    assert shown.rows == [("teacher", found["validation_accuracy"])]
    assert sorted(path.name for path in teaching.files.iterdir()) == ["logits.npy", "teaching.json"]


def test_an_ensemble_teaches_the_mean_of_its_logits_and_the_order_of_its_names_does_not_matter(
    digits, teacher, teaching, tmp_path
):
    other = ran(configured("train", "++model.units=[16]", "epochs=2"), tmp_path / "other", data=digits)
    alone = ran(teach(), tmp_path / "alone", data=digits, teacher=other)
    two = [
        configured("teach", BIG, *(f"++stages.x.inputs.{name}=big" for name in names))
        for names in (("teacher", "other"), ("other", "teacher"))
    ]
    made = [
        ran(each, tmp_path / str(number), data=digits, teacher=teacher, other=other) for number, each in enumerate(two)
    ]
    logits = [np.load(each.files / "logits.npy") for each in (teaching, alone, *made)]
    np.testing.assert_allclose(logits[2], (logits[0] + logits[1]) / 2, rtol=1e-4, atol=1e-4)
    assert np.array_equal(logits[2], logits[3])
    assert [name for name, _ in made[0].exhibits[0].rows] == ["other", "teacher", "their mean logits"]


def test_with_alpha_0_the_student_is_the_very_one_that_learns_without_a_teacher(digits, teaching, tmp_path):
    settings = (*CNN, "epochs=2", "augment.flip=true")
    plain = ran(configured("train", *settings), tmp_path / "plain", data=digits)
    student = ran(distill(*settings, "alpha=0.0"), tmp_path / "student", data=digits, teaching=teaching)
    assert digest(student) == digest(plain)
    assert read(student, "history.json") == read(plain, "history.json")
    assert (student.files / "model.keras").read_bytes() == (plain.files / "model.keras").read_bytes()
    assert student.notes == ["alpha is 0: the student learned nothing from its teacher's logits"]


def test_with_alpha_1_the_student_follows_the_teacher_and_is_judged_by_the_labels(digits, teacher, teaching, tmp_path):
    settings = ("++model.units=[64]", "++model.dropout=0.0", "epochs=20", "alpha=1.0", "learning_rate=0.01")
    student = ran(distill(*settings), tmp_path / "student", data=digits, teaching=teaching)
    dataset, model = load(digits.files), load_model(student.files / "model.keras")
    said, taught = (
        model.predict(dataset.train.features.astype(np.float32), verbose=0).argmax(axis=1),
        np.load(teaching.files / "logits.npy").argmax(axis=1),
    )
    assert np.mean(said == taught) > 0.9
    losses = [row["loss"] for row in read(student, "history.json")]
    assert losses[-1] < 0.1 * losses[0]
    given = model.predict(dataset.validation.features.astype(np.float32), verbose=0).argmax(axis=1)
    accuracy = read(student, "history.json")[-1]["val_accuracy"]
    assert accuracy == pytest.approx(np.mean(given == dataset.validation.labels))
    assert sorted(path.name for path in student.files.iterdir()) == ["history.json", "model.keras", "weights.sha256"]


def test_the_temperature_changes_what_is_learned_and_the_cache_does_not(digits, teaching, tmp_path):
    runs = {
        settings: ran(distill(*SMALL, *settings), tmp_path / str(number), data=digits, teaching=teaching)
        for number, settings in enumerate([(), ("temperature=2.0",), ("input.cache=disk",)])
    }
    first, cooler, disk = (digest(each) for each in runs.values())
    assert cooler != first
    assert disk == first


def test_a_born_again_network_has_a_teacher_of_its_own_family(digits, teaching, tmp_path):
    again = ran(distill(*TEACHER), tmp_path / "again", data=digits, teaching=teaching)
    teacher, student = read(teaching, "teaching.json"), read(again, "history.json")[-1]
    assert student["val_accuracy"] > teacher["validation_accuracy"] - 0.05


def test_a_hinted_student_starts_from_the_teachers_features(digits, hinting, tmp_path):
    assert np.load(hinting.files / "hints.npy", mmap_mode="r").shape == (1258, 4, 4, 8)
    settings = ("++model={family: cnn, filters: [3], units: 8, dropout: 0.0}", "epochs=2", "learning_rate=0.01")
    plain = ran(distill(*settings), tmp_path / "plain", data=digits, teaching=hinting)
    hints = (*settings, "++stages.teach.hint=pool_1", "hint=pool_1", "hint_epochs=4")
    student = ran(distill(*hints), tmp_path / "student", data=digits, teaching=hinting)
    assert digest(student) != digest(plain)
    losses = [row["loss"] for row in read(student, "hints.json")]
    assert len(losses) == 4
    assert losses[-1] < 0.7 * losses[0]
    models = [load_model(each.files / "model.keras").get_config() for each in (plain, student)]
    assert models[0] == models[1]
    assert len(read(student, "history.json")) == 2


class Interruption(Exception):  # noqa: N818
    """Stands for whatever ends a process."""


def start(stage, folder, state, inputs, stop_at=None):
    """Runs a stage on a state that outlives it, up to a number of steps if given."""
    folder.mkdir()
    state.mkdir(exist_ok=True)
    seen = []

    def progress(made):
        seen.append(made)
        if made.done == stop_at:
            raise Interruption

    empty = dict.fromkeys(field.name for field in dataclasses.fields(Context))
    given = {
        "inputs": {name: each.artifact for name, each in inputs.items()},
        "output": folder,
        "state": state,
        "log": logging.getLogger("test"),
        "progress": progress,
        "note": lambda text: None,
        "show": lambda exhibit: None,
        "keep": lambda what, size: None,
        "step": lambda number: None,
        "epoch": lambda number, metrics: None,
    }
    stage.run(Context(**{**empty, **given}))
    return (folder / "weights.sha256").read_text(), (folder / "history.json").read_text(), seen


@pytest.mark.parametrize(
    ("more", "stops"),
    [
        (("++model.units=[16]",), (25,)),
        ((*CNN, "++stages.teach.hint=pool_1", "hint=pool_1", "hint_epochs=2"), (27, 50)),
    ],
    ids=["logits", "hints"],
)
def test_a_killed_distillation_ends_with_the_weights_of_one_that_was_not(
    digits, hinting, tmp_path, monkeypatch, more, stops
):
    monkeypatch.setattr(fit, "INTERVAL", 0)
    stage = distill("epochs=2", "augment.flip=true", *more)
    inputs = {"data": digits, "teaching": hinting}
    weights, history, seen = start(stage, tmp_path / "whole", tmp_path / "state of whole", inputs)
    steps = 20 * (2 + stage.hint_epochs)
    assert [each.done for each in seen] == list(range(1, steps + 1))
    assert {each.total for each in seen} == {steps}
    for stop in stops:
        with pytest.raises(Interruption):
            start(stage, tmp_path / str(stop), tmp_path / "state", inputs, stop)
    again = start(stage, tmp_path / "end", tmp_path / "state", inputs)
    assert again[:2] == (weights, history)
    assert len(again[2]) < steps / 2 + 1


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (lambda: configured("teach"), "stages.x.inputs: no teacher; accepted: data and one or more models"),
        (
            lambda: teach("++stages.x.inputs.other=big", "hint=pool_1"),
            "stages.x.hint=pool_1: an ensemble has no layer of its own; accepted: null",
        ),
        (
            lambda: distill("augment.mixup=0.2"),
            "stages.x.augment.mixup=0.2: a teacher has not seen the mixed examples; accepted: 0",
        ),
        (lambda: distill("augment.cutmix=1.0"), "stages.x.augment.cutmix=1.0: a teacher has not seen"),
        (lambda: distill("temperature=0"), "stages.x.temperature=0: not valid"),
        (lambda: distill("alpha=1.5"), "stages.x.alpha=1.5: not valid"),
        (lambda: distill("hint=pool_1"), "stages.x.hint_epochs=0: no epoch to learn the hint in; accepted: 1 or more"),
        (lambda: distill("hint_epochs=1"), "stages.x.hint: missing; hint_epochs is above 0; accepted: a layer"),
        (
            lambda: distill("hint=pool_1", "hint_epochs=1"),
            "stages.x.hint=pool_1: the teaching teach holds no hints; accepted: null, any, with stages.teach.hint set",
        ),
        (lambda: distill("augment.flip=true", data="breast_cancer"), "stages.x.augment.flip: takes images"),
        (lambda: distill(*CNN, data="breast_cancer"), "model.family=cnn: takes images, and the data is a table"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_runs(make, line):
    with pytest.raises(ConfigError) as caught:
        make()
    assert line in str(caught.value)


def test_a_configured_task_without_classes_is_refused_before_anything_runs():
    csv = ("data.path=a.csv", "data.label=y", "data.task=regression")
    for make in (teach, distill):
        with pytest.raises(ConfigError, match=r"inputs.data: a regression has no classes to teach; accepted: class"):
            make(*csv, data="csv")


def regression(tmp_path) -> Ran:
    noise = np.random.default_rng(0)
    rows = [f"{a:.3f},{b:.3f},{a + b:.3f}" for a, b in noise.normal(size=(60, 2))]
    (tmp_path / "a.csv").write_text("\n".join(["a,b,y", *rows]) + "\n")
    settings = (f"data.path={tmp_path / 'a.csv'}", "data.label=y")
    return ran(configured("prepare", *settings, data="csv"), tmp_path / "regression")


def test_a_regression_that_only_the_data_shows_is_refused(teacher, teaching, tmp_path):
    data = regression(tmp_path)
    line = "a regression has no classes to teach; accepted: classification"
    with pytest.raises(InputError, match=line):
        ran(teach(), tmp_path / "teach", data=data, teacher=teacher)
    with pytest.raises(InputError, match=line):
        ran(distill(), tmp_path / "distill", data=data, teaching=teaching)


def test_a_teaching_of_other_classes_or_other_examples_is_refused(digits, teaching, tmp_path):
    table = ran(configured("prepare", data="breast_cancer"), tmp_path / "table")
    with pytest.raises(
        InputError, match=r"knows 10 classes \(0, 1, 2, ...\), and the data has 2 \(.*inputs.teaching\)"
    ):
        ran(distill(), tmp_path / "classes", data=table, teaching=teaching)
    other = ran(configured("prepare", "seed=7"), tmp_path / "other")
    with pytest.raises(InputError, match=r"the teaching is of other examples \(1,258 of them\) than the training part"):
        ran(distill(), tmp_path / "examples", data=other, teaching=teaching)


def test_a_teacher_of_other_features_or_other_classes_is_refused(digits, teacher, tmp_path):
    table = ran(configured("prepare", data="breast_cancer"), tmp_path / "table")
    with pytest.raises(InputError, match=r"the model takes features of shape \(8, 8, 1\) and the data has \(30,\)"):
        ran(teach(), tmp_path / "features", data=table, teacher=teacher)
    few = Ran(tmp_path / "few", [], [])
    few.files.mkdir(parents=True)
    save_model(keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(3)]),
               few.files / "model.keras")  # fmt: skip
    line = r"outputs of shape \(None, 3\), and the data has 10 classes; accepted: \(None, 10\) \(set by inputs\)"
    with pytest.raises(InputError, match=line):
        ran(teach(), tmp_path / "classes", data=digits, teacher=few)
    with pytest.raises(InputError, match=r"has no layer 'pool_9'; accepted: .* \(set by hint\)"):
        ran(teach("hint=pool_9"), tmp_path / "hint", data=digits, teacher=teacher)


def test_a_hint_of_another_shape_is_refused_before_the_student_is_trained(digits, hinting, tmp_path):
    stage = distill(*CNN, "++stages.teach.hint=pool_1", "hint=pool_2", "hint_epochs=1")
    with pytest.raises(InputError, match=r"layer pool_2 gives features of shape \(2, 2, 8\).*\(set by hint\)"):
        ran(stage, tmp_path / "x", data=digits, teaching=hinting)

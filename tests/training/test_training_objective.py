import numpy as np
import pytest
import real_data
from training_cases import in_order

from pipeline.distribution.single import Single
from pipeline.keras import keras, tf
from pipeline.models.inputs import image_input, table_input
from pipeline.models.mlp import mlp
from pipeline.training import determinism
from pipeline.training.fit import fit
from pipeline.training.objective import headline, objective, soft_labels

NOISE = np.random.default_rng(0)
LOGITS = NOISE.normal(size=(6, 3)).astype(np.float32)
CLASSES = np.array([0, 2, 1, 1, 0, 2], np.int32)
MIXED = NOISE.dirichlet(np.ones(3), 6).astype(np.float32)
LABELS = NOISE.integers(0, 2, (6, 3)).astype(np.uint8)
TARGETS = NOISE.normal(5, 3, 6).astype(np.float32)
WEIGHTS = np.array([0, 1, 2, 1, 1, 3], np.float32)
LOG_SOFTMAX = LOGITS - np.log(np.exp(LOGITS).sum(axis=1, keepdims=True))
SIGMOID = 1 / (1 + np.exp(-LOGITS.astype(float)))

# The task and its settings, labels, outputs, and the loss and the metrics of each example.
CASES = {
    "classes": (
        ("classification", {}),
        CLASSES,
        LOGITS,
        -LOG_SOFTMAX[np.arange(6), CLASSES],
        {"accuracy": LOGITS.argmax(1) == CLASSES},
    ),
    "soft": (
        ("classification", {"soft": True}),
        MIXED,
        LOGITS,
        -(MIXED * LOG_SOFTMAX).sum(axis=1),
        {"accuracy": LOGITS.argmax(1) == MIXED.argmax(1)},
    ),
    "regression": (
        ("regression", {"target_variance": 9.0}),
        TARGETS,
        LOGITS[:, :1],
        np.square(LOGITS[:, 0] - TARGETS) / 9,
        {
            "rmse": np.square(LOGITS[:, 0] - TARGETS),
            "mae": np.abs(LOGITS[:, 0] - TARGETS),
        },
    ),
    "multi_label": (
        ("multi_label", {}),
        LABELS,
        LOGITS,
        -np.where(LABELS, np.log(SIGMOID), np.log(1 - SIGMOID)).mean(axis=1),
        {"binary_accuracy": ((LOGITS > 0) == LABELS).mean(axis=1)},
    ),
    "mixed_labels": (
        ("multi_label", {}),
        MIXED,
        LOGITS,
        -(MIXED * np.log(SIGMOID) + (1 - MIXED) * np.log(1 - SIGMOID)).mean(axis=1),
        {"binary_accuracy": ((LOGITS > 0) == (MIXED > 0.5)).mean(axis=1)},
    ),
}


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("name", CASES)
def test_losses_and_metrics_are_those_computed_by_hand(name, weights):
    (task, options), labels, outputs, losses, metrics = CASES[name]
    inputs = keras.Input(outputs.shape[1:])
    model = keras.Model(inputs, keras.layers.Rescaling(1.0)(inputs))
    model.compile("sgd", **objective(task, **options))
    found = model.evaluate(outputs, labels, sample_weight=weights, verbose=0, return_dict=True)
    expected = np.mean(losses * (1 if weights is None else weights))
    measured = {name: np.average(each, weights=weights) for name, each in metrics.items()}
    if "rmse" in measured:
        measured["rmse"] = np.sqrt(measured["rmse"])
    assert found == pytest.approx({"loss": expected, **measured}, rel=1e-5)
    assert headline(task) in found


def test_an_unknown_task_is_refused():
    for ask in (headline, objective):
        with pytest.raises(ValueError, match="task 'ranking' is unknown; accepted: classification, regression, multi"):
            ask("ranking")


def test_class_indices_become_rows_and_rows_stay():
    batches = tf.data.Dataset.from_tensors((LOGITS, CLASSES, WEIGHTS))
    ((_, labels, weights),) = soft_labels(batches, 3)
    np.testing.assert_array_equal(labels, np.eye(3)[CLASSES])
    np.testing.assert_array_equal(weights, WEIGHTS)
    rows = tf.data.Dataset.from_tensors((LOGITS, MIXED))
    assert soft_labels(rows, 3) is rows


def one_hot(batches):
    return soft_labels(batches, 10)


# Data, its front, outputs, settings of the task, what becomes of the training's batches, and what a metric reaches.
RUNS = {
    "soft": (
        real_data.digits,
        10,
        {"task": "classification", "soft": True},
        one_hot,
        lambda last: last["accuracy"] > 0.8,
    ),
    "regression": (real_data.diabetes, 1, {"task": "regression"}, None, lambda last: last["rmse"] < 65),
    "multi_label": (
        real_data.digits_labels,
        4,
        {"task": "multi_label"},
        None,
        lambda last: last["binary_accuracy"] > 0.85,
    ),
}


@pytest.mark.parametrize("name", RUNS)
def test_every_task_is_learned(name, tmp_path):
    load, outputs, settings, change, reached = RUNS[name]
    data, target = load(), {}
    determinism.start(0)
    front = table_input(data.columns) if data.columns else image_input((8, 8, 1), scale=16.0)
    if settings["task"] == "regression":
        target = {"target_mean": float(data.train.labels.mean()), "target_variance": float(data.train.labels.var())}
    model = mlp(*front, outputs, units=[32], dropout=0.0, task=settings["task"], **target)
    batches = in_order((data.train.features, data.train.labels))
    history = fit(
        model,
        lambda first: (change or tf.data.Dataset.prefetch)(batches, *([] if change else [1])).repeat(),
        lambda: in_order((data.validation.features, data.validation.labels)),
        optimizer=keras.optimizers.Adam(0.01),
        epochs=15 if target else 5,
        steps_per_epoch=len(batches),
        seed=0,
        state=tmp_path,
        distribution=Single(),
        on_progress=lambda *words: None,
        **settings,
        **({"target_variance": target["target_variance"]} if target else {}),
    )
    assert f"val_{headline(settings['task'])}" in history[-1]
    assert history[-1]["loss"] < 0.9 * history[0]["loss"]
    assert reached({key.removeprefix("val_"): value for key, value in history[-1].items() if key.startswith("val_")})

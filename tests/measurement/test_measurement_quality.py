from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics

from pipeline.measurement.interpreter import open_interpreter
from pipeline.measurement.outputs import tflite_outputs
from pipeline.measurement.predictor import Predictor
from pipeline.measurement.quality import quality


def measured(zoo, model, labels, task):
    interpreter, _ = open_interpreter(zoo.paths[model], "litert", 1)
    features = zoo.arrays["dense_x"]
    return quality(Predictor(interpreter, np.load(features).shape[1:]), features, np.asarray(labels), task)


def outputs(zoo, model):
    return tflite_outputs(zoo.paths[model], np.load(zoo.arrays["dense_x"]))


NOISE = np.random.default_rng(1)


@pytest.mark.parametrize("name", ["dense", "dense_int8", "labels", "labels_int8", "regressor", "regressor_int8"])
def test_outputs_are_those_of_the_keras_model_up_to_the_quantization(zoo, name):
    exact = zoo.models[name.removesuffix("_int8")](np.load(zoo.arrays["dense_x"])).numpy()
    found = outputs(zoo, name)
    assert (found.dtype, found.shape) == (np.float32, exact.shape)
    np.testing.assert_allclose(found, exact, atol=(0.05 if "int8" in name else 1e-6) * np.abs(exact).max())


@pytest.mark.parametrize("name", ["dense", "dense_int8"])
def test_accuracy_is_scikit_learns(zoo, name):
    classes = NOISE.integers(0, 3, 40)
    found = measured(zoo, name, classes, "classification")
    predicted = outputs(zoo, name).argmax(1)
    right = metrics.accuracy_score(classes, predicted, normalize=False)
    assert found == {
        "accuracy": right / 40,
        "correct": right,
        "examples": 40,
        "confusion": metrics.confusion_matrix(classes, predicted).tolist(),
    }


def test_of_very_many_classes_there_is_no_confusion_matrix(zoo, monkeypatch):
    monkeypatch.setattr("pipeline.measurement.quality.MOST_CLASSES", 2)
    assert set(measured(zoo, "dense", NOISE.integers(0, 3, 40), "classification")) == {
        "accuracy",
        "correct",
        "examples",
    }


@pytest.mark.parametrize("name", ["regressor", "regressor_int8"])
@pytest.mark.parametrize("offset", [0, 1e6])
def test_errors_of_a_regression_are_scikit_learns(zoo, name, offset):
    predicted = outputs(zoo, name)[:, 0]
    targets = (predicted + NOISE.normal(size=40) + offset).astype(np.float32)
    found = measured(zoo, name, targets, "regression")
    assert found == pytest.approx(
        {
            "rmse": metrics.root_mean_squared_error(targets, predicted),
            "mae": metrics.mean_absolute_error(targets, predicted),
            "r2": metrics.r2_score(targets.astype(float), predicted.astype(float)),
            "examples": 40,
        },
        rel=1e-5,
    )


@pytest.mark.parametrize("name", ["labels", "labels_int8"])
def test_scores_of_many_labels_are_scikit_learns(zoo, name):
    labels = NOISE.integers(0, 2, (40, 3)).astype(np.uint8)
    labels[:20] = outputs(zoo, name)[:20] > 0
    found = measured(zoo, name, labels, "multi_label")
    predicted = outputs(zoo, name) > 0
    assert found == pytest.approx(
        {
            "f1": metrics.f1_score(labels, predicted, average="micro"),
            "subset_accuracy": metrics.accuracy_score(labels, predicted),
            "examples": 40,
        }
    )
    assert 0.5 < found["f1"] < 1


@pytest.mark.parametrize(
    ("model", "task", "labels", "said"),
    [
        ("regressor", "regression", np.full(40, 2.5), "all 40 targets are 2.5: r2 is undefined, targets must differ"),
        ("dense", "regression", np.arange(40.0), r"model output has shape \(1, 3\): accepted is \(1, 1\)"),
        ("regressor", "classification", np.zeros(40, int), r"shape \(1, 1\): accepted is \(1, classes\)"),
        ("dense", "classification", np.full(40, 3), "labels run from 3 to 3, the model has classes 0 to 2"),
        ("dense", "multi_label", np.ones((40, 2), np.uint8), r"output has shape \(1, 3\), the labels are 2"),
        ("dense", "multi_label", np.zeros((40, 3), np.uint8), "no label is set in 40 examples: f1 is undefined"),
        ("broken", "multi_label", np.ones((40, 3), np.uint8), "output is NaN for example 0"),
    ],
)
def test_labels_without_a_figure_are_refused_in_one_line(zoo, model, task, labels, said):
    with pytest.raises(ValueError, match=said) as raised:
        measured(zoo, model, labels, task)
    assert "\n" not in str(raised.value)


def test_no_model_and_other_shapes_are_refused(zoo):
    with pytest.raises(FileNotFoundError, match="no model file at absent"):
        tflite_outputs(Path("absent.tflite"), np.zeros((1, 6)))
    with pytest.raises(ValueError, match=r"input has shape \(-1, 6\), the features give \(1, 5\)"):
        tflite_outputs(zoo.paths["dense"], np.zeros((1, 5)))

"""How good a model's predictions are, by task."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.measurement.examples import read_examples
from pipeline.measurement.predictor import Predictor

Figures = dict[str, Any]

MOST_CLASSES = 100
"""Of more classes there is no confusion matrix."""


def quality(predictor: Predictor, features: Path, labels: np.ndarray, task: str) -> Figures:
    """Predicts every example, one at a time, and sums up how well.

    Args:
        predictor: The loaded model.
        features: The test features.
        labels: As `check_examples` returns them for the task.
        task: "classification", "regression" or "multi_label".

    Returns:
        `examples`, and by task what `accuracy`, `regression` and `multi_label` return.

    Raises:
        ValueError: If the outputs do not fit the labels, or one is NaN, or a figure is undefined on these labels.
    """
    if task == "regression":
        return regression(predictor, features, labels)
    return (accuracy if task == "classification" else multi_label)(predictor, features, labels)


def accuracy(predictor: Predictor, features: Path, labels: np.ndarray) -> Figures:
    """Classifies every example by the largest output; ties go to the lower class.

    Returns:
        `accuracy` in 0 to 1, `correct` and `examples`; of up to 100 classes also `confusion`, the number of examples by
        true class (row) and predicted class (column).

    Raises:
        ValueError: If the output is not (1, classes) with 2 classes or more, a label is not one of them, or an output
            is NaN.
    """
    predicted, classes = np.empty(len(labels), np.int64), 0
    for index, scores in _outputs(predictor, features):
        if index == 0:
            _check_classes(scores, labels)
            classes = len(scores)
        predicted[index] = np.argmax(scores)
    correct = int((predicted == labels).sum())
    found: Figures = {"accuracy": correct / len(labels), "correct": correct, "examples": len(labels)}
    if classes > MOST_CLASSES:
        return found
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (labels, predicted), 1)
    return {**found, "confusion": counts.tolist()}


def regression(predictor: Predictor, features: Path, targets: np.ndarray) -> Figures:
    """Compares every predicted number with its target.

    Returns:
        `rmse` (root mean squared error) and `mae` (mean absolute error) in the target's units; `r2`, the coefficient
        of determination 1 - SSE / SST; `examples`.

    Raises:
        ValueError: If the output is not (1, 1) or is NaN, or all targets are equal.
    """
    expected = targets.astype(np.float64)
    spread = float(np.square(expected - expected.mean()).sum())
    if spread == 0:
        raise ValueError(f"all {len(expected)} targets are {expected[0]:g}: r2 is undefined, targets must differ")
    predicted = np.empty(len(expected))
    for index, (number, *more) in _outputs(predictor, features):
        if more:
            raise ValueError(f"model output has shape (1, {1 + len(more)}): accepted is (1, 1)")
        predicted[index] = number
    errors = predicted - expected
    return {
        "rmse": float(np.sqrt(np.square(errors).mean())),
        "mae": float(np.abs(errors).mean()),
        "r2": 1 - float(np.square(errors).sum()) / spread,
        "examples": len(expected),
    }


def multi_label(predictor: Predictor, features: Path, labels: np.ndarray) -> Figures:
    """Sets every label whose logit is above 0, a probability of one half.

    Returns:
        `f1`, over all labels of all examples together (micro-averaged), `subset_accuracy`, the share of examples whose
        labels are all right, both in 0 to 1; `examples`.

    Raises:
        ValueError: If the output is not one logit for each label or is NaN, or no label is set anywhere.
    """
    expected = labels.astype(bool)
    if not expected.any():
        raise ValueError(f"no label is set in {len(expected)} examples: f1 is undefined, some must be set")
    predicted = np.empty_like(expected)
    for index, logits in _outputs(predictor, features):
        if len(logits) != expected.shape[1]:
            raise ValueError(f"model output has shape (1, {len(logits)}), the labels are {expected.shape[1]}")
        predicted[index] = logits > 0
    hits, wrong = int((predicted & expected).sum()), int((predicted ^ expected).sum())
    return {
        "f1": 2 * hits / (2 * hits + wrong),
        "subset_accuracy": float((predicted == expected).all(axis=1).mean()),
        "examples": len(expected),
    }


def _outputs(predictor: Predictor, features: Path) -> Iterator[tuple[int, np.ndarray]]:
    """Yields each example's place and outputs, of shape (outputs,)."""
    for index, example in enumerate(read_examples(features)):
        (outputs,) = predictor.predict(example)
        if np.isnan(outputs).any():
            raise ValueError(f"model output is NaN for example {index} of {features}: its quality is undefined")
        yield index, outputs


def _check_classes(scores: np.ndarray, labels: np.ndarray) -> None:
    if len(scores) < 2:
        raise ValueError(f"model output has shape (1, {len(scores)}): accepted is (1, classes) with 2 classes or more")
    if labels.min() < 0 or labels.max() >= len(scores):
        raise ValueError(
            f"labels run from {labels.min()} to {labels.max()}, the model has classes 0 to {len(scores) - 1}"
        )

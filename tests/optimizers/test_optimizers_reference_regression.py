"""The NumPy oracles on linear regression, beside its closed form, and the wrong forms of both."""

import itertools
import subprocess
import sys
from functools import cache

import numpy as np
import pytest
from sklearn.datasets import load_diabetes

from pipeline.optimizers import reference
from pipeline.optimizers.reference import adam, batches, sgd

FITS = pytest.mark.parametrize("fit", [sgd, adam])


# Linear regression --------------------------------------------------------------------------------------------------


@cache
def diabetes():
    """Real data: 442 patients, ten columns of mean 0 and deviation 1, and one of ones; badly conditioned, 470 to 1."""
    columns, targets = load_diabetes(return_X_y=True)
    columns = (columns - columns.mean(axis=0)) / columns.std(axis=0)
    return np.column_stack([columns, np.ones(len(columns))]), targets


def synthetic(noise):
    """Sixty examples of four columns, well conditioned; consistent if there is no noise."""
    generator = np.random.default_rng(0)
    features = generator.normal(size=(60, 4))
    return features, features @ [1.0, -2.0, 3.0, 0.5] + noise * generator.normal(size=60)


def least_squares(features, targets):
    return np.linalg.lstsq(features, targets, rcond=None)[0]


def best_rate(features):
    """The rate at which full-batch descent converges fastest: 2 over the sum of the extreme eigenvalues."""
    eigenvalues = np.linalg.eigvalsh(features.T @ features / len(features))
    return 2 / (eigenvalues[0] + eigenvalues[-1])


def fall(fit, features, targets, rates, epochs, batch_size):
    """Yields the weights after training at each of the rates in turn."""
    weights = np.zeros(features.shape[1])
    for seed, rate in enumerate(rates):
        weights = fit(features, targets, weights, rate, epochs, batch_size, seed)
        yield weights


def distance(weights, best):
    return np.linalg.norm(weights - best) / np.linalg.norm(best)


def test_full_batch_sgd_reaches_least_squares_on_real_data():
    features, targets = diabetes()
    weights = sgd(features, targets, np.zeros(11), best_rate(features), 4000, len(features), 0)
    assert distance(weights, least_squares(features, targets)) < 1e-6


def test_full_batch_adam_reaches_least_squares_on_real_data():
    features, targets = diabetes()
    *_, weights = fall(adam, features, targets, 10.0 ** -np.arange(6), 3000, len(features))
    assert distance(weights, least_squares(features, targets)) < 1e-6


@pytest.mark.parametrize(("fit", "rates"), [(sgd, (0.1, 0.01, 0.001)), (adam, (1.0, 0.1, 0.01))])
def test_mini_batches_come_within_a_ten_thousandth_of_the_least_loss_on_real_data(fit, rates):
    features, targets = diabetes()
    *_, weights = fall(fit, features, targets, rates, 300, 32)
    loss, least = (np.mean((features @ found - targets) ** 2) for found in (weights, least_squares(features, targets)))
    assert least <= loss < least * (1 + 1e-4)


@pytest.mark.parametrize("batch_size", [1, 7, 60])
def test_sgd_solves_a_consistent_system_at_one_rate_whatever_the_batch(batch_size):
    features, targets = synthetic(noise=0)
    weights = sgd(features, targets, np.zeros(4), 0.05, 500, batch_size, 0)
    np.testing.assert_allclose(weights, [1.0, -2.0, 3.0, 0.5], atol=1e-6)


@pytest.mark.parametrize("batch_size", [7, 60])
def test_adam_solves_a_consistent_system_as_its_rate_falls(batch_size):
    features, targets = synthetic(noise=0)
    *_, weights = fall(adam, features, targets, 10.0 ** -np.arange(1, 8), 300, batch_size)
    np.testing.assert_allclose(weights, [1.0, -2.0, 3.0, 0.5], atol=1e-6)


def test_full_batch_sgd_solves_a_noisy_system():
    features, targets = synthetic(noise=0.5)
    weights = sgd(features, targets, np.zeros(4), best_rate(features), 200, 60, 0)
    np.testing.assert_allclose(weights, least_squares(features, targets), atol=1e-6)


def test_full_batch_adam_solves_a_noisy_system_as_its_rate_falls():
    features, targets = synthetic(noise=0.5)
    *_, weights = fall(adam, features, targets, 10.0 ** -np.arange(1, 8), 300, 60)
    np.testing.assert_allclose(weights, least_squares(features, targets), atol=1e-6)


@FITS
def test_on_a_noisy_system_mini_batches_come_nearer_as_the_rate_falls(fit):
    features, targets = synthetic(noise=0.5)
    best = least_squares(features, targets)
    left = [np.abs(weights - best).max() for weights in fall(fit, features, targets, (0.1, 0.01, 0.001), 200, 8)]
    assert left[0] > left[1] > left[2]
    assert left[0] > 0.01 > left[2]


def test_batches_use_each_example_once_an_epoch_in_a_new_order():
    taken = list(batches(10, 4, 3, seed=0))
    assert [len(batch) for batch in taken] == [4, 4, 2] * 3
    orders = np.concatenate(taken).reshape(3, 10)
    assert (np.sort(orders, axis=1) == np.arange(10)).all()
    assert len({tuple(order) for order in orders}) == 3


def test_batches_differ_by_seed_only():
    first, again, other = (np.concatenate(list(batches(50, 8, 2, seed))) for seed in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()


@FITS
def test_a_fit_depends_on_the_seed_only_through_its_batches(fit):
    features, targets = synthetic(noise=0.5)
    mini = [fit(features, targets, np.zeros(4), 0.01, 3, 8, seed) for seed in (0, 0, 1)]
    assert (mini[0] == mini[1]).all()
    assert (mini[0] != mini[2]).any()
    full = [fit(features, targets, np.zeros(4), 0.01, 3, 60, seed) for seed in (0, 1)]
    np.testing.assert_allclose(*full, rtol=1e-12)


def test_sgd_descends_on_the_mean_of_each_batch():
    features, targets = synthetic(noise=0.5)
    weights = np.zeros(4)
    for places in np.split(np.random.default_rng(3).permutation(60), [25, 50]):
        errors = [features[place] @ weights - targets[place] for place in places]
        weights = weights - 0.1 * np.mean(
            [error * features[place] for error, place in zip(errors, places, strict=True)], 0
        )
    np.testing.assert_allclose(sgd(features, targets, np.zeros(4), 0.1, 1, 25, 3), weights, rtol=1e-12)


@FITS
@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int64])
def test_a_fit_leaves_its_arguments_alone_and_returns_float64(fit, kind):
    given = [np.arange(12).reshape(6, 2).astype(kind), np.arange(6).astype(kind), np.ones(2, kind)]
    kept = [array.copy() for array in given]
    assert fit(*given, 0.001, 2, 4, 0).dtype == np.float64
    start = fit(*given, 0.001, 0, 4, 0)
    assert (start == given[2]).all()
    start += 1
    assert all(np.array_equal(now, before) for now, before in zip(given, kept, strict=True))


REFUSED = {
    "X of one dimension": ({"X": np.ones(6)}, r"X has shape \(6,\); accepted: \(n, d\)"),
    "no examples": ({"X": np.ones((0, 2))}, r"X has shape \(0, 2\); accepted"),
    "too few targets": ({"y": np.ones(5)}, r"y has shape \(5,\); accepted .*: \(6,\)"),
    "targets as a column": ({"y": np.ones((6, 1))}, r"y has shape \(6, 1\); accepted .*: \(6,\)"),
    "too many weights": ({"w": np.ones(3)}, r"w has shape \(3,\); accepted .*: \(2,\)"),
    "NaN in X": ({"X": np.full((6, 2), np.nan)}, "X has values that are not finite"),
    "infinite target": ({"y": np.full(6, np.inf)}, "y has values that are not finite"),
    "infinite weight": ({"w": np.full(2, -np.inf)}, "w has values that are not finite"),
    "rate of 0": ({"learning_rate": 0.0}, "learning_rate is 0.0; accepted"),
    "negative rate": ({"learning_rate": -0.1}, "learning_rate is -0.1; accepted"),
    "NaN rate": ({"learning_rate": np.nan}, "learning_rate is nan; accepted"),
    "infinite rate": ({"learning_rate": np.inf}, "learning_rate is inf; accepted"),
    "empty batch": ({"batch_size": 0}, "batch_size is 0; accepted: 1 to 6"),
    "batch past the examples": ({"batch_size": 7}, "batch_size is 7; accepted: 1 to 6"),
    "negative epochs": ({"epochs": -1}, "epochs is -1; accepted: at least 0"),
}
REFUSED_BY_ADAM = {
    "beta_1 of 1": ({"beta_1": 1.0}, "beta_1 is 1.0; accepted"),
    "negative beta_2": ({"beta_2": -0.1}, "beta_2 is -0.1; accepted"),
    "NaN beta_2": ({"beta_2": np.nan}, "beta_2 is nan; accepted"),
    "epsilon of 0": ({"epsilon": 0.0}, "epsilon is 0.0; accepted"),
    "infinite epsilon": ({"epsilon": np.inf}, "epsilon is inf; accepted"),
}


@pytest.mark.parametrize(
    ("fit", "case"),
    [*itertools.product([sgd, adam], REFUSED.values()), *((adam, case) for case in REFUSED_BY_ADAM.values())],
    ids=[f"{fit}, {name}" for fit, names in [("sgd", REFUSED), ("adam", REFUSED | REFUSED_BY_ADAM)] for name in names],
)
def test_a_fit_refuses(fit, case):
    changed, message = case
    accepted = {"X": np.ones((6, 2)), "y": np.ones(6), "w": np.ones(2), "learning_rate": 0.1}
    accepted |= {"epochs": 1, "batch_size": 4, "seed": 0}
    with pytest.raises(ValueError, match=message):
        fit(**accepted | changed)


# Wrong forms, which the same problems tell from the right ones ------------------------------------------------------


def wrong_sgd(features, targets, weights, learning_rate, epochs):
    """Adds the gradient where it should subtract it, and never samples."""
    for _ in range(epochs):
        gradient = features.T @ (features @ weights - targets) / len(targets)
        weights = weights + learning_rate * gradient
    return weights


def wrong_adam(features, targets, weights, learning_rate, epochs, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    """Counts its steps from 0, where both bias corrections divide by 1 - 1."""
    m, v = np.zeros_like(weights), np.zeros_like(weights)
    for step in range(epochs):
        gradient = features.T @ (features @ weights - targets) / len(targets)
        m = beta_1 * m + (1 - beta_1) * gradient
        v = beta_2 * v + (1 - beta_2) * gradient**2
        corrected = m / (1 - beta_1**step), v / (1 - beta_2**step)
        weights = weights - learning_rate * corrected[0] / (np.sqrt(corrected[1]) + epsilon)
    return weights


PROBLEMS = pytest.mark.parametrize("problem", [diabetes, lambda: synthetic(noise=0)], ids=["diabetes", "consistent"])


@PROBLEMS
def test_the_wrong_sgd_moves_away_where_sgd_comes_near(problem):
    features, targets = problem()
    best, start, rate = least_squares(features, targets), np.zeros(features.shape[1]), best_rate(features)
    wrong = [distance(wrong_sgd(features, targets, start, rate, epochs), best) for epochs in (0, 1, 2, 5, 20, 100)]
    right = [distance(sgd(features, targets, start, rate, epochs, len(features), 0), best) for epochs in (0, 100)]
    assert all(later > earlier for earlier, later in itertools.pairwise(wrong))
    assert wrong[-1] > 1e6
    assert right[1] < right[0] / 2
    with np.errstate(over="ignore", invalid="ignore"):
        assert not np.isfinite(wrong_sgd(features, targets, start, rate, 4000)).any()


@PROBLEMS
def test_the_wrong_adam_is_lost_at_its_first_step_where_adam_is_not(problem):
    features, targets = problem()
    start = np.zeros(features.shape[1])
    with np.errstate(divide="ignore", invalid="ignore"):
        assert not np.isfinite(wrong_adam(features, targets, start, 0.1, 1)).any()
    right = adam(features, targets, start, 0.1, 1, len(features), 0)
    assert np.abs(right) == pytest.approx(np.full(len(right), 0.1), rel=1e-4)


def test_the_oracles_need_no_tensorflow():
    code = "import runpy, sys; runpy.run_path(sys.argv[1]); sys.exit('tensorflow' in sys.modules)"
    subprocess.run([sys.executable, "-c", code, reference.__file__], check=True)

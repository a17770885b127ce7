"""Selecting by the training part."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from selection_cases import table
from threadpoolctl import threadpool_limits

from pipeline.data.dataset import PARTS, Affine, Column, Info, Split
from pipeline.data.selection.apply import apply
from pipeline.data.selection.select import METHODS, select

METHOD_TABLE = [
    {"method": "mutual_information", "top": 3},
    {"method": "mutual_information", "bins": 8, "top": 3},
    {"method": "mutual_information", "top": 3, "examples": 200},
    {"method": "chi_square", "percentile": 20},
    {"method": "chi_square", "bins": 8, "top": 3, "max_correlation": 0.8},
    {"method": "anova_f", "top": 3},
    {"method": "variance", "threshold": 0.02},
    {"max_correlation": 0.9},
]
every_way = pytest.mark.parametrize(
    "arguments", METHOD_TABLE, ids=lambda arguments: "-".join(map(str, arguments.values()))
)


@pytest.mark.parametrize("method", METHODS)
def test_breast_cancer_is_told_by_five_columns_about_as_well_as_by_thirty(method, cancer):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    bins = 10 if method == "chi_square" else None
    reduced = apply(cancer, select(cancer.train, cancer.info, method=method, top=5, max_correlation=0.9, bins=bins))
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(reduced.train.features, reduced.train.labels)
    accuracy = model.score(reduced.test.features, reduced.test.labels)
    # All thirty columns: 0.956; always the larger class: 0.772.
    assert accuracy > 0.93


def test_the_best_column_of_breast_cancer_is_the_known_one(cancer):
    whole = Split(
        np.concatenate([getattr(cancer, part).features for part in PARTS]),
        np.concatenate([getattr(cancer, part).labels for part in PARTS]),
    )
    found = select(whole, cancer.info, method="anova_f", top=2)
    assert found.kept_names == ("worst perimeter", "worst concave points")
    # The figure of scikit-learn's f_classif on the whole data set.
    assert found.scores.max() == pytest.approx(964.385, abs=0.01)
    assert found.p_values.min() == pytest.approx(2e-124, rel=0.1)


@every_way
def test_a_selection_is_whole_and_repeatable(arguments, cancer):
    found, again = (select(cancer.train, cancer.info, seed=3, **arguments) for _ in range(2))
    assert found.kept.dtype == np.int64
    assert (np.diff(found.kept) > 0).all()
    assert 0 < len(found.kept) < 30
    assert found.names == cancer.info.feature_names
    assert [name for name in found.names if name not in found.dropped] == list(found.kept_names)
    assert (found.kept.tolist(), found.dropped) == (again.kept.tolist(), again.dropped)
    if "method" in arguments:
        assert (found.scores.dtype, found.scores.shape) == (np.float64, (30,))
        assert (found.scores == again.scores).all()
        json.dumps(found.scores.tolist(), allow_nan=False)
    else:
        assert found.scores is None
    assert (found.p_values is not None) == (arguments.get("method") in ("chi_square", "anova_f"))


@every_way
def test_threads_decide_nothing(arguments, cancer):
    with threadpool_limits(1):
        one = select(cancer.train, cancer.info, **arguments)
    with threadpool_limits(2):
        two = select(cancer.train, cancer.info, **arguments)
    assert (one.kept.tolist(), one.dropped) == (two.kept.tolist(), two.dropped)
    if one.scores is not None:
        np.testing.assert_array_equal(one.scores, two.scores)


def with_leak(part, seed=0):
    """Ten weak columns, and an eleventh that is the label in one part and noise elsewhere."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, 900).astype(np.int32)
    weak = rng.normal(size=(900, 10)) + 0.4 * labels[:, np.newaxis]
    dataset = table(np.abs(np.column_stack([weak, rng.normal(size=900)])).astype(np.float32), labels, (1 / 3, 2 / 3))
    leaking: Split = getattr(dataset, part)
    leaking.features[:, 10] = 3 * leaking.labels
    return dataset


LEAK_TABLE = [
    {**arguments, "top": 3} for arguments in METHOD_TABLE if arguments.get("method") not in (None, "variance")
]
for arguments in LEAK_TABLE:
    arguments.pop("percentile", None)


@pytest.mark.parametrize("part", ["validation", "test"])
@pytest.mark.parametrize("arguments", LEAK_TABLE, ids=lambda arguments: "-".join(map(str, arguments.values())))
def test_a_column_that_is_the_label_outside_the_training_part_is_not_selected(arguments, part):
    dataset = with_leak(part)
    assert 10 not in select(dataset.train, dataset.info, **arguments).kept
    # What a leak would select: the same columns scored on the training part and the other one together.
    both = [dataset.train, getattr(dataset, part)]
    leaked = Split(np.concatenate([each.features for each in both]), np.concatenate([each.labels for each in both]))
    assert 10 in select(leaked, dataset.info, **arguments).kept


@every_way
def test_the_other_parts_and_the_info_of_columns_change_nothing(arguments, cancer):
    whole = select(cancer.train, cancer.info, **arguments)
    rng = np.random.default_rng(0)
    other = {
        part: Split(
            rng.permuted(getattr(cancer, part).features, axis=0) * np.float32(7),
            rng.permutation(getattr(cancer, part).labels),
        )
        for part in ("validation", "test")
    }
    columns = tuple(replace(column, mean=-1.0, variance=9.0) for column in cancer.info.columns)
    changed = replace(cancer, info=replace(cancer.info, columns=columns), **other)
    found = select(changed.train, changed.info, **arguments)
    assert (found.kept.tolist(), found.dropped) == (whole.kept.tolist(), whole.dropped)
    if whole.scores is not None:
        np.testing.assert_array_equal(found.scores, whole.scores)
    np.testing.assert_array_equal(apply(changed, found).train.features, apply(cancer, whole).train.features)


def test_dropped_columns_say_why(cancer):
    found = select(cancer.train, cancer.info, method="anova_f", top=4, max_correlation=0.9)
    scores = dict(zip(found.names, found.scores, strict=True))
    reasons = found.dropped.values()
    repeats = {name: re.fullmatch(r"repeats '(.+)' \(r = -?[01]\.?\d*\)", why) for name, why in found.dropped.items()}
    assert any(repeats.values())
    assert any(re.fullmatch(r"score [\d.e+-]+: not among the top 4", why) for why in reasons)
    for name, match in repeats.items():
        assert match is None or scores[match[1]] >= scores[name]
    best = [name for name in sorted(scores, key=scores.get, reverse=True) if repeats.get(name) is None]
    assert set(found.kept_names) == set(best[:4])
    spread = select(cancer.train, cancer.info, method="variance", threshold=0.02)
    assert all(why.endswith(": not above the threshold 0.02") for why in spread.dropped.values())


def test_correlation_alone_keeps_the_earlier_column(cancer):
    found = select(cancer.train, cancer.info, max_correlation=0.99)
    assert found.dropped["mean perimeter"].startswith("repeats 'mean radius' (r = 0.99")
    assert found.kept[0] == 0


def test_a_rule_that_keeps_all_drops_nothing(cancer):
    found = select(cancer.train, cancer.info, method="variance", top=30)
    assert (len(found.kept), found.dropped) == (30, {})
    kept = apply(cancer, found)
    assert kept.info == cancer.info
    np.testing.assert_array_equal(kept.test.features, cancer.test.features)


def test_a_draw_of_examples_is_the_seeds(cancer):
    train, info = cancer.train, cancer.info
    whole, plenty = (select(train, info, method="anova_f", top=5, examples=n).scores for n in (None, 10**9))
    np.testing.assert_array_equal(whole, plenty)
    few = [select(train, info, method="anova_f", top=5, examples=100, seed=seed).scores for seed in (1, 1, 2)]
    np.testing.assert_array_equal(few[0], few[1])
    assert (few[0] != few[2]).all()
    assert (few[0] != whole).all()


def test_narrowed_features_are_scored_as_numbers(cancer):
    features = np.round(cancer.train.features[:, :2]).astype(np.uint8)
    affine = Affine(np.array([0.5, 2.0], np.float32), np.array([-3.0, 10.0], np.float32))
    info = replace(cancer.info, columns=cancer.info.columns[:2])
    narrowed = Split(features, cancer.train.labels, affine)
    plain = Split(features * affine.scale + affine.offset, cancer.train.labels)
    found, expected = (select(each, info, method="chi_square", bins=5, top=1) for each in (narrowed, plain))
    np.testing.assert_array_equal(found.scores, expected.scores)
    with pytest.raises(ValueError, match="column 'mean radius' has negative numbers, down to -"):
        select(Split(features // 8, cancer.train.labels, affine), info, method="chi_square", top=1)


def test_categories_numbers_and_a_number_to_predict():
    rng = np.random.default_rng(0)
    targets = rng.normal(size=500).astype(np.float32)
    features = np.stack([rng.integers(1, 4, 500), 2 + np.sign(targets), rng.normal(size=500)], axis=1)
    columns = (
        Column("colour", "categorical", ("blue", "green", "red")),
        Column("size", "categorical", ("large", "medium", "small")),
        Column("weight", "numeric"),
    )
    info = Info("table", "regression", (3,), "float32", ("price",), columns)
    train = Split(features.astype(np.float32), targets)
    assert select(train, info, method="mutual_information", top=1).kept_names == ("size",)
    with pytest.raises(ValueError, match="column 'colour' is categorical, and anova_f takes numbers"):
        select(train, info, method="anova_f", top=1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            {"method": "chi_squared", "top": 3},
            "method 'chi_squared' of selection is unknown; accepted: mutual_information",
        ),
        ({"method": "chi_squared", "top": 3}, "; did you mean chi_square?"),
        (
            {"top": 3},
            "no method of selection; accepted: mutual_information, chi_square, anova_f, variance, or max_corr",
        ),
        ({"method": "anova_f"}, "no rule; accepted: exactly one of top, percentile, threshold"),
        ({"method": "anova_f", "top": 3, "percentile": 5}, "top 3 and percentile 5; accepted: exactly one of"),
        ({"method": "anova_f", "top": 31}, "top 31 of 30 columns; accepted: 1 to 30"),
        (
            {"method": "anova_f", "top": 30, "max_correlation": 0.1},
            "top 30 of 2 columns; accepted: 1 to 2 of the columns that max_correlation 0.1 leaves",
        ),
        (
            {"method": "anova_f", "top": 3, "max_correlation": 1.0},
            "correlation limit 1.0; accepted: 0 or more and less",
        ),
        ({"method": "variance", "threshold": 0.3}, "threshold 0.3 keeps no column; accepted: less than the best, 0."),
        ({"method": "anova_f", "top": 3, "bins": 5}, "bins 5 for method anova_f; accepted: none, or method mutual_inf"),
        (
            {"max_correlation": 0.9, "bins": 5},
            "bins 5 for method None; accepted: none, or method mutual_information or",
        ),
        ({"method": "anova_f", "top": 3, "seed": -1}, "seed -1; accepted: 0 to 4294967295"),
        ({"method": "anova_f", "top": 3, "examples": 0}, "examples 0; accepted: 1 or more, or none for all"),
        (
            {"method": "anova_f", "top": 3, "examples": 1},
            "all 1 examples have the same target; accepted: two different",
        ),
    ],
)
def test_bad_arguments(arguments, said, cancer):
    with pytest.raises(ValueError, match=re.escape(said)) as caught:
        select(cancer.train, cancer.info, **arguments)
    assert "\n" not in str(caught.value)

"""The stages between a source and training, each run as it is configured."""

import csv

import numpy as np
import pytest
from stage_runs import Ran, configured, ran

from pipeline.data.files import load
from pipeline.engine.errors import ConfigError, InputError


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> Ran:
    return ran(configured("prepare", data="breast_cancer"), tmp_path_factory.mktemp("table") / "prepare")


def counts(dataset) -> np.ndarray:
    return np.bincount(dataset.train.labels, minlength=len(dataset.info.class_names))


def test_prepare_shows_how_many_examples_each_part_has(digits):
    dataset = load(digits.files)
    rows = digits.exhibits[0].rows
    assert rows[0] == ["all", 1258, 180, 359]
    assert [row[1] for row in rows[1:]] == counts(dataset).tolist()


@pytest.mark.parametrize(
    ("overrides", "kept"),
    [
        (["fraction=0.1"], 126),
        (["method=random", "fraction=0.1"], 126),
        (["method=balanced", "per_class=7"], 70),
        (["method=cap", "most=5"], 50),
        (["method=exact_duplicates"], 1258),
        (["method=near_duplicates", "tolerance=0.05"], None),
    ],
    ids=["stratified", "random", "balanced", "cap", "exact", "near"],
)
def test_a_sample_has_fewer_training_examples_and_the_same_others(digits, tmp_path, overrides, kept):
    made = ran(configured("sample", *overrides), tmp_path / "sample", data=digits)
    before, after = load(digits.files), load(made.files)
    chosen = np.load(made.files / "kept.npy")
    assert kept in (None, len(after.train.labels))
    assert np.array_equal(after.train.features, before.train.features[chosen])
    assert np.array_equal(after.train.labels, before.train.labels[chosen])
    assert np.array_equal(after.test.features, before.test.features)
    assert np.array_equal(after.validation.labels, before.validation.labels)
    shown = made.exhibits[0]
    assert [row[2] for row in shown.rows] == counts(after).tolist()
    assert all(before == kept + dropped for _, before, kept, dropped in shown.rows)


def test_a_sample_of_everything_says_that_it_changed_nothing(digits, tmp_path):
    made = ran(configured("sample", "method=exact_duplicates"), tmp_path / "sample", data=digits)
    assert made.notes == ["sampling changed nothing: all 1,258 training examples are kept"]


def test_a_sample_that_loses_a_class_is_refused(digits, tmp_path):
    with pytest.raises(InputError, match=r"class '\d'.*none of its \d+ examples is in the sample.*set by method"):
        ran(configured("sample", "method=random", "fraction=0.005"), tmp_path / "sample", data=digits)


@pytest.mark.parametrize("method", ["forgetting", "loss", "el2n"])
def test_the_hard_half_is_what_a_proxy_finds_hard(digits, tmp_path, method):
    score = configured("score", f"method={method}", "epochs=3", "model.units=[16]")
    scores = ran(score, tmp_path / "score", data=digits)
    found = np.load(scores.files / "scores.npy")
    assert found.shape == (1258,)
    halves = {
        keep: ran(
            configured("sample_by_value", f"keep={keep}"),
            tmp_path / keep,
            data=digits,
            scores=scores,
        )
        for keep in ("hard", "easy")
    }
    hard, easy = (np.load(each.files / "kept.npy") for each in halves.values())
    labels = load(digits.files).train.labels
    for label in range(10):
        scores_of = [found[half][labels[half] == label] for half in (hard, easy)]
        assert scores_of[0].min() >= scores_of[1].max()
        assert abs(len(scores_of[0]) - len(scores_of[1])) <= 1


def test_a_proxy_trained_again_gives_the_same_scores(digits, tmp_path):
    score = configured("score", "epochs=2", "method=loss", "model.units=[8]")
    one, two = (ran(score, tmp_path / name, data=digits).files / "scores.npy" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize(
    ("overrides", "kept"),
    [
        (["top=5"], 5),
        (["method=chi_square", "bins=8", "percentile=20"], 6),
        (["method=anova_f", "top=3"], 3),
        (["method=variance", "top=4"], 4),
        (["method=null", "max_correlation=0.9"], None),
    ],
    ids=["information", "chi-square", "anova", "variance", "correlation"],
)
def test_a_selection_keeps_columns_and_shows_their_scores(table, tmp_path, overrides, kept):
    made = ran(configured("select", *overrides), tmp_path / "select", data=table)
    before, after = load(table.files), load(made.files)
    places = [before.info.feature_names.index(name) for name in after.info.feature_names]
    assert kept in (None, len(places))
    assert len(places) < 30
    assert np.array_equal(after.test.features, before.test.features[:, places])
    assert after.info.columns == tuple(before.info.columns[place] for place in places)
    shown = made.exhibits[0]
    assert sum(row[-1] == "kept" for row in shown.rows) == len(places)
    if shown.bars:
        scores = [row[1] for row in shown.rows]
        assert scores == sorted(scores, reverse=True)


def test_a_selection_of_everything_says_that_it_changed_nothing(table, tmp_path):
    made = ran(configured("select", "top=30"), tmp_path / "select", data=table)
    assert made.notes == ["selection changed nothing: all 30 features are kept"]


@pytest.mark.parametrize(
    ("source", "overrides", "smaller"),
    [
        ("digits", ["codec=png"], 0.5),
        ("digits", ["codec=raw", "compression=gzip"], 1.0),
        ("digits", ["codec=webp", "shards=1"], 0.5),
        ("table", ["dtype=float16", "tolerance=0.001"], 1.5),
        ("table", ["dtype=uint8", "tolerance=0.01"], 2.5),
    ],
)
def test_an_encoded_training_part_reads_as_it_was(digits, table, tmp_path, source, overrides, smaller):
    given = {"digits": digits, "table": table}[source]
    made = ran(configured("encode", *overrides), tmp_path / "encode", data=given)
    before, after = load(given.files), load(made.files)
    spread = np.ptp(np.asarray(before.train.features, np.float64), axis=0)
    error = np.abs(after.train.decoded(slice(None)).astype(np.float64) - before.train.features)
    assert (error <= (0.01 if source == "table" else 0) * spread + 1e-12).all()
    assert np.array_equal(after.test.features, before.test.features)
    shown = dict(made.exhibits[0].rows)
    assert shown["bytes before"] / shown["bytes after"] == shown["times smaller"]
    assert shown["times smaller"] > smaller or source == "digits"


def test_narrowing_that_can_not_be_says_so(digits, tmp_path):
    made = ran(configured("encode", "dtype=auto"), tmp_path / "encode", data=digits)
    assert made.notes == ["narrowing changed nothing: uint8 is the narrowest type within the tolerance"]


def test_a_preview_is_a_picture(digits, tmp_path):
    from PIL import Image

    made = ran(configured("preview", "images=3", "variants=4"), tmp_path / "preview", data=digits)
    with Image.open(made.files / "preview.png") as picture:
        assert picture.format == "PNG"
        assert picture.width > picture.height


def test_a_preview_of_a_table_is_refused(table, tmp_path):
    with pytest.raises(InputError, match="the data is a table; accepted: images"):
        ran(configured("preview"), tmp_path / "preview", data=table)


ROWS = "".join(f"{n},{'red' if n % 3 else 'blue'},{n % 2}\n" for n in range(60))


def test_rows_that_can_not_be_read_are_skipped_listed_and_counted(tmp_path):
    file = tmp_path / "data.csv"
    file.write_text(f"size,colour,kind\n{ROWS}1,red,1,9\n2,red,\n")
    settings = ["data.path=" + str(file), "data.label=kind"]
    with pytest.raises(InputError, match="line 62"):
        ran(configured("prepare", *settings, data="csv"), tmp_path / "raise")
    made = ran(configured("prepare", *settings, "on_error=skip", data="csv"), tmp_path / "skip")
    assert made.notes == ["2 of 62 examples can't be read and were left out; see skipped.csv"]
    with (made.files / "skipped.csv").open(newline="") as listed:
        rows = list(csv.reader(listed))
    assert rows[0] == ["where", "why"]
    assert ["line 62" in rows[1][0], "line 63" in rows[2][0]] == [True, True]
    dataset = load(made.files)
    assert [column.kind for column in dataset.info.columns] == ["numeric", "categorical"]
    assert sum(len(part.labels) for part in (dataset.train, dataset.validation, dataset.test)) == 60


@pytest.mark.parametrize(
    ("stage", "overrides", "line"),
    [
        ("sample", [], "fraction: missing; stratified needs it"),
        ("sample", ["method=cap"], "most: missing; cap needs it"),
        ("sample", ["fraction=0.5", "most=3"], "most=3: stratified doesn't heed it; accepted: null, or cap"),
        ("sample", ["fraction=1.5"], "fraction=1.5: not valid"),
        ("sample", ["method=stratfied", "fraction=0.5"], "did you mean stratified?"),
        ("select", [], "top: no rule says how many features mutual_information keeps"),
        ("select", ["top=3", "threshold=0.1"], "threshold: top is given too"),
        ("select", ["method=null", "top=3"], "method: missing; a rule needs scores"),
        ("select", ["method=anova_f", "top=3", "bins=4"], "bins=4: anova_f takes numbers as they are"),
        ("encode", [], "dtype: missing; without it or codec nothing is encoded"),
        ("encode", ["dtype=auto", "compression=gzip"], "compression=gzip: is of records"),
        ("encode", ["codec=png", "quality=75"], "quality=75: png has none"),
        ("score", ["epochs=1"], "epochs=1: nothing can be forgotten; accepted: 2 or more"),
        ("prepare", ["validation=0.9"], "validation=0.9: validation and test leave nothing to train on"),
        ("prepare", ["split=stratfied"], "did you mean stratified?"),
        ("prepare", ["on_error=ignore"], "on_error=ignore: not one of the choices; accepted: raise, skip"),
    ],
)
def test_settings_that_make_no_sense_are_refused_before_anything_runs(stage, overrides, line):
    with pytest.raises(ConfigError) as caught:
        configured(stage, *overrides)
    assert line in str(caught.value)

import numpy as np
import pytest

from pipeline.data import files
from pipeline.data.dataset import PARTS
from pipeline.data.examples import FREE, InMemory, Table, TableColumn, Targets
from pipeline.data.sources.csv_labels import encode
from pipeline.data.tables import cells, statistics, store, write
from pipeline.data.tables.arrays import from_arrays
from pipeline.data.tables.cells import Sort, number_sorts, text_sort, text_sorts
from pipeline.data.tables.write import write_table

ROWS = 3000
PART = np.random.default_rng(0).choice(3, ROWS, p=[0.6, 0.2, 0.2]).astype(np.int8)
TRAIN = PART == 0


def numbers(name, values):
    return TableColumn(name, "numeric", InMemory(np.asarray(values, np.float32)))


def texts(name, codes, words):
    return TableColumn(name, "categorical", InMemory(np.asarray(codes, np.int32)), tuple(words))


def make(seed=0, *, spoil=False):
    """A table with gaps; `spoil` changes every value of the rows that aren't the training part's."""
    random = np.random.default_rng(seed)
    x = random.normal(50, 1e3, ROWS).astype(np.float32)
    x[random.random(ROWS) < 0.1] = np.nan
    c = random.integers(-1, 3, ROWS)
    classes, targets = encode(random.choice(["no", "yes"], ROWS).astype(object), "here")
    if spoil:
        other = ~TRAIN
        x[other], c[other], classes[other] = 1e30, 3, 1 - classes[other]
    columns = (numbers("x", x), numbers("k", np.full(ROWS, 7.1)), texts("c", c, ["w", "b", "q", "only elsewhere"]))
    return Table(columns, Targets(classes, "classification", targets))


@pytest.mark.parametrize("impute", ["mean", "median"])
def test_writes_what_pandas_computes(tmp_path, impute):
    import pandas as pd

    table = make()
    info = write_table(table, PART, tmp_path, impute=impute)
    frame = pd.DataFrame({column.name: column.values.read(0, ROWS) for column in table.columns})
    train = frame[TRAIN]
    x, k, c = info.columns
    fill = getattr(train["x"].astype(np.float64), impute)()
    filled = frame["x"].astype(np.float64).fillna(np.float32(fill))
    assert x.fill == pytest.approx(fill, rel=1e-7)
    assert x.mean == pytest.approx(filled[TRAIN].mean(), rel=1e-12)
    assert x.variance == pytest.approx(filled[TRAIN].var(ddof=0), rel=1e-12)
    assert (k.mean, k.variance) == (float(np.float32(7.1)), 1.0)
    assert c.vocabulary == ("b", "q", "w")
    words = train["c"].map(dict(enumerate(["w", "b", "q"])))
    assert c.fill == 1 + c.vocabulary.index(words.mode().min())
    codes = frame["c"].map({0: 3, 1: 1, 2: 2, -1: c.fill})
    dataset = files.load(tmp_path)
    assert dataset.info == info
    for index, part in enumerate(PARTS):
        here = index == PART
        split = getattr(dataset, part)
        expected = np.stack([filled[here], frame["k"][here], codes[here]], axis=1).astype(np.float32)
        np.testing.assert_array_equal(split.features, expected)
        np.testing.assert_array_equal(split.labels, table.targets.values[here])


def test_other_parts_change_nothing_of_what_training_sees(tmp_path):
    infos = [write_table(make(spoil=spoil), PART, tmp_path / str(spoil)) for spoil in (False, True)]
    assert infos[0] == infos[1]
    for name in ("train_features.npy", "train_labels.npy", "dataset.json"):
        assert (tmp_path / "False" / name).read_bytes() == (tmp_path / "True" / name).read_bytes()
    assert (tmp_path / "False/test_features.npy").read_bytes() != (tmp_path / "True/test_features.npy").read_bytes()
    unseen = files.load(tmp_path / "True").test
    assert set(unseen.features[:, 2].tolist()) == {0.0}


def test_the_size_of_blocks_changes_no_byte_of_the_features(tmp_path, monkeypatch):
    write_table(make(), PART, tmp_path / "one")
    monkeypatch.setattr(write, "_BLOCK_CELLS", 100)
    monkeypatch.setattr(store, "_BUFFER_BYTES", 10)
    write_table(make(), PART, tmp_path / "other")
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "other" / file.name).read_bytes()


def test_statistics_by_blocks(monkeypatch):
    column = make().columns[0]
    whole = statistics.describe(column, TRAIN, "mean")
    monkeypatch.setattr(statistics, "_BLOCK_ROWS", 7)
    pieces = statistics.describe(column, TRAIN, "mean")
    assert (pieces.fill, pieces.mean, pieces.variance) == pytest.approx((whole.fill, whole.mean, whole.variance))


def test_regression_and_multi_label(tmp_path):
    targets = np.random.default_rng(3).normal(5, 2, ROWS).astype(np.float32)
    table = make()
    info = write_table(Table(table.columns, Targets(targets, "regression", ("y",))), PART, tmp_path / "r")
    assert info.target_mean == pytest.approx(targets[TRAIN].mean(dtype=np.float64), rel=1e-12)
    assert info.target_variance == pytest.approx(targets[TRAIN].var(dtype=np.float64), rel=1e-12)
    assert files.load(tmp_path / "r").info.task == "regression"
    labels = np.random.default_rng(4).integers(0, 2, (ROWS, 3)).astype(np.uint8)
    write_table(Table(table.columns, Targets(labels, "multi_label", ("a", "b", "c"))), PART, tmp_path / "m")
    np.testing.assert_array_equal(files.load(tmp_path / "m").test.labels, labels[PART == 2])


def test_rows_of_no_part_are_left_out_and_not_learned_from(tmp_path):
    table, some = make(), PART.copy()
    some[TRAIN.nonzero()[0][::2]] = FREE
    write_table(table, some, tmp_path / "some")
    write_table(table, PART, tmp_path / "all")
    fewer, every = files.load(tmp_path / "some"), files.load(tmp_path / "all")
    np.testing.assert_array_equal(fewer.train.labels, every.train.labels[1::2])
    np.testing.assert_array_equal(fewer.test.features.shape, every.test.features.shape)
    assert fewer.info.columns != every.info.columns


FOUR = np.array([0, 0, 1, 2], np.int8)
CLASSES = Targets(np.array([0, 1, 0, 1], np.int32), "classification", ("p", "q"))

REFUSED = {
    "no value in training": ([np.nan, np.nan, 1, 2], CLASSES, FOUR, "column 'x' has no value in the training part"),
    "variance": ([3e38, -3e38, 1, 2], CLASSES, FOUR, "column 'x': a variance of 9e\\+76 is too large for float32"),
    "empty part": ([1, 2, 3, 4], CLASSES, np.array([0, 0, 0, 2], np.int8), "validation part: no row; accepted"),
    "no part": ([1, 2, 3, 4], CLASSES, np.array([0, 3, 1, 2], np.int8), "1 rows have no part; accepted: -1 to 2"),
    "parts too few": ([1, 2, 3, 4], CLASSES, FOUR[:3], "3 parts for 4 rows"),
    "unseen class": (
        [1, 2, 3, 4],
        Targets(np.array([0, 0, 0, 1], np.int32), "classification", ("p", "q")),
        FOUR,
        "test part: class 'q' has no example in the training part \\(1 such classes\\)",
    ),
    "unseen label": (
        [1, 2, 3, 4],
        Targets(np.array([[0], [0], [1], [1]], np.uint8), "multi_label", ("p",)),
        FOUR,
        "validation part: class 'p' has no example",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(tmp_path, case):
    values, targets, parts, said = REFUSED[case]
    with pytest.raises(ValueError, match=said):
        write_table(Table((numbers("x", values),), targets), parts, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_from_arrays():
    table = from_arrays(np.array([[1, np.nan], [3, 4], [5, 6], [7, 8]]), ["a", "b"], CLASSES)
    np.testing.assert_array_equal(table.columns[1].values.read(0, 2), np.array([np.nan, 4], np.float32))
    for features, names, said in [
        (np.ones((3, 1)), ["a"], "features of shape \\(3, 1\\) for 4 targets"),
        (np.ones((4, 2)), ["a", "a"], "2 names for 2 columns"),
        (np.array([[1], [1e39], [1], [1]]), ["a"], "row 1, column 'a': 1e\\+39; accepted: numbers up to"),
    ]:
        with pytest.raises(ValueError, match=said):
            from_arrays(features, names, CLASSES)


TEXTS = ["", "NA", "true", "x", "0", "1.0", "7", "-16777216", "16777217", ".5", "inf", "1e39", "1e999", "+2", "1_0"]


def test_cells_are_sorted_alike_one_by_one_and_together():
    one_by_one = [text_sort(text, ["NA"]) for text in TEXTS]
    assert [Sort(sort) for sort in text_sorts(TEXTS, ["NA"])[0]] == one_by_one
    assert [sort.name for sort in one_by_one] == [
        *("BLANK", "MISSING", "TRUTH", "WORD", "BIT", "BIT", "WHOLE", "WHOLE", "LONG", "FRACTION"),
        *("INFINITE", "LARGE", "LARGE", "WHOLE", "WORD"),
    ]
    good = [text for text, sort in zip(TEXTS, one_by_one, strict=True) if sort in cells.NUMBERS and text != "1e999"]
    alone = [Sort(sort) for sort in number_sorts(np.array([float(text) for text in good]))]
    assert alone == [text_sort(text, []) for text in good]
    assert [Sort(sort) for sort in text_sorts(good[:5], [])[0]] == alone[:5]


def test_a_store_holds_columns_in_order_and_notices_a_cut(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "_BUFFER_BYTES", 100)
    columns = store.ColumnStore(tmp_path)
    for start in range(0, 100, 10):
        columns.append("a", np.arange(start, start + 10, dtype=np.int32))
        columns.append("b", np.full(10, start, np.float64))
    columns.drop("b")
    column = columns.column("a")
    assert len(column) == 100
    assert column.read(95, 200).tolist() == [95, 96, 97, 98, 99]
    assert [file.name for file in tmp_path.iterdir()] == ["a.bin"]
    column.file.write_bytes(bytes(8))
    with pytest.raises(OSError, match="cut short"):
        column.read(0, 100)

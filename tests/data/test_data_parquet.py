import datetime

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from table_cases import values_of

from pipeline.data.sources import parquet as parquet_source
from pipeline.data.sources.csv import load_csv
from pipeline.data.sources.parquet import load_parquet

GOOD = {"a": [1.5, None, 3.0], "n": [1, 2, 3], "c": ["u", None, "v"], "y": ["p", "q", "p"]}


def write(folder, content, name="table.parquet"):
    parquet.write_table(pa.table(content), folder / name)
    return folder / name


def load(folder, content, label="y", **options):
    return load_parquet(write(folder, content), scratch=folder, label=label, **options)


def test_reads_each_type(tmp_path):
    table = load(
        tmp_path,
        {
            **GOOD,
            "b": [True, False, None],
            "d": pa.array(["k", "k", "l"]).dictionary_encode(),
            "z": ["01", "02", "01"],
            "g": [7, 9, 7],
            "t": pa.array([datetime.datetime(2024, 1, day) for day in (2, 1, 3)], pa.timestamp("us")),
        },
        group="g",
        time="t",
    )
    assert [(column.name, column.words) for column in table.columns if column.kind == "categorical"] == [
        ("c", ("u", "v")),
        ("d", ("k", "l")),
        ("z", ("01", "02")),
    ]
    np.testing.assert_array_equal(
        values_of(table),
        [[1.5, np.nan, 3], [1, 2, 3], [0, -1, 1], [1, 0, np.nan], [0, 0, 1], [0, 1, 0]],
    )
    assert (table.targets.values.tolist(), table.targets.names) == ([0, 1, 0], ("p", "q"))
    assert table.placement.group.tolist() == [0, 1, 0]
    assert np.diff(table.placement.time).tolist() == [-86400, 2 * 86400]


@pytest.mark.parametrize(
    ("values", "task", "names"),
    [([3, 1, 3], "classification", ("1", "3")), ([1.0, 2.0, 1.0], "classification", ("1", "2")),
     ([1.5, 2.0, 1.0], "regression", ("y",)), ([True, False, True], "classification", ("False", "True"))],
)  # fmt: skip
def test_labels(tmp_path, values, task, names):
    table = load(tmp_path, {**GOOD, "y": values})
    assert (table.targets.task, table.targets.names) == (task, names)
    assert load(tmp_path, {**GOOD, "y": values}, task="regression").targets.values.tolist() == values


def test_agrees_with_the_same_table_as_csv_and_with_any_size_of_batch(tmp_path, monkeypatch):
    import pandas as pd

    random = np.random.default_rng(0)
    frame = pd.DataFrame({"x": random.normal(size=3000), "c": random.choice([*"abc"], 3000)})
    frame.loc[random.random(3000) < 0.2, ["x", "c"]] = None
    frame["y"] = random.choice(["p", "q"], 3000)
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_parquet(tmp_path / "t.parquet")
    tables = [load_csv(tmp_path / "t.csv", scratch=tmp_path, label="y")]
    tables.append(load_parquet(tmp_path / "t.parquet", scratch=tmp_path, label="y"))
    monkeypatch.setattr(parquet_source, "_BATCH_CELLS", 50)
    tables.append(load_parquet(tmp_path / "t.parquet", scratch=tmp_path, label="y"))
    for table in tables[1:]:
        np.testing.assert_array_equal(values_of(table), values_of(tables[0]))
        assert table.columns[1].words == tables[0].columns[1].words
        np.testing.assert_array_equal(table.targets.values, tables[0].targets.values)


BAD = {
    "nested": ({**GOOD, "l": [[1], [2], [3]]}, {}, "column 'l' is list<.*; accepted: numbers, truth values or texts"),
    "missing label": ({**GOOD, "y": ["p", None, "q"]}, {}, "row 2, column 'y': missing label \\(1 in all\\)"),
    "NaN target": ({**GOOD, "y": [1.5, float("nan"), 2]}, {}, "row 2, column 'y': missing target"),
    "infinite": ({**GOOD, "a": [1, 2, float("inf")]}, {}, "row 3, column 'a': infinite value"),
    "large": ({**GOOD, "a": [1, 2, 1e39]}, {}, "row 3, column 'a': too large for float32"),
    "fraction": (GOOD, {"columns": {"a": "integer"}}, "row 1, column 'a': not a whole number"),
    "empty column": ({**GOOD, "a": pa.array([None] * 3, pa.float64())}, {}, "column 'a' has no value in any row"),
    "no label": (GOOD, {"label": "yy"}, "no label column 'yy'; .*did you mean y"),
    "no rows": ({"a": pa.array([], pa.int32()), "y": pa.array([], pa.string())}, {}, "has no rows"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_content(tmp_path, case):
    content, options, said = BAD[case]
    with pytest.raises(ValueError, match=rf"table\.parquet: .*{said}") as caught:
        load(tmp_path, content, **{"label": "y", **options})
    assert "\n" not in str(caught.value)


def test_bad_rows_are_skipped_and_listed(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet_source, "_BATCH_CELLS", 8)
    columns = {"a": [1.0, np.inf, 3, None, 5], "y": ["p", "q", None, "q", "p"]}
    table = load(tmp_path, columns, on_error="skip")
    np.testing.assert_array_equal(values_of(table), [[1, np.nan, 5]])
    assert table.targets.values.tolist() == [0, 1, 0]
    assert [each.where for each in table.skipped] == [f"{tmp_path / 'table.parquet'} row {row}" for row in (2, 3)]


def test_files_that_differ_or_are_damaged(tmp_path):
    train = write(tmp_path, GOOD, "train.parquet")
    for columns, said in [
        ({**GOOD, "n": [1.5, 2, 3]}, r"b\.parquet: column 'n' is double; accepted: int64, as in"),
        ({**GOOD, "m": [1, 2, 3]}, r"b\.parquet: columns differ from those of .* \('m'\)"),
    ]:
        other = write(tmp_path, columns, "b.parquet")
        with pytest.raises(ValueError, match=said):
            load_parquet({"train": train, "test": other}, scratch=tmp_path, label="y")
    placed = load_parquet({"test": train, "train": train}, scratch=tmp_path, label="y").placement
    assert placed.part.tolist() == [-1, -1, -1, 2, 2, 2]
    whole = train.read_bytes()
    for content in (b"", b"a,y\n1,x\n", whole[:-9], whole[:40] + whole[60:]):
        train.write_bytes(content)
        with pytest.raises(ValueError, match=r"train\.parquet: isn't a whole Parquet file") as caught:
            load_parquet(train, scratch=tmp_path, label="y")
        assert "\n" not in str(caught.value)
    with pytest.raises(FileNotFoundError, match="no such file"):
        load_parquet(tmp_path / "none", scratch=tmp_path, label="y")

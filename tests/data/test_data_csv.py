import gzip

import numpy as np
import pytest
from table_cases import values_of

from pipeline.data.examples import FREE
from pipeline.data.sources import csv_blocks, csv_text
from pipeline.data.sources.csv import load_csv


def write(folder, content, name="table.csv"):
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def load(folder, content, label="y", **options):
    return load_csv(write(folder, content), scratch=folder, label=label, **options)


def test_reads_numbers_and_sorted_labels(tmp_path):
    table = load(tmp_path, "width,kind,height\n1.5,oak,2\n-3e2,ash,.25\n0,oak,4\n", "kind")
    assert [(column.name, column.kind) for column in table.columns] == [("width", "numeric"), ("height", "numeric")]
    assert values_of(table) == [[1.5, -300, 0], [2, 0.25, 4]]
    assert {str(column.values.read(0, 1).dtype) for column in table.columns} == {"float32"}
    assert table.targets.values.tolist() == [1, 0, 1]
    assert (str(table.targets.values.dtype), table.targets.task) == ("int32", "classification")
    assert table.targets.names == ("ash", "oak")


@pytest.mark.parametrize(
    ("labels", "class_names", "indices"),
    [
        (["10", "9", "-1"], ("-1", "9", "10"), [2, 1, 0]),
        (["1.0", "10.0", "2.0"], ("1.0", "2.0", "10.0"), [0, 2, 1]),
        (["10", "9", "x"], ("10", "9", "x"), [0, 1, 2]),
        (["NA", "null", "nan"], ("NA", "nan", "null"), [0, 2, 1]),
        (["True", "False", " True "], ("False", "True"), [1, 0, 1]),
        (["9007199254740993", "9007199254740992", "0"], ("0", "9007199254740992", "9007199254740993"), [2, 1, 0]),
    ],
)
def test_orders_classes(tmp_path, labels, class_names, indices):
    table = load(tmp_path, "a,y\n" + "".join(f"1,{label}\n" for label in labels))
    assert table.targets.names == class_names
    assert table.targets.values.tolist() == indices


@pytest.mark.parametrize(
    ("content", "delimiter"),
    [
        ("a,y\n1,p\n2,q\n", ","),
        ("a;y\n1;p\n2;q\n", ";"),
        ("a\ty\n1\tp\n2\tq\n", "\t"),
        ("\ufeffa,y\r\n1,p\r\n2,q\r\n", ","),
        ("a, y\n1 , p\n\n   \n2,q", ","),
        ('"a","y"\n"1","p"\n"2",q\n', ","),
        ("\n\na,y\n1,p\n2,q\n\n", ","),
        ("a,y\r1,p\r2,q\r", ","),
        ("a,y\n+1,p\n 2.0,q\n", ","),
    ],
)
def test_reads_the_usual_dialects_alike(tmp_path, content, delimiter):
    table = load(tmp_path, content, delimiter=delimiter)
    assert values_of(table) == [[1, 2]]
    assert (table.targets.names, table.columns[0].name) == (("p", "q"), "a")


def test_truth_values_count_as_one_and_nought(tmp_path):
    table = load(tmp_path, "a,b,y\nTrue,1,p\nFalse,2,q\n,3,q\n")
    np.testing.assert_array_equal(values_of(table), [[1, 0, np.nan], [1, 2, 3]])


TYPES = (
    "n,c,i,e,g,t,p,y\n"
    + "1.5,u,1,,k1,2024-01-02,train,0.5\nNA,v,2,x,k2,2024-01-01T12:00Z,test,-1\n2,u,?,x,k1,2023-05-01,train,2\n"
)


def test_types_missing_values_and_places(tmp_path):
    table = load(tmp_path, TYPES, group="g", time="t", part="p", columns={"i": "integer"})
    assert [(column.name, column.kind, column.words) for column in table.columns] == [
        ("n", "numeric", ()),
        ("c", "categorical", ("u", "v")),
        ("i", "numeric", ()),
        ("e", "categorical", ("x",)),
    ]
    np.testing.assert_array_equal(values_of(table), [[1.5, np.nan, 2], [0, 1, 0], [1, 2, np.nan], [-1, 0, 0]])
    assert (table.targets.task, table.targets.names) == ("regression", ("y",))
    assert table.targets.values.tolist() == [0.5, -1, 2]
    assert table.placement.group.tolist() == [0, 1, 0]
    assert table.placement.time.tolist() == [1704153600, 1704110400, 1682899200]
    assert table.placement.part.tolist() == [FREE, 2, FREE]


def test_several_labels_are_a_multi_label_task(tmp_path):
    table = load(tmp_path, "a,y,z\n1,0,true\n2,1,false\n", ["y", "z"])
    assert (table.targets.task, table.targets.names) == ("multi_label", ("y", "z"))
    assert table.targets.values.tolist() == [[0, 1], [1, 0]]
    assert table.targets.values.dtype == np.uint8


def test_types_that_the_user_states(tmp_path):
    content = "a,b,c,y\n1,2,x,0\n2,3,z,1\n1,4,w,1\n"
    table = load(tmp_path, content, columns={"a": "categorical", "b": "drop"}, task="regression")
    assert [(column.name, column.words) for column in table.columns] == [("a", ("1", "2")), ("c", ("x", "z", "w"))]
    assert table.targets.task == "regression"
    many = "c,y\n" + "".join(f"w{i},{i % 2}\n" for i in range(1500))
    with pytest.raises(ValueError, match=r"column 'c' has more than 1000 distinct texts; accepted: columns: {c: drop}"):
        load(tmp_path, many)
    assert len(load(tmp_path, many, columns={"c": "categorical"}).columns[0].words) == 1500


def test_files_by_part(tmp_path):
    files = {
        part: write(tmp_path, f"a,y\n{rows}", f"{part}.csv")
        for part, rows in (("test", "1,p\n"), ("train", "2,q\n3,p\n"))
    }
    table = load_csv(files, scratch=tmp_path, label="y")
    assert values_of(table) == [[2, 3, 1]]
    assert table.placement.part.tolist() == [FREE, FREE, 2]
    files["validation"] = write(tmp_path, "a,y\n5,q\n", "v.csv")
    assert load_csv(files, scratch=tmp_path, label="y").placement.part.tolist() == [0, 0, 1, 2]
    assert values_of(load_csv([*files.values()], scratch=tmp_path, label="y")) == [[1, 2, 3, 5]]


def test_reads_gzip_and_many_blocks_alike(tmp_path, monkeypatch):
    rows = np.random.default_rng(0).standard_normal((1000, 3)).astype(np.float32)
    text = "a,b,c,d,y\n" + "".join(
        f"{a},{b},{c if i > 500 else ''},{'uvw'[i % 3] if i > 700 else ''},{i % 7}\n"
        for i, (a, b, c) in enumerate(rows.tolist())
    )
    rows[:501, 2] = np.nan
    plain = load(tmp_path, text)
    for module, name, size in ((csv_blocks, "_BLOCK_BYTES", 200), (csv_text, "_CHUNK_BYTES", 7)):
        monkeypatch.setattr(module, name, size)
    packed = load_csv(write(tmp_path, gzip.compress(text.encode()), "table.csv.gz"), scratch=tmp_path, label="y")
    quoted = load(tmp_path, text.replace("a,b", '"a",b'))
    for table in (plain, packed, quoted):
        np.testing.assert_array_equal(np.array(values_of(table)[:3]).T, rows)
        assert values_of(table)[3] == [-1] * 701 + [k % 3 for k in range(299)]
        assert table.columns[3].words == ("w", "u", "v")
        np.testing.assert_array_equal(table.targets.values, np.arange(1000) % 7)


MANY = "".join(f"1,{i}\n" for i in range(1001))

BAD = {
    "empty": ("", ["is empty", "accepted: a header and rows"]),
    "blank": ("\n \n", ["only blank lines"]),
    "header only": ("a,b,y\n", ["header but no rows"]),
    "wrong label": ("a,yy,kind\n1,2,x\n", ["no label column 'y'", "accepted: a, yy, kind", "did you mean yy?"]),
    "one column": ("a;b;y\n1;2;x\n", ["one column, 'a;b;y', with delimiter ','"]),
    "doubled column": ("a,b,a,y\n1,2,3,x\n", ["columns 1 and 3 are both named 'a'"]),
    "nameless column": (",b,y\n1,2,x\n", ["column 1 of 3 has no name"]),
    "empty column": ("a,b,y\n1,,x\n1,  ,y\n", ["column 'b' has no value in any row; accepted: columns: {b: drop}"]),
    "mixed": (
        "a,b,y\n1,2,x\n1,two,x\n?,3,y\n",
        ["line 3, column 'b', 'two': not a number in a mixed column of 2 numbers (1 in all)", "{b: categorical}"],
    ),
    "underscore": ("a,b,y\n1,2,x\n1,1_0,y\n", ["line 3, column 'b', '1_0': not a number in a mixed"]),
    "other digits": ("a,b,y\n1,2,x\n1,\u0661,y\n", ["line 3, column 'b', '\u0661': not a number"]),
    "truth among numbers": ("a,b,y\n1,True,x\n1,2,y\n", ["line 2, column 'b', 'True': a truth value among numbers"]),
    "truth elsewhere": ("a,b,y\nTrue,1,x\nFalse,z,y\n", ["line 3, column 'b', 'z': not a number in a mixed"]),
    "huge field": (f"a,b,y\n1,{'z' * 140_000},x\n1,2,y\n", ["line 2, field larger than field limit (131072)"]),
    "target missing": ("a,y\n1,1.5\n1,NA\n2,nan\n", ["line 3, column 'y', 'NA': missing target"]),
    "target infinite": ("a,y\n1,1.5\n1,inf\n", ["line 3, column 'y', 'inf': infinite value"]),
    "word for a target": ("a,y\n1,1.5\n1,0\n2,z\n", ["line 4, column 'y', 'z': not a number (1 in all)"]),
    "infinite": ("a,b,y\n1,2,x\n-inf,2,y\ninf,2,y\n", ["line 3, column 'a', '-inf': infinite value (2 in all)"]),
    "too large": ("a,b,y\n1,2,x\n1e39,2,y\n", ["line 3, column 'a', '1e39': too large for float32", "up to 3.403e+38"]),
    "far too large": ("a,b,y\n1,2,x\n1e999,2,y\n", ["line 3, column 'a', '1e999': too large for float32"]),
    "short row": ("a,b,y\n1,2,x\n1,2\n1,2,y\n", ["line 3, 2 cells for 3 columns", "(1 in all)"]),
    "long row": ("a,b,y\n1,2,x\n1,2,y,4\n1,2,y,4\n", ["line 3, 4 cells for 3 columns", "(2 in all)"]),
    "long first row": ("a,b,y\n1,2,x,4\n1,2,y\n", ["line 2, 4 cells for 3 columns", "(1 in all)"]),
    "trailing delimiters": ("a,b,y\n1,2,x,\n1,2,y,\n", ["line 2, 4 cells for 3 columns", "(2 in all)"]),
    "lines within cells": ('a,b,y\n1,2,"x\nx"\n\n1,2,x\n1,z,y\n', ["line 6, column 'b', 'z'"]),
    "open quote": ('a,b,y\n1,2,x\n1,"2,y\n1,2,y\n', ["line 3, 2 cells for 3 columns"]),
    "missing label": ("a,b,y\n1,2,x\n1,2,\n1,2,y\n", ["line 3, column 'y': missing label (1 in all)"]),
    "long cell": (f"a,b,y\n1,2,x\n1,{'z' * 99},y\n", [f"'{'z' * 37}...': not a number"]),
    "one class": ("a,b,y\n1,2,x\n1,2,x\n", ["column 'y': every label is 'x'", "two or more classes"]),
    "too many classes": ("a,y\n" + MANY, ["over 1000 distinct labels", "up to 1000 classes"]),
    "one number twice": ("a,y\n1,1\n1,1.0\n", ["labels '1' and '1.0' are one number"]),
    "not UTF-8": (b"a,b,y\n1,2,caf\xe9\n", ["byte 0xe9 at position 13 isn't UTF-8"]),
    "cut UTF-8": (b"a,b,y\n1,2,caf\xc3", ["byte 0xc3 at position 13 isn't UTF-8"]),
    "UTF-16": ("a,y\n1,x\n".encode("utf-16"), ["byte 0xff at position 0 isn't UTF-8"]),
    "NUL": (b"a,y\n1,x\n1\0,y\n", ["byte 0x00 at position 9 isn't UTF-8"]),
}


@pytest.mark.parametrize("block", [2**20, 5])
@pytest.mark.parametrize("case", BAD)
def test_bad_content_is_told_in_one_line(tmp_path, monkeypatch, case, block):
    monkeypatch.setattr(csv_text, "_CHUNK_BYTES", block)
    content, said = BAD[case]
    file = write(tmp_path, content)
    with pytest.raises(ValueError, match=str(file)) as caught:
        load_csv(file, scratch=tmp_path, label="y")
    message = str(caught.value)
    assert "\n" not in message
    assert [part for part in said if part not in message] == [], message


def test_bad_paths_and_delimiters(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.csv: no such file$"):
        load_csv(tmp_path / "none.csv", scratch=tmp_path, label="y")
    with pytest.raises(ValueError, match=r"is a folder; accepted: a file$"):
        load_csv(tmp_path, scratch=tmp_path, label="y")
    with pytest.raises(ValueError, match=r"^delimiter '\\\\t'; accepted: one character"):
        load(tmp_path, "a,y\n1,x\n", delimiter="\\t")


def test_damaged_gzip(tmp_path):
    packed = gzip.compress(b"a,y\n" + b"1,x\n2,y\n" * 1000)
    for content, said in [
        (packed[:-20], "cut short"),
        (packed[:-8] + b"\0" * 8, "damaged or not gzip"),
        (b"a,y\n1,x\n2,y\n", "damaged or not gzip"),
    ]:
        with pytest.raises(ValueError, match=said) as caught:
            load_csv(write(tmp_path, content, "table.csv.gz"), scratch=tmp_path, label="y")
        assert "\n" not in str(caught.value)


GOOD = "a,b,g,t,p,y\n1,2,k,1,train,x\n3,4,k,2,test,y\n"

BAD_ARGUMENTS = {
    "unknown column": ({"columns": {"bb": "drop"}}, ["no column 'bb' to give a type", "did you mean b?"]),
    "unknown type": ({"columns": {"b": "numerc"}}, ["type 'numerc' of 'b' is unknown", "did you mean numeric?"]),
    "type of the label": ({"columns": {"y": "drop"}}, ["'y' is given type drop but is no feature"]),
    "no group column": ({"group": "gg"}, ["no group column 'gg'", "did you mean g?"]),
    "two roles": ({"group": "g", "time": "g"}, ["column 'g' is asked for twice"]),
    "unknown task": ({"task": "regresion"}, ["task 'regresion' is unknown", "did you mean regression?"]),
    "several labels": ({"label": ["y", "p"], "task": "regression"}, ["2 label columns for a regression"]),
    "labels not 0 or 1": ({"label": ["y", "b"]}, ["line 2, column 'b', '2': neither 0 nor 1 (2 in all)"]),
    "unknown on_error": ({"on_error": "skp"}, ["on_error 'skp' is unknown", "did you mean skip?"]),
    "no feature": ({"columns": dict.fromkeys("abgtp", "drop")}, ["no column is left as a feature"]),
    "not parts": ({"part": "g"}, ["line 2, column 'g', 'k': not a part's name (2 in all)"]),
    "not times": ({"time": "g"}, ["line 2, column 'g', 'k': not a time (2 in all)"]),
    "text as numbers": ({"columns": {"g": "numeric"}}, ["line 2, column 'g', 'k': not a number (2 in all)"]),
}


@pytest.mark.parametrize("case", BAD_ARGUMENTS)
def test_bad_arguments(tmp_path, case):
    options, said = BAD_ARGUMENTS[case]
    with pytest.raises(ValueError, match="accepted: ") as caught:
        load(tmp_path, GOOD, **{"label": "y", **options})
    assert [part for part in said if part not in str(caught.value)] == [], caught.value


BAD_TYPED = {
    "fraction": ("1.5", {"columns": {"a": "integer"}}, "line 3, column 'a', '1.5': not a whole number (1 in all)"),
    "too long": ("16777217", {"columns": {"a": "integer"}}, "'16777217': not exact in float32"),
    "no group": ("", {"group": "a"}, "line 3, column 'a': missing group (1 in all)"),
    "no time": ("", {"time": "a"}, "line 3, column 'a': missing time (1 in all)"),
    "date among numbers": ("2024-01-02", {"time": "a"}, "'2024-01-02': a date among numbers (1 in all)"),
}


@pytest.mark.parametrize("case", BAD_TYPED)
def test_cells_that_a_role_refuses(tmp_path, case):
    cell, options, said = BAD_TYPED[case]
    with pytest.raises(ValueError, match="accepted: ") as caught:
        load(tmp_path, f"a,b,y\n1,1,x\n{cell},2,y\n3,3,x\n4,4,x\n", **options)
    assert said in str(caught.value)


def test_headers_that_differ(tmp_path):
    train = write(tmp_path, "a,b,y\n1,2,x\n", "train.csv")
    for header, said in [
        ("a,c,y", r"b\.csv: column 2 of the header is 'c'; accepted: 'b', as in"),
        ("a,y", "has 2 columns"),
    ]:
        other = write(tmp_path, f"{header}\n", "b.csv")
        with pytest.raises(ValueError, match=said):
            load_csv({"train": train, "test": other}, scratch=tmp_path, label="y")
    with pytest.raises(ValueError, match="files by part, but none for test; accepted"):
        load_csv({"train": train}, scratch=tmp_path, label="y")
    with pytest.raises(ValueError, match=r"part 'tset' is unknown; .*did you mean test"):
        load_csv({"train": train, "tset": train}, scratch=tmp_path, label="y")


@pytest.mark.parametrize("quote", ["", '"'])
def test_rows_that_cannot_be_read_are_skipped_and_listed(tmp_path, quote):
    huge = "z" * 140_000
    content = f"{quote}a{quote},b,y\n1,2,x\n1,2\n3,two,y\n\n4,inf,y\n5,,y\n6,7,\n{huge},8,x\n9,9,x\n"
    table = load(tmp_path, content, on_error="skip")
    np.testing.assert_array_equal(values_of(table), [[1, 5, 9], [2, np.nan, 9]])
    assert table.targets.values.tolist() == [0, 1, 0]
    file = tmp_path / "table.csv"
    assert [each.where for each in table.skipped] == [f"{file} line {line}" for line in (3, 4, 6, 8, 9)]
    assert "column 'b', 'two': not a number in a mixed column" in table.skipped[1].why
    assert not any("\n" in each.why for each in table.skipped)
    with pytest.raises(ValueError, match=r"no rows that can be read \(1 were skipped\)"):
        load(tmp_path, "a,b,y\n1,2\n", on_error="skip")


def test_many_rows_against_pandas(tmp_path):
    import pandas as pd

    random = np.random.default_rng(1)
    frame = pd.DataFrame(
        {"x": random.normal(size=5000) * 1e3, "n": random.integers(-9, 10**6, 5000), "c": random.choice([*"abc"], 5000)}
    )
    frame.loc[random.random(5000) < 0.1, ["x", "c"]] = None
    frame["y"] = random.normal(size=5000)
    table = load(tmp_path, frame.to_csv(index=False))
    slow = pd.read_csv(tmp_path / "table.csv")
    x, n, c = values_of(table)
    np.testing.assert_array_equal(x, slow["x"].to_numpy(np.float32))
    np.testing.assert_array_equal(n, slow["n"].to_numpy(np.float32))
    assert [None if code < 0 else table.columns[2].words[code] for code in c] == [
        None if pd.isna(text) else text for text in slow["c"]
    ]
    np.testing.assert_array_equal(table.targets.values, slow["y"].to_numpy(np.float32))

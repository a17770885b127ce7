import gzip

import numpy as np
import pytest

from pipeline.data.sources import csv as csv_source
from pipeline.data.sources.csv import load_csv


def write(folder, content, name="table.csv"):
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def test_reads_numbers_and_sorted_labels(tmp_path):
    file = write(tmp_path, "width,kind,height\n1.5,oak,2\n-3e2,ash,.25\n0,oak,4\n")
    examples = load_csv(file, "kind")
    np.testing.assert_array_equal(examples.features, np.array([[1.5, 2], [-300, 0.25], [0, 4]], np.float32))
    assert examples.features.dtype == np.float32
    assert examples.features.flags.c_contiguous
    np.testing.assert_array_equal(examples.labels, [1, 0, 1])
    assert examples.labels.dtype == np.int32
    assert examples.class_names == ("ash", "oak")
    assert examples.feature_names == ("width", "height")
    assert (examples.kind, examples.scale, examples.test) == ("table", 1.0, None)


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
    examples = load_csv(write(tmp_path, "a,y\n" + "".join(f"1,{label}\n" for label in labels)), "y")
    assert examples.class_names == class_names
    assert examples.labels.tolist() == indices


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
    ],
)
def test_reads_the_usual_dialects_alike(tmp_path, content, delimiter):
    examples = load_csv(write(tmp_path, content), "y", delimiter)
    assert examples.features.tolist() == [[1], [2]]
    assert (examples.class_names, examples.feature_names) == (("p", "q"), ("a",))


def test_truth_values_count_as_one_and_nought(tmp_path):
    examples = load_csv(write(tmp_path, "a,b,y\nTrue,1,p\nFalse,2,q\n"), "y")
    assert examples.features.tolist() == [[1, 1], [0, 2]]


def test_reads_gzip_and_many_chunks_alike(tmp_path, monkeypatch):
    rows = np.random.default_rng(0).standard_normal((1000, 3)).astype(np.float32)
    text = "a,b,c,y\n" + "".join(f"{a},{b},{c},{i % 7}\n" for i, (a, b, c) in enumerate(rows.tolist()))
    plain = load_csv(write(tmp_path, text), "y")
    monkeypatch.setattr(csv_source, "_CHUNK_CELLS", 64)
    monkeypatch.setattr(csv_source, "_CHUNK_BYTES", 7)
    packed = load_csv(write(tmp_path, gzip.compress(text.encode()), "table.csv.gz"), "y")
    for examples in (plain, packed):
        np.testing.assert_array_equal(examples.features, rows)
        np.testing.assert_array_equal(examples.labels, np.arange(1000) % 7)


MANY = "".join(f"1,{i}\n" for i in range(1001))

BAD = {
    "empty": ("", ["is empty", "accepted: a header and rows"]),
    "blank": ("\n \n", ["only blank lines"]),
    "header only": ("a,b,y\n", ["header but no rows"]),
    "wrong label": ("a,yy,kind\n1,2,x\n", ["no label column 'y'", "accepted: a, yy, kind", "did you mean yy?"]),
    "one column": ("a;b;y\n1;2;x\n", ["one column, 'a;b;y', with delimiter ','"]),
    "doubled column": ("a,b,a,y\n1,2,3,x\n", ["columns 1 and 3 are both named 'a'"]),
    "nameless column": (",b,y\n1,2,x\n", ["column 1 of 3 has no name"]),
    "missing cell": ("a,b,y\n1,2,x\n1,,x\n,,y\n", ["line 3, column 'b': missing value (3 in all)"]),
    "blank cell": ("a,b,y\n1,  ,x\n1,2,y\n", ["line 2, column 'b': missing value (1 in all)"]),
    "not a number": ("a,b,y\n1,2,x\n1,two,x\n?,3,y\n", ["line 3, column 'b', 'two': not a number (2 in all)"]),
    "nan": ("a,b,y\n1,2,x\n1,nan,y\n", ["line 3, column 'b', 'nan': not a number (1 in all)"]),
    "underscore": ("a,b,y\n1,2,x\n1,1_0,y\n", ["line 3, column 'b', '1_0': not a number"]),
    "other digits": ("a,b,y\n1,2,x\n1,\u0661,y\n", ["line 3, column 'b', '\u0661': not a number"]),
    "truth among numbers": ("a,b,y\n1,True,x\n1,2,y\n", ["line 2, column 'b', 'True': a truth value among numbers"]),
    "truth elsewhere": ("a,b,y\nTrue,1,x\nFalse,z,y\n", ["line 3, column 'b', 'z': not a number (1 in all)"]),
    "infinite": ("a,b,y\n1,2,x\n-inf,2,y\ninf,2,y\n", ["line 3, column 'a', '-inf': infinite value (2 in all)"]),
    "too large": ("a,b,y\n1,2,x\n1e39,2,y\n", ["line 3, column 'a', '1e39': too large for float32", "up to 3.403e+38"]),
    "far too large": ("a,b,y\n1,2,x\n1e999,2,y\n", ["line 3, column 'a', '1e999': too large for float32"]),
    "short row": ("a,b,y\n1,2,x\n1,2\n1,2,y\n", ["line 3, 2 cells for 3 columns", "(1 in all)"]),
    "long row": ("a,b,y\n1,2,x\n1,2,y,4\n1,2,y,4\n", ["line 3, 4 cells for 3 columns", "(2 in all)"]),
    "long first row": ("a,b,y\n1,2,x,4\n1,2,y\n", ["line 2, 4 cells for 3 columns"]),
    "trailing delimiters": ("a,b,y\n1,2,x,\n1,2,y,\n", ["line 2, 4 cells for 3 columns", "(2 in all)"]),
    "lines within cells": ('a,b,y\n1,2,"x\nx"\n\n1,2,x\n1,z,y\n', ["line 6, column 'b', 'z'"]),
    "open quote": ('a,b,y\n1,2,x\n1,"2,y\n1,2,y\n', ["line 3, 2 cells for 3 columns"]),
    "missing label": ("a,b,y\n1,2,x\n1,2,\n1,2,y\n", ["line 3, column 'y': missing label (1 in all)"]),
    "long cell": (f"a,b,y\n1,2,x\n1,{'z' * 99},y\n", [f"'{'z' * 37}...': not a number"]),
    "one class": ("a,b,y\n1,2,x\n1,2,x\n", ["column 'y': every label is 'x'", "two or more classes"]),
    "fractions": ("a,b,y\n1,2,1\n1,2,0.5\n", ["column 'y': label '0.5' isn't whole"]),
    "too many classes": ("a,y\n" + MANY, ["1001 distinct labels", "up to 1000 classes"]),
    "one number twice": ("a,y\n1,1\n1,1.0\n", ["labels '1' and '1.0' are one number"]),
    "not UTF-8": (b"a,b,y\n1,2,caf\xe9\n", ["byte 0xe9 at position 13 isn't UTF-8"]),
    "cut UTF-8": (b"a,b,y\n1,2,caf\xc3", ["byte 0xc3 at position 13 isn't UTF-8"]),
    "UTF-16": ("a,y\n1,x\n".encode("utf-16"), ["byte 0xff at position 0 isn't UTF-8"]),
    "NUL": (b"a,y\n1,x\n1\0,y\n", ["byte 0x00 at position 9 isn't UTF-8"]),
}


@pytest.mark.parametrize("block", [2**20, 5])
@pytest.mark.parametrize("case", BAD)
def test_bad_content_is_told_in_one_line(tmp_path, monkeypatch, case, block):
    monkeypatch.setattr(csv_source, "_CHUNK_BYTES", block)
    content, said = BAD[case]
    file = write(tmp_path, content)
    with pytest.raises(ValueError, match=str(file)) as caught:
        load_csv(file, "y")
    message = str(caught.value)
    assert "\n" not in message
    assert [part for part in said if part not in message] == [], message


def test_bad_paths_and_delimiters(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.csv: no such file$"):
        load_csv(tmp_path / "none.csv", "y")
    with pytest.raises(ValueError, match=r"is a folder; accepted: a file$"):
        load_csv(tmp_path, "y")
    with pytest.raises(ValueError, match=r"^delimiter '\\\\t'; accepted: one character"):
        load_csv(write(tmp_path, "a,y\n1,x\n"), "y", "\\t")


def test_damaged_gzip(tmp_path):
    packed = gzip.compress(b"a,y\n" + b"1,x\n2,y\n" * 1000)
    for content, said in [
        (packed[:-20], "cut short"),
        (packed[:-8] + b"\0" * 8, "damaged or not gzip"),
        (b"a,y\n1,x\n2,y\n", "damaged or not gzip"),
    ]:
        with pytest.raises(ValueError, match=said) as caught:
            load_csv(write(tmp_path, content, "table.csv.gz"), "y")
        assert "\n" not in str(caught.value)

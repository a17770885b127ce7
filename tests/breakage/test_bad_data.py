"""Bad data, one table for each sort of source: each ends in one clear line that names the place and what would do."""

import io
import struct

import numpy as np
import pytest
from PIL import Image
from stage_runs import configured, ran

from pipeline.engine.errors import ConfigError, InputError, StageError

HEAD = "size,colour,who,when,part,kind\n"
ROW = "{n},{colour},p{group},2026-01-{day:02d},{part},{kind}\n"


def rows(count=60, **changed) -> str:
    lines = []
    for n in range(count):
        cells = {
            "n": n,
            "colour": ("red", "blue", "green")[n % 3],
            "group": n // 4,
            "day": 1 + n // 4,
            "part": ("train", "train", "train", "validation", "test")[n % 5],
            "kind": "ab"[n // 3 % 2],
        }
        cells |= {name: change(n) for name, change in changed.items()}
        lines.append(ROW.format(**cells))
    return "".join(lines)


DROP = "data.columns={who: drop, when: drop, part: drop}"

CSV = {
    "mixed types": (HEAD + rows(n=lambda n: "many" if n == 7 else n), [DROP], ["line 9", "many", "categorical"]),
    "ragged": (HEAD + rows(3) + "1,2\n" + rows(), [DROP], ["line 5", "2 cells for 6 columns"]),
    "duplicated header": (HEAD.replace("who", "size") + rows(), [DROP], ["columns 1 and 3 are both named 'size'"]),
    "nameless column": (HEAD.replace("who", "") + rows(), [DROP], ["column 3 of 6 has no name"]),
    "not UTF-8": ((HEAD + rows(colour=lambda n: "gr\xfcn")).encode("latin-1"), [DROP], ["0xfc", "UTF-8"]),
    "huge field": (HEAD + rows(colour=lambda n: "x" * 200_000 if n == 5 else "red"), [DROP], ["line 7"]),
    "too many texts": (HEAD + rows(1500, colour=lambda n: f"c{n}", day=lambda n: 1), [DROP], ["colour", "1000"]),
    "fraction in an integer column": (
        HEAD + rows(n=lambda n: n + (0.5 if n == 3 else 0)),
        ["data.columns={size: integer, who: drop, when: drop, part: drop}"],
        ["line 5", "3.5"],
    ),
    "word in a numeric column": (
        HEAD + rows(),
        ["data.columns={colour: numeric, who: drop, when: drop, part: drop}"],
        ["line 2", "colour", "red"],
    ),
    "unknown column": (HEAD + rows(), ["data.columns={colur: drop}"], ["colur", "did you mean colour"]),
    "label among the columns": (HEAD + rows(), ["data.columns={kind: drop}"], ["kind"]),
    "no group column": (HEAD + rows(), [DROP, "data.group=whom"], ["whom", "did you mean who"]),
    "group missing": (HEAD + rows().replace("p3,", ",", 1), ["data.group=who"], ["line 14"]),
    "too few groups": (HEAD + rows(group=lambda n: n // 30), ["data.group=who"], ["group"]),
    "time that is none": (
        HEAD + rows(day=lambda n: 32 if n == 9 else 1),
        ["data.time=when"],
        ["line 11", "2026-01-32"],
    ),
    "unknown part": (HEAD + rows(part=lambda n: "training"), ["data.part=part"], ["line 2", "training"]),
    "group on both sides": (
        HEAD + rows(),
        ["data.part=part", "data.group=who", "split=given"],
        ["groups are on both sides", "group"],
    ),
    "class unseen in training": (
        HEAD + rows(kind=lambda n: "c" if n % 5 == 4 else "ab"[n // 3 % 2]),
        ["data.part=part"],
        ["'c'", "none in the training part"],
    ),
    "empty column": (HEAD + rows(n=lambda n: ""), [DROP], ["size"]),
    "NaN target": (
        HEAD + rows(kind=lambda n: "" if n == 4 else n / 7),
        [DROP, "data.task=regression"],
        ["line 6", "kind"],
    ),
    "word target": (HEAD + rows(), [DROP, "data.task=regression"], ["line 2", "kind"]),
    "regression as classes": (HEAD + rows(kind=lambda n: n / 7), [DROP, "data.task=classification"], ["kind"]),
    "one label for several": (HEAD + rows(), [DROP, "data.task=multi_label"], ["label"]),
    "labels that aren't bits": (HEAD + rows(), ["data.label=[size,kind]"], ["line 2", "neither 0 nor 1"]),
    "a class of one": (HEAD + rows(kind=lambda n: "c" if n == 9 else "ab"[n % 2]), [DROP], ["'c'"]),
    "stratified regression": (
        HEAD + rows(kind=lambda n: n / 7),
        [DROP, "split=stratified"],
        ["stratified", "regression", "accepted: by=random"],
    ),
    "nothing was given": (HEAD + rows(), [DROP, "split=given"], ["given"]),
    "no groups": (HEAD + rows(), [DROP, "split=grouped"], ["group"]),
    "no times": (HEAD + rows(), [DROP, "split=time"], ["time"]),
    "delimiter": (HEAD + rows(), [DROP, "data.delimiter=';'"], ["delimiter ';'"]),
}


@pytest.mark.parametrize(("content", "overrides", "said"), CSV.values(), ids=CSV)
def test_csv(content, overrides, said, tmp_path):
    file = tmp_path / "data.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    label = [] if any("data.label" in each for each in overrides) else ["data.label=kind"]
    assert_refused(["csv", f"data.path={file}", *label, *overrides], said, tmp_path)


def picture(mode="RGB", size=(8, 8), form="PNG") -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size, 7).save(buffer, form)
    return buffer.getvalue()


def folder_of() -> dict[str, bytes]:
    return {f"{name}/{n}.png": picture() for name in ("cat", "dog") for n in range(12)}


IMAGES = {
    "corrupt JPEG": ({**folder_of(), "cat/bad.jpg": picture(form="JPEG")[:200]}, [], ["cat/bad.jpg"]),
    "not an image": ({**folder_of(), "dog/notes.png": b"hello"}, [], ["dog/notes.png"]),
    "empty class": ({**folder_of(), "owl/.keep": b""}, [], ["owl"]),
    "one class": ({f"cat/{n}.png": picture() for n in range(9)}, [], ["cat"]),
    "no class": ({"a.png": picture()}, [], ["a.png"]),
    "a class that training lacks": (
        {
            **{f"train/{name}/{n}.png": picture() for name in ("cat", "dog") for n in range(9)},
            **{f"test/{name}/{n}.png": picture() for name in ("cat", "owl") for n in range(9)},
        },
        [],
        ["owl"],
    ),
    "no folder": ({}, [], ["no such"]),
    "three sides": (folder_of(), ["data.size=[8,8,3]"], ["data.size"]),
    "two channels": (folder_of(), ["data.channels=2"], ["data.channels=2"]),
}


@pytest.mark.parametrize(("files", "overrides", "said"), IMAGES.values(), ids=IMAGES)
def test_image_folders(files, overrides, said, tmp_path):
    for name, content in files.items():
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    size = [] if any("data.size" in each for each in overrides) else ["data.size=[8,8]"]
    assert_refused(["image_folder", f"data.path={tmp_path / 'images'}", *size, *overrides], said, tmp_path)


GOOD = {"features": np.arange(120, dtype=np.float32).reshape(60, 2), "labels": np.arange(60) % 2}

ARRAYS = {
    "no labels": ({"features": GOOD["features"]}, ["labels"]),
    "another length": ({**GOOD, "labels": np.arange(50) % 2}, ["50", "60"]),
    "NaN target": ({**GOOD, "labels": np.full(60, np.nan)}, ["NaN"]),
    "five dimensions": ({**GOOD, "features": np.zeros((60, 2, 2, 2, 2))}, ["shape"]),
    "complex numbers": ({**GOOD, "features": np.zeros((60, 2), complex)}, ["complex"]),
    "texts": ({**GOOD, "features": np.full((60, 2), "x")}, ["features"]),
}


@pytest.mark.parametrize(("arrays", "said"), ARRAYS.values(), ids=ARRAYS)
def test_arrays(arrays, said, tmp_path):
    np.savez(tmp_path / "data.npz", **arrays)
    assert_refused(["arrays", f"data.path={tmp_path / 'data.npz'}"], said, tmp_path)


def test_pickled_objects_are_refused(tmp_path):
    np.savez(tmp_path / "data.npz", features=np.array([{}], dtype=object), labels=np.zeros(1, np.int32))
    assert_refused(["arrays", f"data.path={tmp_path / 'data.npz'}"], ["pickle"], tmp_path)


RECORDS = {
    "not records": (b"x" * 100, ["records.tfrecord"]),
    "cut short": (struct.pack("<Q", 1000) + b"x" * 20, ["records.tfrecord"]),
    "empty": (b"", ["records.tfrecord"]),
}


@pytest.mark.parametrize(("content", "said"), RECORDS.values(), ids=RECORDS)
def test_records(content, said, tmp_path):
    (tmp_path / "records.tfrecord").write_bytes(content)
    path = f"data.path={tmp_path / 'records.tfrecord'}"
    assert_refused(["tfrecord", path, "data.features=[x]", "data.label=y"], said, tmp_path)


FUNCTIONS = {
    "not on the list": ("os.system", [], "allow_targets"),
    "beside the list": ("os.system", ["sklearn.datasets"], "allow_targets"),
    "no such function": ("sklearn.datasets.load_iriss", ["sklearn.datasets"], "load_iriss"),
    "no such module": ("mine.load", ["mine"], "mine"),
    "no dotted path": ("load", ["load"], "load"),
}


@pytest.mark.parametrize(("target", "allowed", "said"), FUNCTIONS.values(), ids=FUNCTIONS)
def test_functions(target, allowed, said, tmp_path):
    allow = f"allow_targets=[{','.join(allowed)}]"
    assert_refused(["function", f"data._target_={target}", allow], [said], tmp_path)


def test_a_file_that_is_no_parquet(tmp_path):
    (tmp_path / "data.parquet").write_text("a,b\n1,2\n")
    assert_refused(["parquet", f"data.path={tmp_path / 'data.parquet'}", "data.label=a"], ["data.parquet"], tmp_path)


def assert_refused(arguments: list[str], said: list[str], folder) -> None:
    source, *overrides = arguments
    with pytest.raises((InputError, ConfigError, ValueError, OSError)) as caught:
        prepare(source, overrides, folder / "run")
    line = str(StageError("prepare", caught.value))
    assert [piece for piece in said if piece not in line] == [], line
    assert "\n" not in line
    assert "Error:" not in line
    assert len(line) < 600


def prepare(source, overrides, folder) -> None:
    stage = configured("prepare", *overrides, data=source)
    stage.sources()
    ran(stage, folder)

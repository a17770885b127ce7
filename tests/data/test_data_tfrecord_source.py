import gzip
import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from pipeline.data.examples import Images, Table
from pipeline.data.sources.tfrecord import load_tfrecord
from pipeline.data.sources.tfrecord_files import tfrecord_files
from pipeline.keras import tf

GENERATOR = np.random.default_rng(0)
PIXELS = GENERATOR.integers(0, 256, (4, 6, 8, 3), np.uint8)
NAN = float("nan")


def encoded(pixels, kind="PNG", **options):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **options)
    return stream.getvalue()


def feature(values):
    values = values if isinstance(values, list) else [values]
    if not values:
        return tf.train.Feature()
    if isinstance(values[0], bytes):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
    if isinstance(values[0], float):
        return tf.train.Feature(float_list=tf.train.FloatList(value=values))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def example(**features):
    named = {name: feature(values) for name, values in features.items()}
    return tf.train.Example(features=tf.train.Features(feature=named)).SerializeToString()


def write(file, records, compression=""):
    with tf.io.TFRecordWriter(str(file), compression) as writer:
        for record in records:
            writer.write(record)
    return str(file)


PNG = [example(image=encoded(pixels), label=index % 2) for index, pixels in enumerate(PIXELS)]
ROWS = [example(a=1, b=0.5, label=0), example(a=-2, b=[], label=1), example(a=3, b=NAN, label=1)]
OPTIONS = {"image": {"image": "image", "size": (6, 8)}, "table": {"features": ["a", "b"]}}


@pytest.mark.parametrize(("compression", "named"), [("none", ""), ("zlib", "ZLIB"), ("gzip", "GZIP")])
def test_images(tmp_path, compression, named):
    write(tmp_path / "b.tfrecord", PNG[2:], named)
    write(tmp_path / "a.tfrecord-00000-of-00001", PNG[:2], named)
    (tmp_path / "features.json").write_text("{}")
    for paths in (tmp_path, tmp_path / "*.tfrecord*"):
        images = load_tfrecord(str(paths), label="label", compression=compression, **OPTIONS["image"])
        np.testing.assert_array_equal(images.features, PIXELS)
        assert (images.features.dtype, images.scale, images.skipped) == (np.uint8, 255.0, ())
        assert (images.targets.values.tolist(), images.targets.names) == ([0, 1, 0, 1], ("0", "1"))


def test_images_of_many_sizes_and_formats(tmp_path):
    big = np.full((40, 30, 3), 99, np.uint8)
    file = write(tmp_path / "x", [example(i=encoded(big, "JPEG"), y=b"oak"), example(i=encoded(big[:3]), y=b"ash")])
    images = load_tfrecord(file, label="y", image="i", size=(5, 4), channels=1)
    assert (images.features.shape, images.features.min(), images.features.max()) == ((2, 5, 4, 1), 99, 99)
    assert (images.targets.values.tolist(), images.targets.names) == ([1, 0], ("ash", "oak"))


def test_more_images_than_a_block_keep_their_order(tmp_path):
    records = [example(image=encoded(np.full((2, 2), index % 251, np.uint8)), label=index % 7) for index in range(700)]
    bad = {5, 256, 699}
    records = [example(image=b"?", label=9) if index in bad else record for index, record in enumerate(records)]
    options = {"label": "label", "image": "image", "size": (2, 2), "channels": 1, "on_error": "skip"}
    images = load_tfrecord(write(tmp_path / "x", records), **options)
    kept = [index for index in range(700) if index not in bad]
    assert images.features[:, 0, 0, 0].tolist() == [index % 251 for index in kept]
    assert images.targets.values.tolist() == [index % 7 for index in kept]
    assert [each.where for each in images.skipped] == [f"{tmp_path / 'x'}: record {index}" for index in sorted(bad)]


def test_table(tmp_path):
    table = load_tfrecord(write(tmp_path / "x", ROWS), label="label", features=["b", "a"], class_names=["p", "q"])
    assert isinstance(table, Table)
    b, a = table.columns
    np.testing.assert_array_equal(b.values.read(0, 3), np.array([0.5, NAN, NAN], np.float32))
    np.testing.assert_array_equal(a.values.read(0, 3), np.array([1, -2, 3], np.float32))
    assert (a.name, a.kind, a.values.read(0, 3).dtype, table.targets.names) == ("a", "numeric", np.float32, ("p", "q"))


@pytest.mark.parametrize(
    ("labels", "task", "values"),
    [
        ([0.5, 2.0], "regression", [0.5, 2]),
        ([[0, 1, 1], [1, 0, 0]], "multi_label", [[0, 1, 1], [1, 0, 0]]),
        ([b"\xc3\xa9", b"e"], "classification", [1, 0]),
    ],
)
def test_labels(tmp_path, labels, task, values):
    file = write(tmp_path / "x", [example(a=1, label=label) for label in labels])
    targets = load_tfrecord(file, label="label", features=["a"]).targets
    assert (targets.task, targets.values.tolist()) == (task, values)


def at(index, record, records=ROWS):
    return [*records[:index], record, *records[index + 1 :]]


# What is wrong with one record, which can be left out.
RECORDS = {
    "no image": ("image", at(2, example(label=1), PNG), "no key 'image'; accepted: label"),
    "missing key": ("table", at(2, example(a=1, label=1)), "no key 'b'; accepted: a, label"),
    "near key": ("table", at(2, example(a=1, b=2, labels=1)), r"no key 'label'; .*did you mean labels\?"),
    "no key": ("table", at(2, example()), "no key 'label'; accepted"),
    "text as number": ("table", at(2, example(a=b"1", b=2, label=1)), "key 'a' has 1 values in bytes_list; accepted"),
    "two numbers": ("table", at(2, example(a=[1, 2], b=2, label=1)), "key 'a' has 2 values in int64_list"),
    "infinite": ("table", at(2, example(a=1, b=float("inf"), label=1)), "key 'b' holds inf; accepted: numbers up to"),
    "image of numbers": ("image", at(2, example(image=[1, 2], label=1), PNG), "key 'image' has 2 values in int64_list"),
    "two images": ("image", at(2, example(image=[b"a", b"b"], label=1), PNG), "2 values in bytes_list"),
    "raw pixels": ("image", at(2, example(image=PIXELS[0].tobytes(), label=1), PNG), "isn't an image that can be read"),
    "cut JPEG": ("image", at(2, example(image=encoded(PIXELS[0], "JPEG")[:-99], label=1), PNG), "damaged or cut short"),
    "empty label": ("table", at(2, example(a=1, b=2, label=[])), "label 'label' has 0 values in no list"),
    "two texts": ("table", at(2, example(a=1, b=2, label=[b"a", b"b"])), "has 2 values in bytes_list"),
    "label not UTF-8": ("table", at(2, example(a=1, b=2, label=b"\xff")), "isn't UTF-8 text"),
    "not an example": ("table", at(2, b"\xff\xff\xff"), "isn't a tf.train.Example"),
    "empty record": ("table", at(2, b""), "no key 'label'; accepted"),
}


@pytest.mark.parametrize("case", RECORDS)
def test_bad_record(tmp_path, case):
    kind, records, said = RECORDS[case]
    file = write(tmp_path / "x.tfrecord", records)
    with pytest.raises(ValueError, match=said) as caught:
        load_tfrecord(file, label="label", **OPTIONS[kind])
    message = str(caught.value)
    assert message.startswith(f"{file}: record 2: ")
    assert "accepted: " in message
    assert "\n" not in message
    read = load_tfrecord(file, label="label", on_error="skip", **OPTIONS[kind])
    assert [f"{each.where}: {each.why}" for each in read.skipped] == [message]
    assert read.targets.values.tolist() == ([0, 1] if kind == "table" else [0, 1, 1])
    assert isinstance(read, Images if kind == "image" else Table)


def flipped(content, position):
    return content[:position] + bytes([content[position] ^ 255]) + content[position + 1 :]


LENGTH = len(ROWS[0])
STEP = LENGTH + 16

DAMAGED = {
    "content": (lambda whole: flipped(whole, STEP + 14), 1, "damaged or cut short; accepted: whole TFRecord"),
    "length": (lambda whole: flipped(whole, STEP), 1, "damaged or cut short"),
    "checksum": (lambda whole: flipped(whole, STEP - 2), 0, "damaged or cut short"),
    "cut content": (lambda whole: whole[:-7], 2, "damaged or cut short"),
    "cut length": (lambda whole: whole[: STEP + 5], 1, "damaged or cut short"),
    "more": (lambda whole: whole + b"more", 3, "damaged or cut short"),
    "huge length": (lambda whole: struct.pack("<Q", 2**60) + whole[8:], 0, "damaged or cut short"),
    "gzip": (gzip.compress, 0, "with compression none, while this one looks to have gzip"),
    "zlib": (zlib.compress, 0, "with compression none, while this one looks to have zlib"),
    "text": (lambda whole: b"a,b,label\n1,2,3\n", 0, "damaged or cut short"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_damaged_file(tmp_path, case):
    damage, number, said = DAMAGED[case]
    write(tmp_path / "a.tfrecord", ROWS)
    bad = tmp_path / "a.tfrecord"
    bad.write_bytes(damage(bad.read_bytes()))
    write(tmp_path / "b.tfrecord", ROWS)
    with pytest.raises(ValueError, match=said) as caught:
        load_tfrecord(str(tmp_path), label="label", **OPTIONS["table"])
    message = str(caught.value)
    assert message.startswith(f"{bad}: record {number}: ")
    assert "accepted: " in message
    assert "\n" not in message
    read = load_tfrecord(str(tmp_path), label="label", on_error="skip", **OPTIONS["table"])
    assert read.targets.values.tolist() == [*[0, 1, 1][:number], 0, 1, 1]
    (skipped,) = read.skipped
    assert skipped.where == f"{bad}: record {number}"
    assert skipped.why.endswith("; it and all after it in this file are left out")


@pytest.mark.parametrize(("compression", "pack"), [("gzip", gzip.compress), ("zlib", zlib.compress)])
def test_damaged_or_wrong_compression(tmp_path, compression, pack):
    file = tmp_path / "x.tfrecord"
    write(file, ROWS * 50)
    whole = pack(file.read_bytes())
    other = {"gzip": "zlib", "zlib": "gzip"}[compression]
    for content, stated, said in [
        (whole[:-20], compression, "damaged or cut short"),
        (flipped(whole, len(whole) // 2), compression, "damaged or cut short"),
        (whole, other, f"compression {other}, while this one looks to have {compression}"),
        (b"plain", compression, f"compression {compression}, while this one looks to have none"),
    ]:
        file.write_bytes(content)
        with pytest.raises(ValueError, match=said) as caught:
            load_tfrecord(str(file), label="label", compression=stated, **OPTIONS["table"])
        assert "\n" not in str(caught.value)


# What is wrong with all of it, which can't be left out.
WHOLE = {
    "no record": ([], {}, "holds no record; accepted: one readable record or more"),
    "none readable": ([b"\xff"] * 2, {"on_error": "skip"}, "record 0: isn't a tf.train.Example.*; accepted: one"),
    "label types": (at(1, example(a=1, b=1, label=0.5)), {}, r"record 1: label 'label' is \[0.5\].*first one, \[0\]"),
    "label counts": (at(2, example(a=1, b=1, label=[0, 1])), {}, r"record 2: label 'label' is \[0, 1\]"),
    "class names": (at(1, example(a=1, b=1, label=7)), {"class_names": ["p", "q"]}, "record 1: label 7 .*0 to 1"),
    "NaN target": ([example(a=1, b=1, label=label) for label in (0.5, NAN)], {}, "record 1: label nan"),
    "no size": (PNG, {"image": "image", "features": ()}, "image 'image' without a size"),
    "image and features": (PNG, {"image": "image", "size": (6, 8)}, "accepted: one of the two"),
    "neither": (ROWS, {"features": []}, "accepted: one of the two"),
    "key twice": (ROWS, {"features": ["a", "a"]}, "key 'a' is empty or used twice"),
    "label as feature": (ROWS, {"features": ["label"]}, "key 'label' is empty or used twice"),
    "compression": (
        ROWS,
        {"compression": "gzp"},
        r"compression 'gzp'; accepted: none, zlib, gzip; did you mean gzip\?",
    ),
    "on_error": (ROWS, {"on_error": "ignore"}, "on_error 'ignore'; accepted"),
}


@pytest.mark.parametrize("case", WHOLE)
def test_what_is_wrong_with_all_of_it(tmp_path, case):
    records, options, said = WHOLE[case]
    file = write(tmp_path / "x.tfrecord", records)
    with pytest.raises(ValueError, match=said) as caught:
        load_tfrecord(file, **{"label": "label", "features": ["a", "b"], **options})
    assert "accepted: " in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bad_paths(tmp_path):
    for paths in (tmp_path, tmp_path / "none.tfrecord", tmp_path / "*.tfrecord"):
        with pytest.raises(FileNotFoundError, match="no such file; accepted: a pattern, or a folder"):
            tfrecord_files(str(paths))

import io
import json
import shutil

import numpy as np
import pytest
from encoding_cases import RANDOM, photos, written
from PIL import Image

from pipeline.data.encoding.records import read_part
from pipeline.keras import tf

PHOTOS = photos(1)


def rewrite(file, change, compression=""):
    """Writes a shard's records anew, record 3 changed; its checksums are right again."""
    records = [record.numpy() for record in tf.data.TFRecordDataset(str(file), compression)]
    example = tf.train.Example.FromString(records[3])
    records[3] = change(example) or example.SerializeToString()
    with tf.io.TFRecordWriter(str(file), compression) as writer:
        for record in records:
            writer.write(record)


def image_of(shape, kind="png"):
    file = io.BytesIO()
    Image.new("L", shape).save(file, kind)
    return file.getvalue()


def set_image(data):
    def change(example):
        key = "image" if "image" in example.features.feature else "features"
        example.features.feature[key].bytes_list.value[:] = data

    return change


def without_image(example):
    del example.features.feature["image"]


def set_label(**values):
    def change(example):
        example.features.feature["label"].CopyFrom(
            tf.train.Feature(
                int64_list=tf.train.Int64List(value=values["int64"]) if "int64" in values else None,
                bytes_list=tf.train.BytesList(value=values["bytes"]) if "bytes" in values else None,
            )
        )

    return change


MULTI = RANDOM.integers(0, 2, (9, 5), np.uint8)
CHANGED = {
    "not an example": ({}, lambda example: b"\xff\xff", "isn't a tf.train.Example"),
    "no image": ({}, without_image, "has 0 values of bytes in 'image'"),
    "two images": ({}, set_image([b"a", b"b"]), "has 2 values of bytes in 'image'; accepted: 1"),
    "raw length": (
        {},
        set_image([b"abc"]),
        r"has features of 3 bytes; accepted: 480, for uint8 of shape \(20, 24, 1\)",
    ),
    "png": ({"codec": "png"}, set_image([b"abc"]), "holds a damaged png image"),
    "cut png": ({"codec": "png"}, set_image([image_of((24, 20))[:50]]), "holds a damaged png image"),
    "png shape": (
        {"codec": "png"},
        set_image([image_of((20, 24))]),
        r"holds an image of shape \(24, 20, 1\); accepted: \(20, 24, 1\)",
    ),
    "jpeg": (
        {"codec": "jpeg", "quality": 75},
        set_image([image_of((24, 20), "jpeg")[:30]]),
        "holds a damaged jpeg image",
    ),
    "webp": ({"codec": "webp"}, set_image([image_of((24, 20), "webp")[:20]]), "holds a damaged webp image"),
    "webp shape": ({"codec": "webp"}, set_image([image_of((1, 1), "webp")]), r"holds an image of shape \(1, 1, 1\)"),
    "no label": ({}, set_label(int64=[]), "has 0 values of int64 in 'label'; accepted: 1"),
    "labels": ({}, set_label(int64=[1, 2]), "has 2 values of int64 in 'label'; accepted: 1"),
    "label kind": ({}, set_label(bytes=[b"a"]), "has 0 values of int64 in 'label'; accepted: 1"),
    "label length": ({"labels": MULTI}, set_label(bytes=[b"ab"]), "has a label of 2 bytes; accepted: 5"),
}


@pytest.mark.parametrize("case", CHANGED)
def test_a_wrong_record_is_named(tmp_path, case):
    arguments, change, said = CHANGED[case]
    written(tmp_path, PHOTOS, **{"shards": 2, **arguments})
    shard = tmp_path / "part-00001-of-00002.tfrecord"
    rewrite(shard, change)
    with pytest.raises(ValueError, match=said) as caught:
        read_part(tmp_path)
    assert str(caught.value).startswith(f"{shard}: record 3 ")
    assert "\n" not in str(caught.value)


def cut(content):
    return content[:-7]


def flip(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :]


@pytest.mark.parametrize("compression", ["none", "zlib", "gzip"])
@pytest.mark.parametrize(
    "damage", [cut, flip, lambda content: b"abc", lambda content: content + b"xyz", lambda content: b""]
)
def test_a_damaged_shard_is_told_in_one_line(tmp_path, compression, damage):
    noise = RANDOM.integers(0, 256, (40, 20, 20, 1), np.uint8)
    written(tmp_path, noise, compression=compression, shards=2)
    shard = tmp_path / "part-00001-of-00002.tfrecord"
    damaged = damage(shard.read_bytes())
    shard.write_bytes(damaged)
    with pytest.raises(
        ValueError, match=r"(record \d+ is damaged or cut short|\d+ records|\d+ bytes); accepted: "
    ) as caught:
        read_part(tmp_path)
    assert str(caught.value).startswith(f"{shard}: ")
    assert "\n" not in str(caught.value)


def test_a_shard_of_another_compression(tmp_path):
    written(tmp_path, PHOTOS, compression="gzip")
    file = tmp_path / "records.json"
    file.write_text(file.read_text().replace('"gzip"', '"none"'))
    with pytest.raises(ValueError, match="record 0 is damaged or cut short; accepted: 9 whole records, uncompressed"):
        read_part(tmp_path)


@pytest.mark.parametrize("other", [6, 12, 600])
def test_a_shard_of_another_length(tmp_path, other):
    written(tmp_path / "a", PHOTOS[:8], shards=2)
    written(tmp_path / "b", photos(1, other), shards=2)
    name = "part-00001-of-00002.tfrecord"
    shutil.copy(tmp_path / "b" / name, tmp_path / "a" / name)
    with pytest.raises(ValueError, match=f"{name}: {other // 2} records; accepted: 4, as records.json counts"):
        read_part(tmp_path / "a")


def test_missing_files(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"records\.json: no such file; a folder of records has it"):
        read_part(tmp_path)
    written(tmp_path, PHOTOS, shards=3)
    (tmp_path / "part-00001-of-00003.tfrecord").unlink()
    with pytest.raises(FileNotFoundError, match=r"part-00001-of-00003.tfrecord: no such file; .* counts 3 shards"):
        read_part(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"codec": "gif"},
        {"compression": "bzip2"},
        {"counts": []},
        {"counts": [0]},
        {"counts": ["9"]},
        {"sizes": [1, 2]},
        {"dtype": "object"},
        {"dtype": "float7"},
        {"codec": "png", "dtype": "float32"},
        {"codec": "png", "shape": [480]},
        {"label_dtype": "int64"},
        {"shape": [20, -24, 1]},
        {"affine": {"scale": 1}},
        {"affine": [1]},
        None,
        "cut",
    ],
    ids=str,
)
def test_a_wrong_description(tmp_path, change):
    written(tmp_path, PHOTOS)
    file = tmp_path / "records.json"
    text = file.read_text()
    if isinstance(change, dict):
        text = json.dumps({**json.loads(text), **change})
    file.write_text(text[: len(text) // 2] if change == "cut" else "[]" if change is None else text)
    with pytest.raises(ValueError, match=r"records\.json: doesn't describe records") as caught:
        read_part(tmp_path)
    assert "\n" not in str(caught.value)

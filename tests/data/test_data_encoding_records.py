import io

import ml_dtypes
import numpy as np
import pytest
from encoding_cases import RANDOM, assert_same, photos, written
from PIL import Image

from pipeline.data.dataset import Affine, Split
from pipeline.data.encoding.quality import largest_error, psnr
from pipeline.data.encoding.records import read_part
from pipeline.keras import tf


@pytest.mark.parametrize("compression", ["none", "zlib", "gzip"])
@pytest.mark.parametrize("codec", ["raw", "png", "webp"])
@pytest.mark.parametrize(("channels", "shards"), [(1, 1), (3, 2), (4, 3)])
def test_lossless_codecs_give_the_very_pixels(tmp_path, codec, compression, channels, shards):
    noise = RANDOM.integers(0, 256, (9, 7, 5, channels), np.uint8)
    if channels == 4:
        noise[..., 3] = RANDOM.choice([0, 255], noise.shape[:3])
    split = written(tmp_path, noise, codec=codec, compression=compression, shards=shards)
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        *(f"part-{index:05d}-of-{shards:05d}.tfrecord" for index in range(shards)),
        "records.json",
    ]
    assert_same(read_part(tmp_path), split)


DTYPES = ("uint8", "int8", "int16", "uint16", "int32", "float16", "bfloat16", "float32", ">f4")


@pytest.mark.parametrize("compression", ["none", "gzip"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_tables_of_every_type(tmp_path, dtype, compression):
    features = RANDOM.uniform(0, 100, (600, 3)).astype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)
    split = written(tmp_path, features, compression=compression, shards=2)
    native = Split(features.astype(features.dtype.newbyteorder("=")) if dtype == ">f4" else features, split.labels)
    assert_same(read_part(tmp_path), native)


@pytest.mark.parametrize(
    "labels",
    [
        np.arange(-4, 5, dtype=np.int32),
        RANDOM.normal(size=9).astype(np.float32),
        RANDOM.integers(0, 2, (9, 1), np.uint8),
        RANDOM.integers(0, 2, (9, 5), np.uint8),
    ],
    ids=["classes", "targets", "one label", "labels"],
)
@pytest.mark.parametrize("codec", ["raw", "png"])
def test_labels_of_every_task(tmp_path, labels, codec):
    split = written(tmp_path, photos(1), labels, codec=codec, shards=2)
    assert_same(read_part(tmp_path), split)


def test_affine_is_kept(tmp_path):
    affine = Affine(np.float32([0.1, 1 / 3]), np.float32([-1e-20, 7]))
    split = written(tmp_path, np.arange(8, dtype=np.uint8).reshape(4, 2), affine=affine)
    read = read_part(tmp_path)
    assert read.decoded(slice(None)).tobytes() == split.decoded(slice(None)).tobytes()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("codec", "least"), [("jpeg", 30), ("webp", 30)])
def test_lossy_codecs_are_near_and_nearer_with_quality(tmp_path, codec, least, channels):
    original = photos(channels)
    found = []
    for quality in (20, 90):
        written(tmp_path / str(quality), original, codec=codec, quality=quality)
        decoded = read_part(tmp_path / str(quality)).features
        found.append(psnr(original, decoded, 255))
        assert 0 < largest_error(original, decoded) < 80
    assert least < found[1]
    assert found[0] < found[1]


def test_decoded_jpeg_is_pillows(tmp_path):
    original = photos(1)
    written(tmp_path, original, codec="jpeg", quality=75)
    decoded = read_part(tmp_path).features
    for image, found in zip(original[..., 0], decoded[..., 0], strict=True):
        file = io.BytesIO()
        Image.fromarray(image).save(file, "jpeg", quality=75)
        np.testing.assert_array_equal(np.asarray(Image.open(file)), found)


@pytest.mark.parametrize("codec", ["raw", "jpeg", "png", "webp"])
@pytest.mark.parametrize("compression", ["none", "zlib", "gzip"])
def test_same_part_same_bytes(tmp_path, codec, compression):
    quality = 75 if codec == "jpeg" else None
    for folder in ("one", "two"):
        written(tmp_path / folder, photos(1), codec=codec, quality=quality, compression=compression, shards=2)
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()


@pytest.mark.parametrize("compression", ["zlib", "gzip"])
def test_compression_makes_files_smaller(tmp_path, compression):
    for each in ("none", compression):
        written(tmp_path / each, photos(3), compression=each)
    plain, packed = (next((tmp_path / each).glob("*.tfrecord")).stat().st_size for each in ("none", compression))
    assert packed < 0.8 * plain


def test_records_are_examples_that_any_reader_knows(tmp_path):
    split = written(tmp_path, photos(1), codec="png", compression="zlib", shards=2)
    files = sorted(str(file) for file in tmp_path.glob("*.tfrecord"))
    for index, record in enumerate(tf.data.TFRecordDataset(files, "ZLIB")):
        fields = tf.io.parse_single_example(
            record, {"image": tf.io.FixedLenFeature([], tf.string), "label": tf.io.FixedLenFeature([], tf.int64)}
        )
        np.testing.assert_array_equal(tf.io.decode_image(fields["image"]), split.features[index])
        assert fields["label"] == split.labels[index]


def test_reads_a_memory_mapped_part(tmp_path):
    np.save(tmp_path / "features.npy", photos(1))
    features = np.load(tmp_path / "features.npy", mmap_mode="r")
    split = written(tmp_path / "records", features, codec="png")
    assert_same(read_part(tmp_path / "records"), split)


PHOTOS, NUMBERS = photos(1), np.ones((9, 2), np.float32)
REFUSED = {
    "codec": (PHOTOS, {"codec": "jpg"}, "codec 'jpg'; accepted: raw, jpeg, png, webp; did you mean jpeg"),
    "compression": (PHOTOS, {"compression": "gz"}, "compression 'gz'; accepted: none, zlib, gzip"),
    "no shard": (PHOTOS, {"shards": 0}, "0 shards of 9 examples; accepted: 1 or more"),
    "empty shard": (PHOTOS, {"shards": 10}, "10 shards of 9 examples; accepted"),
    "table": (NUMBERS, {"codec": "png"}, "codec png: features are float32 tables; accepted: uint8 images"),
    "float images": (PHOTOS / 255, {"codec": "webp"}, "features are float64 images; accepted: uint8"),
    "channels": (photos(2), {"codec": "png"}, "images have 2 channels; accepted: 1, 3, 4"),
    "jpeg channels": (photos(4), {"codec": "jpeg", "quality": 75}, "images have 4 channels; accepted: 1, 3$"),
    "no quality": (PHOTOS, {"codec": "jpeg"}, "quality None for codec jpeg; accepted: a whole number, 1 to 100$"),
    "quality": (
        PHOTOS,
        {"codec": "webp", "quality": 101},
        "quality 101 for codec webp; accepted: .*or null for lossless",
    ),
    "true": (PHOTOS, {"codec": "jpeg", "quality": True}, "quality True for codec jpeg; accepted"),
    "lossless quality": (PHOTOS, {"codec": "png", "quality": 75}, "codec png is lossless and has none"),
    "scale": (
        PHOTOS,
        {"codec": "jpeg", "quality": 75, "scale": 16.0},
        "images of scale 16; accepted: 255, or a lossless",
    ),
    "size": (
        np.zeros((9, 1, 16384, 1), np.uint8),
        {"codec": "webp"},
        r"an image of shape \(1, 16384, 1\) can't be written as webp",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refuses_to_write(tmp_path, case):
    features, arguments, said = REFUSED[case]
    with pytest.raises(ValueError, match=said) as caught:
        written(tmp_path, features, **arguments)
    assert "\n" not in str(caught.value)


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "part-00000-of-00001.tfrecord").mkdir()
    with pytest.raises(OSError, match=r"part-00000-of-00001\.tfrecord: can't be written"):
        written(tmp_path, PHOTOS)

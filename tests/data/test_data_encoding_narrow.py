import math

import ml_dtypes
import numpy as np
import pytest

from pipeline.data.dataset import Affine, Column, Dataset, Info, Split
from pipeline.data.encoding import quality
from pipeline.data.encoding.narrow import narrow
from pipeline.data.files import load, save

LOSSY = {"float16": 2**-11, "bfloat16": 2**-8, "uint8": 0.5 / 255}
"""Half a step: of the value for floats (within a column of one sign and magnitude), of the range for uint8."""


def table(*columns, dtype=np.float32, kinds=None):
    features = np.stack([np.asarray(column, dtype) for column in columns], axis=1)
    kinds = kinds or ["numeric"] * len(columns)
    named = tuple(Column(f"c{index}", kind) for index, kind in enumerate(kinds))
    info = Info("table", "classification", features.shape[1:], features.dtype.name, ("no", "yes"), named)
    return Split(features, np.zeros(len(features), np.int32)), info


def images(pixels, scale=255.0):
    info = Info("image", "classification", pixels.shape[1:], pixels.dtype.name, ("no", "yes"), scale=scale)
    return Split(pixels, np.zeros(len(pixels), np.int32)), info


def decoded(split):
    return split.decoded(slice(None)).astype(np.float64)


INTEGERS = [
    ([0, 255], "uint8"),
    ([-128, 127], "int8"),
    ([-1, 128], "int16"),
    ([0, 256], "uint16"),
    ([0, 65535], "uint16"),
    ([-32769, 0], "int32"),
    ([0, 2**31], "uint32"),
]


@pytest.mark.parametrize(("values", "expected"), INTEGERS)
@pytest.mark.parametrize("dtype", [np.float64, np.int64])
def test_integer_is_the_smallest_type_that_holds_every_value(values, expected, dtype):
    split, info = table(values, [1, 0], dtype=dtype)
    narrowed, loss = narrow(split, info, dtype="integer")
    assert narrowed.features.dtype == loss.dtype == expected
    np.testing.assert_array_equal(narrowed.features, split.features)
    assert (loss.largest, loss.relative, loss.psnr, narrowed.affine) == (0, 0, math.inf, None)
    assert narrowed.labels is split.labels


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("dtype", LOSSY)
def test_measured_loss_is_the_decoded_features_and_bounded(dtype, seed):
    random = np.random.default_rng(seed)
    split, info = table(*(random.uniform(1, 2, 100) * 10.0**power for power in (-3, 0, 4)), random.integers(0, 9, 100))
    narrowed, loss = narrow(split, info, dtype=dtype, tolerance=0.1)
    errors = np.abs(decoded(narrowed) - split.features)
    spans = np.ptp(split.features.astype(np.float64), axis=0)
    assert narrowed.features.dtype.name == loss.dtype == dtype
    assert loss.largest == errors.max()
    assert loss.relative == (errors / spans).max()
    assert loss.psnr == pytest.approx(-10 * math.log10(np.square(errors / spans).mean()))
    bound = (spans if dtype == "uint8" else np.abs(split.features).max(axis=0)) * LOSSY[dtype]
    assert (errors <= bound * (1 + 1e-4)).all()
    assert not errors[:, 3].any()


@pytest.mark.parametrize("seed", range(30))
def test_auto_without_tolerance_is_lossless(seed):
    random = np.random.default_rng(seed)
    makers = [
        lambda: random.integers(0, 2, 50),
        lambda: random.integers(-100, 100, 50),
        lambda: random.integers(0, 3000, 50),
        lambda: random.normal(size=50).astype(np.float16),
        lambda: random.normal(size=50).astype(ml_dtypes.bfloat16),
        lambda: random.normal(size=50),
        lambda: np.full(50, random.normal()),
        lambda: 1e6 + random.integers(0, 256, 50),
    ]
    chosen = random.choice(len(makers), random.integers(1, 4))
    split, info = table(*(makers[each]().astype(np.float32) for each in chosen))
    narrowed, loss = narrow(split, info, dtype="auto")
    assert decoded(narrowed).astype(np.float32).tobytes() == split.features.tobytes()
    assert (loss.largest, loss.psnr) == (0, math.inf)


AUTO = {
    "bytes": ([0, 7, 250], "uint8", False),
    "signed bytes": ([-3, 7, 100], "int8", False),
    "bytes with an offset": ([1000, 1007, 1250], "uint8", True),
    "a constant": ([0.1, 0.1, 0.1], "uint8", True),
    "shorts": ([-3, 7, 1000], "int16", False),
    "halves": ([0.5, 0.25, 1000], "float16", False),
    "wide": ([2.0**-100, 1.5, 2.0**100], "bfloat16", False),
    "floats": ([0.1, 0.2, 0.7], "float32", False),
}


@pytest.mark.parametrize("case", AUTO)
def test_auto_takes_the_narrowest(case):
    values, expected, has_affine = AUTO[case]
    narrowed, loss = narrow(*table(values), dtype="auto")
    assert narrowed.features.dtype.name == loss.dtype == expected
    assert (narrowed.affine is not None) == has_affine


def test_auto_uses_its_tolerance():
    split, info = table([0.1, 0.2, 0.7, 0.33])
    for tolerance, expected in [(0, "float32"), (1e-4, "float32"), (4e-4, "float16"), (0.002, "uint8")]:
        narrowed, loss = narrow(split, info, dtype="auto", tolerance=tolerance)
        assert loss.dtype == expected
        assert loss.relative <= tolerance
        assert (narrowed is split) == (expected == "float32")


def test_categorical_codes_stay_exact():
    ages, cities = np.linspace(0, 90, 400), np.arange(400)
    for kinds, expected in [(["numeric", "numeric"], "uint8"), (["numeric", "categorical"], "float16")]:
        split, info = table(ages, cities, kinds=kinds)
        narrowed, loss = narrow(split, info, dtype="auto", tolerance=0.01)
        assert loss.dtype == expected
    np.testing.assert_array_equal(decoded(narrowed)[:, 1], cities)
    for dtype in ("uint8", "bfloat16"):
        with pytest.raises(ValueError, match=f"column 'c1' holds codes up to 399, which {dtype} would change"):
            narrow(split, info, dtype=dtype, tolerance=0.5)


def test_images_share_one_scale():
    pixels = np.linspace(-1, 1, 2 * 3 * 3 * 3, dtype=np.float32).reshape(2, 3, 3, 3)
    narrowed, loss = narrow(*images(pixels), dtype="uint8", tolerance=0.002)
    assert narrowed.affine.scale.shape == narrowed.affine.offset.shape == ()
    assert (narrowed.features.min(), narrowed.features.max()) == (0, 255)
    assert loss.relative <= 0.5 / 255 * 1.001
    _, loss = narrow(*images(np.rint(pixels * 50)), dtype="auto")
    assert (loss.dtype, loss.largest) == ("int8", 0)


def test_blocks_change_nothing(monkeypatch):
    random = np.random.default_rng(0)
    split, info = table(random.normal(size=1000), random.normal(size=1000))
    whole, loss = narrow(split, info, dtype="uint8", tolerance=0.01)
    monkeypatch.setattr(quality, "_BLOCK_VALUES", 14)
    parts, again = narrow(split, info, dtype="uint8", tolerance=0.01)
    np.testing.assert_array_equal(whole.features, parts.features)
    assert (loss.largest, loss.relative) == (again.largest, again.relative)
    assert loss.psnr == pytest.approx(again.psnr)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "uint8", "auto"])
def test_survives_the_datasets_files(tmp_path, dtype):
    split, info = table([0.1, 0.2, 0.7], [5, 6, 7])
    narrowed, _ = narrow(split, info, dtype=dtype, tolerance=0.01)
    # NumPy's files can't name bfloat16: they hold it as raw items of two bytes.
    named = narrowed.features.view("V2") if dtype == "bfloat16" else narrowed.features
    save(Dataset(info, Split(named, narrowed.labels, narrowed.affine), split, split), tmp_path)
    read = load(tmp_path).train
    again = Split(read.features.view(narrowed.features.dtype), read.labels, read.affine)
    np.testing.assert_array_equal(decoded(again), decoded(narrowed))


ONES = [1.5, 2.0]
REFUSED = {
    "type": (table(ONES), {"dtype": "float8"}, "dtype 'float8'; accepted: auto.*; did you mean float16"),
    "tolerance": (table(ONES), {"dtype": "auto", "tolerance": 1}, "tolerance 1; accepted: 0 or more"),
    "no number": (table(ONES), {"dtype": "auto", "tolerance": math.nan}, "tolerance nan; accepted"),
    "fraction": (
        table([1, 2, 3], [1, 2, 2.5]),
        {"dtype": "integer"},
        "example 2: column 'c1' holds a number that isn't whole; accepted: whole",
    ),
    "fractional pixel": (images(np.array([[[[1]]], [[[0.5]]]])), {"dtype": "integer"}, "example 1: the image holds"),
    "overflow": (table([1, 7e4]), {"dtype": "float16"}, "'c0' reaches 70000; accepted: up to 65504 for float16"),
    "underflow": (table([-7e4, 1]), {"dtype": "float16"}, "'c0' reaches -70000; accepted"),
    "nan": (table([1, 2], [0, math.nan]), {"dtype": "auto"}, "example 1: column 'c1' holds nan; accepted: finite"),
    "inf": (images(np.full((2, 1, 1, 1), np.inf)), {"dtype": "auto"}, "example 0: the image holds inf; accepted"),
    "no narrower": (images(np.zeros((2, 1, 1, 1), np.uint8)), {"dtype": "float16"}, "float16 is no narrower"),
    "wide integers": (table([0, 2**31]), {"dtype": "integer"}, "features are float32, and uint32 is no narrower"),
    "loss": (table([0.1, 0.7]), {"dtype": "float16"}, "'c0' loses up to .* of its range in float16; accepted: at most"),
    "huge span": (table([-3e38, 3e38, 1]), {"dtype": "uint8"}, "column 'c0' loses up to inf of its range in uint8"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refuses(case):
    (split, info), arguments, said = REFUSED[case]
    with pytest.raises(ValueError, match=said) as caught:
        narrow(split, info, **arguments)
    assert "\n" not in str(caught.value)


def test_refuses_what_is_narrowed_already():
    split, info = table([1, 2])
    again = Split(split.features.astype(np.uint8), split.labels, Affine(np.float32([1]), np.float32([0])))
    with pytest.raises(ValueError, match="narrowed to uint8 already"):
        narrow(again, info, dtype="auto")
    with pytest.raises(ValueError, match=r"features of shape \(1,\); accepted: \(2,\)"):
        narrow(split, table([1, 2], [3, 4])[1], dtype="auto")


def test_what_is_narrow_enough_is_left():
    split, info = images(np.zeros((2, 1, 1, 1), np.uint8))
    for dtype in ("auto", "integer", "uint8"):
        narrowed, loss = narrow(split, info, dtype=dtype)
        assert narrowed is split
        assert loss.dtype == "uint8"

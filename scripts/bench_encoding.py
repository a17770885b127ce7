"""What each way to store a training part costs: bytes, seconds to write, read throughput, PSNR and test accuracy.

    python scripts/bench_encoding.py --data folder/of/the/four/IDX/files --output encodings.md

Images are Fashion-MNIST's, the table is scikit-learn's breast cancer. Reads are timed with the files in the page cache,
the formats in turn, the median over the repeats; records are decoded whole, .npy files read by index, shuffled, 256 at
a time. A model is trained from one seed on what each lossy format decodes to, and tested on original examples; the
original is trained from a second seed too, which shows what a difference between seeds alone amounts to.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.data.dataset import PARTS, Column, Info, Split
from pipeline.data.encoding.narrow import narrow
from pipeline.data.encoding.quality import largest_error, psnr
from pipeline.data.encoding.records import read_part, write_part
from pipeline.data.sources.idx import load_idx
from pipeline.keras import keras, tf

BATCH = 256
SHARDS = 4
FOLDS = 3

RECORDS: dict[str, dict[str, Any]] = {
    "TFRecord, raw": {"codec": "raw"},
    "TFRecord, raw, ZLIB": {"codec": "raw", "compression": "zlib"},
    "TFRecord, raw, GZIP": {"codec": "raw", "compression": "gzip"},
    "TFRecord, PNG": {"codec": "png"},
    "TFRecord, WebP lossless": {"codec": "webp"},
    "TFRecord, WebP 80": {"codec": "webp", "quality": 80},
    "TFRecord, JPEG 95": {"codec": "jpeg", "quality": 95},
    "TFRecord, JPEG 75": {"codec": "jpeg", "quality": 75},
    "TFRecord, JPEG 50": {"codec": "jpeg", "quality": 50},
}
NARROWER: dict[str, dict[str, Any]] = {
    "float16": {"dtype": "float16", "tolerance": 0.1},
    "bfloat16": {"dtype": "bfloat16", "tolerance": 0.1},
    "affine uint8": {"dtype": "uint8", "tolerance": 0.1},
    "auto, lossless": {"dtype": "auto", "tolerance": 0.0},
    "auto, tolerance 0.002": {"dtype": "auto", "tolerance": 0.002},
}


@dataclass(frozen=True)
class Format:
    """A way to store the part: how to write it, how to read every example once, and what reading gives."""

    name: str
    write: Callable[[Path], None]
    read: Callable[[Path], Any]
    decoded: Callable[[Path], np.ndarray]


def npy(name: str, split: Split) -> Format:
    """Returns .npy files read by index, decoded where the features are narrowed."""

    def write(folder: Path) -> None:
        # NumPy's files can't name bfloat16.
        bfloat16 = split.features.dtype.name == "bfloat16"
        np.save(folder / "features.npy", split.features.view("V2") if bfloat16 else split.features)
        np.save(folder / "labels.npy", split.labels)

    def opened(folder: Path) -> Split:
        features = np.load(folder / "features.npy", mmap_mode="r").view(split.features.dtype)
        return Split(features, np.load(folder / "labels.npy"), split.affine)

    def read(folder: Path) -> None:
        part = opened(folder)
        order = np.random.default_rng(0).permutation(len(part.labels))
        for start in range(0, len(order), BATCH):
            part.decoded(order[start : start + BATCH])

    return Format(name, write, read, lambda folder: opened(folder).decoded(slice(None)))


def fixed_length(split: Split) -> Format:
    """Returns the same .npy file read in order by TensorFlow, which knows it as records of one length."""
    stored = npy("TensorFlow's FixedLengthRecordDataset on the .npy", split)

    def read(folder: Path) -> None:
        file = folder / "features.npy"
        start = np.load(file, mmap_mode="r").offset
        dataset = tf.data.FixedLengthRecordDataset(str(file), split.features[0].nbytes, header_bytes=start)
        decode = dataset.batch(BATCH).map(lambda batch: tf.io.decode_raw(batch, split.features.dtype.name))
        for _ in decode.prefetch(tf.data.AUTOTUNE):
            pass

    return Format(stored.name, stored.write, read, stored.decoded)


def records(name: str, split: Split, info: Info, settings: dict[str, Any]) -> Format:
    """Returns TFRecord shards."""
    return Format(
        name,
        lambda folder: write_part(split, info, folder, shards=SHARDS, **settings),
        read_part,
        lambda folder: read_part(folder).features,
    )


def measured(formats: Sequence[Format], folder: Path, repeats: int, examples: int) -> dict[str, dict[str, float]]:
    """Returns the bytes, the seconds to write and the examples a second of each format."""
    found: dict[str, dict[str, float]] = {}
    for index, each in enumerate(formats):
        (folder / str(index)).mkdir()
        start = time.perf_counter()
        each.write(folder / str(index))
        seconds = time.perf_counter() - start
        size = sum(file.stat().st_size for file in (folder / str(index)).iterdir())
        found[each.name] = {"bytes": size, "write": seconds}
    times: dict[str, list[float]] = {each.name: [] for each in formats}
    for repeat in range(repeats + 1):
        for index, each in enumerate(formats):
            start = time.perf_counter()
            each.read(folder / str(index))
            if repeat:  # The first round warms up.
                times[each.name].append(time.perf_counter() - start)
    for name, seconds_each in times.items():
        found[name]["rate"] = examples / statistics.median(seconds_each)
    return found


def accuracy(model: Callable[[], Any], train: Split, test: Split, epochs: int, seed: int) -> float:
    """Returns the test accuracy of a model trained from a seed."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    network = model()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(keras.optimizers.Adam(2e-3), loss, ["accuracy"])
    network.fit(train.features.astype(np.float32), train.labels, 64, epochs, verbose=0)
    return network.evaluate(test.features.astype(np.float32), test.labels, 1024, verbose=0)[1]


def cnn() -> Any:
    """Returns a small convolutional network for 28x28 images of scale 255."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(8, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(10),
        ]
    )


def mlp(features: np.ndarray) -> Any:
    """Returns a small network for a table, standardized as the training features say."""
    mean, variance = features.mean(axis=0, dtype=np.float64), features.var(axis=0, dtype=np.float64)
    return keras.Sequential(
        [
            keras.Input(features.shape[1:]),
            keras.layers.Normalization(mean=mean, variance=np.where(variance == 0, 1, variance)),
            keras.layers.Dense(32, activation="relu"),
            keras.layers.Dense(2),
        ]
    )


def image_rows(options: argparse.Namespace, folder: Path) -> list[list[str]]:
    """Returns the table's rows for images."""
    images = load_idx(options.data, [str(index) for index in range(10)])
    is_test = images.placement.part == PARTS.index("test")
    chosen = np.random.default_rng(0).permutation(np.flatnonzero(~is_test))[: options.examples]
    train = Split(images.features[chosen], images.targets.values[chosen])
    test = Split(images.features[is_test], images.targets.values[is_test])
    info = Info("image", "classification", train.features.shape[1:], "uint8", images.targets.names, scale=255.0)
    wide = Split(train.features.astype(np.float32), train.labels)
    unit = Split(wide.features / np.float32(255), train.labels)
    formats = [npy("uint8 .npy, memory-mapped", train), fixed_length(train), npy("float32 .npy, 0 to 255", wide)]
    for name, settings in NARROWER.items():
        narrowed, _ = narrow(unit, info, **settings)
        formats.append(npy(f"float32 of 0 to 1 as {name}, .npy", narrowed))
    formats += [records(name, train, info, settings) for name, settings in RECORDS.items()]
    found = measured(formats, folder, options.repeats, len(train.labels))
    base = accuracy(cnn, train, test, options.epochs, 0)
    other = accuracy(cnn, train, test, options.epochs, 1)
    rows, known = [], {train.features.astype(np.float32).tobytes(): base}
    for index, each in enumerate(formats):
        decoded = each.decoded(folder / str(index))
        if "of 0 to 1" in each.name:
            decoded = decoded.astype(np.float32) * 255
        content = decoded.astype(np.float32).tobytes()
        if content not in known:
            known[content] = accuracy(cnn, Split(decoded, train.labels), test, options.epochs, 0)
        reached = known[content]
        rows.append(row(each.name, found, formats[0].name, train.features, decoded, 255, reached, base))
    rows.append(["the original, from another seed", *[""] * 6, percent(other), points(other - base)])
    return rows


def table_rows(options: argparse.Namespace, folder: Path) -> list[list[str]]:
    """Returns the table's rows for breast cancer; accuracies are means over the folds."""
    from sklearn.datasets import load_breast_cancer

    bunch = load_breast_cancer()
    whole = Split(bunch.data.astype(np.float32), bunch.target.astype(np.int32))
    columns = tuple(Column(str(name), "numeric") for name in bunch.feature_names)
    info = Info("table", "classification", whole.features.shape[1:], "float32", ("malignant", "benign"), columns)
    parts = {"float32": whole, **{name: narrow(whole, info, **settings)[0] for name, settings in NARROWER.items()}}
    formats = [npy(f"{name}, .npy", part) for name, part in parts.items()]
    formats.append(records("TFRecord, raw, GZIP", whole, info, {"codec": "raw", "compression": "gzip"}))
    found = measured(formats, folder, options.repeats, len(whole.labels))
    base = folds(whole, whole, 0)
    span = np.ptp(whole.features.astype(np.float64), axis=0)
    rows, known = [], {whole.features.tobytes(): base}
    for index, each in enumerate(formats):
        decoded = each.decoded(folder / str(index))
        wide = decoded.astype(np.float32)
        if wide.tobytes() not in known:
            known[wide.tobytes()] = folds(Split(wide, whole.labels), whole, 0)
        reached = known[wide.tobytes()]
        # Relative to each column's range, whose units have nothing in common.
        rows.append(row(each.name, found, formats[0].name, whole.features / span, decoded / span, 1, reached, base))
    other = folds(whole, whole, 1)
    rows.append(["the original, from another seed", *[""] * 6, percent(other), points(other - base)])
    return rows


def folds(stored: Split, original: Split, seed: int) -> float:
    """Returns the mean test accuracy over folds: trained on the stored examples, tested on the original ones."""
    from sklearn.model_selection import StratifiedKFold

    found = []
    for train, test in StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(stored.features, stored.labels):
        part = Split(stored.features[train], stored.labels[train])
        tested = Split(original.features[test], original.labels[test])
        found.append(accuracy(partial(mlp, part.features), part, tested, 15, seed))
    return statistics.mean(found)


def row(
    name: str,
    found: dict[str, dict[str, float]],
    first: str,
    original: np.ndarray,
    decoded: np.ndarray,
    peak: float,
    reached: float,
    base: float,
) -> list[str]:
    """Returns a format's cells."""
    size, lossless = found[name]["bytes"], np.array_equal(original, decoded)
    return [
        name,
        f"{size:,.0f}",
        f"{size / found[first]['bytes']:.2f}",
        f"{found[name]['write']:.2f}",
        f"{found[name]['rate']:,.0f}",
        "lossless" if lossless else f"{psnr(original, decoded, peak):.1f}",
        "0" if lossless else f"{largest_error(original, decoded):.2g}",
        percent(reached),
        "" if lossless else points(reached - base),
    ]


def percent(share: float) -> str:
    """Returns a share in percent."""
    return f"{100 * share:.2f} %"


def points(difference: float) -> str:
    """Returns a difference of shares in percentage points."""
    return f"{100 * difference:+.2f}"


def markdown(title: str, first: str, rows: Sequence[Sequence[str]], error: str) -> str:
    """Returns a table under its title."""
    header = ["stored as", "bytes", f"of {first}", "write, s", "read, examples/s", "PSNR, dB", error, "test accuracy"]
    lines = [[*header, "points"], ["---", *["---:"] * len(header)], *rows]
    return f"{title}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def parse() -> argparse.Namespace:
    """Returns the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    named = os.environ.get("FRUGAL_FASHION_MNIST")
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(named) if named else None,
        required=not named,
        help="folder of Fashion-MNIST's four IDX files (default: what FRUGAL_FASHION_MNIST names)",
    )
    parser.add_argument("--examples", type=int, default=20_000, help="training images (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=3, help="how often each is read (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=3, help="of each CNN's training (default: %(default)s)")
    parser.add_argument("--output", type=Path, help="a Markdown file to write the tables to as well")
    options = parser.parse_args()
    for name in ("examples", "repeats", "epochs"):
        if getattr(options, name) < 1:
            parser.error(f"--{name} {getattr(options, name)}; accepted: 1 or more")
    return options


def main() -> None:
    """Measures, prints the tables and writes them."""
    options = parse()
    tf.config.experimental.enable_op_determinism()
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as images, tempfile.TemporaryDirectory() as table:
        tables = [
            markdown(
                f"Fashion-MNIST, {options.examples:,} training images of 28x28, {options.epochs} epochs of a small CNN",
                "uint8 .npy",
                image_rows(options, Path(images)),
                "largest error",
            ),
            markdown(
                "Breast cancer, 569 rows of 30 columns, an MLP; errors relative to each column's range",
                "float32 .npy",
                table_rows(options, Path(table)),
                "largest error",
            ),
        ]
    text = "\n".join(tables)
    print(text)
    if options.output:
        options.output.write_text(text, encoding="utf-8")
    print(f"{os.cpu_count()} cores, {time.perf_counter() - start:.0f} s in all")


if __name__ == "__main__":
    main()

"""Bad inputs, one table: each ends in one clear line and a non-zero exit, and the store stays intact."""

import gzip
import os
import resource
import struct
import subprocess
from pathlib import Path

import pytest
from whole_runs import left_overs, manifests

DIGITS = "+experiment=digits"
CSV = ("--config-dir", "{conf}", "+experiment=only_data", "data=csv", "data.path={file}", "data.label=kind")
IDX = (
    "--config-dir",
    "{conf}",
    "+experiment=only_data",
    "data=fashion_mnist",
    "data.path={file}",
    "data.url=null",
    "data.class_names=[a,b]",
)

CONFIGURATION = {
    "no experiment": ([], "stages: nothing to run; choose an experiment; accepted: +experiment=augmentation"),
    "unknown experiment": (
        ["+experiment=digts"],
        "experiment=digts: no such option; accepted: augmentation, breast_cancer, ",
    ),
    "unknown option": ([DIGITS, "optimizer=adamm"], "optimizer=adamm: no such option; accepted: adam, sgd; did you"),
    "unknown key": ([DIGITS, "sede=1"], "sede: unknown key; accepted: allow_targets, cost, data, "),
    "unknown key of a stage": ([DIGITS, "stages.prune.final_sparsty=0.5"], "did you mean final_sparsity?"),
    "added unknown key": ([DIGITS, "+stages.prune.speed=1"], "stages.prune.speed=1: unknown key; accepted: inputs"),
    "unknown key of the data": ([DIGITS, "+data.path=x"], "stages.prepare.data.path=x: unknown key; accepted: source"),
    "unknown stage": (
        [DIGITS, "stages.prune.kind=prun"],
        "stages.prune.kind=prun: unknown stage; accepted: bring, build, cluster, distill",
    ),
    "unknown stage option": ([DIGITS, "+stage@stages.t=trian"], "stage=trian: no such option"),
    "word for a number": (
        [DIGITS, "stages.baseline.epochs=many"],
        "stages.baseline.epochs=many: not valid; accepted: a",
    ),
    "fraction for a count": ([DIGITS, "stages.baseline.epochs=2.5"], "stages.baseline.epochs=2.5: not valid"),
    "number for a switch": ([DIGITS, "dry_run=3"], "dry_run=3: not valid; accepted: a valid boolean"),
    "null for a number": ([DIGITS, "stages.prune.final_sparsity=null"], "stages.prune.final_sparsity=null: not valid"),
    "out of range": (
        [DIGITS, "stages.prune.final_sparsity=1.9"],
        "stages.prune.final_sparsity=1.9: not valid; accepted: less",
    ),
    "falling sparsity": (
        [DIGITS, "stages.prune.initial_sparsity=0.9"],
        "stages.prune.final_sparsity=0.75: below initial_sparsity; accepted: 0.9 to below 1",
    ),
    "layer that the model won't have": (
        [DIGITS, "stages.prune.exclude=[conv1]"],
        "stages.prune.exclude=conv1: no such layer to prune; accepted: conv_1, conv_2, dense, logits, Dense, Conv2D",
    ),
    "two of four at 80 %": (
        [DIGITS, "stages.prune.pattern='2:4'", "stages.prune.final_sparsity=0.8"],
        "stages.prune.final_sparsity=0.8: pattern=2:4 has no other sparsity; accepted: 0.5",
    ),
    "layer of its own that is none": (
        [DIGITS, "+stages.prune.per_layer.conv1=0.5"],
        "stages.prune.per_layer=conv1: no such layer to prune; accepted: conv_1, conv_2, dense, logits; did you mean",
    ),
    "integers of a scheme without": (
        [DIGITS, "stages.quantize.scheme=float16", "stages.quantize.input_type=int8"],
        "stages.quantize.input_type=int8: scheme=float16; accepted: float32",
    ),
    "zeros left out of a quantized file": (
        [DIGITS, "stages.export_quantize.sparse=true"],
        "stages.export_quantize.sparse=true: of a quantized file XNNPACK computes wrong results; accepted: false",
    ),
    "negative seed": ([DIGITS, "seed=-1"], "seed=-1: not valid; accepted: greater than or equal to 0"),
    "word for a group": ([DIGITS, "optimizer.schedule=step"], "accepted: schedule@optimizer.schedule=step"),
    "two clips": ([DIGITS, "optimizer.clipnorm=1.0", "optimizer.clipvalue=1.0"], "clipnorm and clipvalue exclude each"),
    "averages of pruned weights": ([DIGITS, "optimizer.use_ema=true"], "averages with denser weights are not sparse"),
    "wrong choice": ([DIGITS, "optimizer.schedule.name=cosin"], "did you mean cosine?"),
    "missing input": (
        [DIGITS, "~stages.prune.inputs.model"],
        "stages.prune.inputs.model: missing; a prune stage needs it",
    ),
    "unknown input": ([DIGITS, "stages.prune.inputs.model=basline"], "no such stage; accepted: baseline; did you mean"),
    "wrong kind of input": (
        [DIGITS, "stages.prune.inputs.model=prepare"],
        "gives a dataset, not a model; accepted: baseline",
    ),
    "cycle": (
        [DIGITS, "+stage@stages.again=prune", "stages.again.inputs.model=prune", "stages.prune.inputs.model=again"],
        "a cycle: ",
    ),
    "image model on a table": ([DIGITS, "data=breast_cancer"], "stages.baseline.model.family=cnn: takes images"),
    "unknown before": (
        [DIGITS, "stages.report.before=base"],
        "stages.report.before=base: no such model; accepted: baseline",
    ),
    "formats of a quantized model": (
        [DIGITS, "stages.export_quantize.formats=[tflite,keras]"],
        "stages.export_quantize.formats=tflite,keras: a quantized model exists as TFLite only",
    ),
    "no interpolation": ([DIGITS, "seed=${sed}"], "Interpolation key 'sed' not found"),
    "no override": ([DIGITS, "a=b=[c"], "a=b=[c: can't be read as an override"),
    "a path for a name": ([DIGITS, "name=../x"], "name=../x: not valid"),
    "data without a path": ([DIGITS, "data=csv", "model=mlp"], "data.path"),
    "nothing to train on": ([DIGITS, "stages.prepare.test=0.95"], "validation and test leave nothing to train on"),
    "code in the configuration": ([DIGITS, "+model._target_=os.system"], "model._target_=os.system: unknown key"),
    "store below a file": ([DIGITS, "store.path={file}/store"], "not a usable folder (Not a directory)"),
    "store is a file": ([DIGITS, "store.path={file}"], "not a usable folder"),
}

HEAD = "a,b,kind\n"
ROWS = "".join(f"{n},{n * 2},{'xy'[n % 2]}\n" for n in range(40))

TABLES = {
    "no such file": (None, "data.csv"),
    "empty file": ("", "data.csv"),
    "header alone": (HEAD, "data.csv"),
    "wrong label column": (f"a,b,knid\n{ROWS}", "did you mean knid?"),
    "word in a number column": (f"{HEAD}{ROWS}1,two,x\n", "line 42"),
    "infinite": (f"{HEAD}{ROWS}1,inf,x\n", "line 42"),
    "ragged": (f"{HEAD}{ROWS}1,2,x,4\n", "line 42"),
    "label missing": (f"{HEAD}{ROWS}1,2,\n", "line 42"),
    "one class": (HEAD + ROWS.replace("y", "x"), "class"),
    "class too small": (f"{HEAD}{ROWS}1,2,z\n", "class"),
    "duplicated column": (f"a,a,kind\n{ROWS}", "a"),
    "not UTF-8": (f"{HEAD}{ROWS}1,2,\xe9\n".encode("latin-1"), "UTF-8"),
    "truncated gzip": (gzip.compress((HEAD + ROWS).encode())[:-12], "data.csv.gz"),
}


def idx(values: bytes, *shape: int) -> bytes:
    return struct.pack(f">BBBB{len(shape)}I", 0, 0, 8, len(shape), *shape) + values


def images(side: int = 6) -> dict[str, bytes]:
    labels = bytes(n % 2 for n in range(40))
    return {
        "train-images-idx3-ubyte": idx(bytes(40 * side * side), 40, side, side),
        "train-labels-idx1-ubyte": idx(labels, 40),
        "t10k-images-idx3-ubyte": idx(bytes(40 * side * side), 40, side, side),
        "t10k-labels-idx1-ubyte": idx(labels, 40),
    }


IMAGES = {
    "no such folder": ({}, "t10k"),
    "truncated gzip": (
        {**images(), "train-images-idx3-ubyte": None, "train-images-idx3-ubyte.gz": gzip.compress(bytes(5000))[:-9]},
        "train-images-idx3-ubyte.gz",
    ),
    "missing bytes": ({**images(), "t10k-labels-idx1-ubyte": idx(bytes(30), 40)}, "t10k-labels-idx1-ubyte"),
    "another shape": ({**images(), "t10k-images-idx3-ubyte": images(5)["t10k-images-idx3-ubyte"]}, "5x5"),
    "not IDX": ({**images(), "train-labels-idx1-ubyte": b"<html>"}, "train-labels-idx1-ubyte"),
    "unknown label": ({**images(), "t10k-labels-idx1-ubyte": idx(bytes([7] * 40), 40)}, "7"),
}


@pytest.fixture
def conf(tmp_path) -> Path:
    """A user's own configuration folder, with an experiment that only prepares data."""
    folder = tmp_path / "conf"
    (folder / "experiment").mkdir(parents=True)
    (folder / "experiment/only_data.yaml").write_text(
        "# @package _global_\ndefaults:\n  - /stage@stages.prepare: prepare\nname: mine\n"
    )
    return folder


def assert_one_clear_line(done, expected: str) -> None:
    lines = [line for line in done.err.splitlines() if "started" not in line]
    faults = [line for line in lines if line.startswith(("error: ", "stage "))]
    assert done.code == 2, done.err
    assert len(faults) == 1, done.err
    assert expected in faults[0]
    assert "Traceback" not in done.err + done.out


@pytest.mark.parametrize(("arguments", "expected"), CONFIGURATION.values(), ids=CONFIGURATION)
def test_configuration(arguments, expected, small_run, cli_here, tmp_path):
    store = small_run[1]
    file = tmp_path / "file"
    file.touch()
    before = manifests(store)
    done = cli_here(*(each.replace("{file}", str(file)) for each in arguments), store=store)
    assert_one_clear_line(done, expected)
    assert len(done.err.splitlines()) == 1
    assert manifests(store) == before
    assert left_overs(store) == []
    assert "usable folder" in expected or [*done.folder.iterdir()] == [], "a mistake must leave nothing behind"


def run_on(cli, conf, arguments, file):
    return cli(*(each.format(conf=conf, file=file) for each in arguments))


@pytest.mark.parametrize("kind", ["unknown key", "no override", "store is a file"])
def test_a_process_of_its_own_ends_with_the_same_line(kind, cli, cli_here, tmp_path):
    file = tmp_path / "file"
    file.touch()
    arguments = [each.replace("{file}", str(file)) for each in CONFIGURATION[kind][0]]
    apart, here = cli(*arguments), cli_here(*arguments)
    assert (apart.code, apart.out, apart.err) == (here.code, here.out, here.err)
    assert here.code == 2


@pytest.mark.parametrize(("content", "expected"), TABLES.values(), ids=TABLES)
def test_tables(content, expected, cli_here, conf, tmp_path):
    zipped = isinstance(content, bytes) and content[:2] == b"\x1f\x8b"
    file = tmp_path / ("data.csv.gz" if zipped else "data.csv")
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    done = run_on(cli_here, conf, CSV, file)
    assert_one_clear_line(done, expected)
    assert manifests(cli_here.store) == {}


@pytest.mark.parametrize(("files", "expected"), IMAGES.values(), ids=IMAGES)
def test_images(files, expected, cli_here, conf, tmp_path):
    for name, content in files.items():
        (tmp_path / "images").mkdir(exist_ok=True)
        if content is not None:
            (tmp_path / "images" / name).write_bytes(content)
    done = run_on(cli_here, conf, IDX, tmp_path / "images")
    assert_one_clear_line(done, expected)
    assert manifests(cli_here.store) == {}


def test_a_store_that_can_take_no_more_bytes(cli, conf):
    """A limit on the size of a file stands for a full disk: the operating system refuses the write."""

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    process, folder = cli.start("--config-dir", str(conf), "+experiment=only_data", preexec_fn=limit)
    _, err = process.communicate(timeout=120)
    assert process.returncode != 0
    assert "stage prepare failed: " in err
    assert "File too large" in err
    assert manifests(cli.store) == {}
    done = cli("--config-dir", str(conf), "+experiment=only_data")
    assert done.code == 0, done.err
    assert left_overs(cli.store) == []
    assert folder.is_dir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a disk of its own")
def test_a_full_disk(cli, conf, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], check=True)
    try:
        done = cli("--config-dir", str(conf), "+experiment=only_data", store=disk / "store")
        assert done.code != 0
        assert "stage prepare failed: [Errno 28] No space left on device" in done.err
        assert "Traceback" not in done.err
        assert manifests(disk / "store") == {}
    finally:
        subprocess.run(["umount", disk], check=True)


def test_an_image_too_small_for_the_network(cli):
    done = cli(DIGITS, "model.filters=[4,4,4,4]")
    assert_one_clear_line(done, "an image of 8x8 is too small for 4 blocks that each halve it; accepted: at most 3")
    assert {each["kind"] for each in manifests(cli.store).values()} == {"prepare"}

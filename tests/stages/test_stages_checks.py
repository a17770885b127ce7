"""What the stages refuse before anything runs, and the small pure functions among them."""

import numpy as np
import pytest

from pipeline.engine.errors import ConfigError
from pipeline.engine.keys import identity
from pipeline.engine.settings import read_stages
from pipeline.stages.export import agreement
from pipeline.stages.registry import KINDS
from pipeline.stages.report import environment
from pipeline.stages.settings import CnnSettings, MlpSettings, MobilenetSettings, ResnetSettings

OPTIMIZER = {
    "name": "adam",
    "learning_rate": 0.001,
    "schedule": {"name": "cosine", "final": 0.0},
    "warm_up": 0.0,
    "weight_decay": 0.0,
    "weight_decay_exclusions": [],
    "clipnorm": None,
    "clipvalue": None,
    "global_clipnorm": None,
    "use_ema": False,
    "ema_momentum": 0.99,
    "gradient_accumulation_steps": 1,
    "sparse_update": "exact",
    "state_dtype": "float32",
    "beta_1": 0.9,
    "beta_2": 0.999,
    "epsilon": 1e-7,
    "amsgrad": False,
}
PREPARE = {
    "kind": "prepare",
    "data": {"source": "digits"},
    "split": "auto",
    "validation": 0.1,
    "test": 0.2,
    "impute": "mean",
    "on_error": "raise",
    "limit": None,
    "seed": 0,
}
AUGMENT = {
    **dict.fromkeys(("flip", "flip_vertical"), False),
    **dict.fromkeys(("crop", "cutout", "rand_augment", "magnitude"), 0),
    **dict.fromkeys(("rotate", "translate", "scale", "brightness", "contrast", "mixup", "cutmix", "noise"), 0.0),
}
TRAIN = {
    "kind": "train",
    "inputs": {"data": "prepare"},
    "model": {"family": "mlp", "units": [8], "dropout": 0.0},
    "optimizer": OPTIMIZER,
    "learning_rate": None,
    "epochs": 1,
    "batch_size": 8,
    "augment": AUGMENT,
    "input": {"last_batch": "keep", "cache": "auto", "memory_mb": 64, "readers": None},
    "distribution": {"engine": "single"},
    "seed": 0,
}
CSV = {
    "source": "csv",
    "path": "a.csv",
    "label": "kind",
    "task": "auto",
    "columns": {},
    "group": None,
    "time": None,
    "part": None,
    "delimiter": ",",
    "missing": [""],
}


def test_every_kind_is_registered_under_its_own_name():
    assert {"prepare", "sample", "select", "encode", "train", "prune", "quantize", "export", "measure"} < set(KINDS)
    assert all(stage.kind == kind for kind, stage in KINDS.items())


def test_augmentation_of_a_table_is_refused():
    stages = {
        "prepare": {**PREPARE, "data": {"source": "breast_cancer"}},
        "train": {**TRAIN, "augment": {**AUGMENT, "flip": True}},
    }
    with pytest.raises(ConfigError, match=r"^stages.train.augment.flip: takes images"):
        read_stages(stages, KINDS)


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (
            {"source": "csvv"},
            "stages.prepare.data.source=csvv: unknown; accepted: digits, breast_cancer, idx, csv, parquet, ",
        ),
        ({}, "stages.prepare.data.source: missing; it must be given"),
        (
            {**CSV, "labl": "x"},
            "stages.prepare.data.labl=x: unknown key; accepted: path, label, task, columns, group, time, ",
        ),
        ({**CSV, "label": 3}, "stages.prepare.data.label=3: not valid; accepted: a valid string"),
        (
            {key: value for key, value in CSV.items() if key != "label"},
            "stages.prepare.data.label: missing; it must be given",
        ),
    ],
)
def test_settings_of_a_source_are_named_without_the_names_of_our_classes(data, line):
    with pytest.raises(ConfigError) as caught:
        read_stages({"prepare": {**PREPARE, "data": data}}, KINDS)
    assert str(caught.value).startswith(line)


def test_where_a_file_lies_is_not_part_of_the_key():
    one, two = (
        read_stages({"prepare": {**PREPARE, "data": {**CSV, "path": path}}}, KINDS)["prepare"]
        for path in ("/here/a.csv", "/there/a.csv")
    )
    assert identity(one, {}, {}, {}) == identity(two, {}, {}, {})


def test_what_a_report_states_is_part_of_its_key():
    settings = {"kind": "report", "inputs": {"a": "m"}, "before": "a", "per_core_hour": 1.0, "currency": "EUR"}
    report = read_stages({"r": {**settings, "title": "x"}}, KINDS)["r"]
    facts = {"command": "c", "config": "y", "run": "1"}
    base = identity(report, {}, {}, facts)
    assert identity(report, {}, {}, {**facts, "run": "2"}) == base
    assert identity(report, {}, {}, {**facts, "command": "d"}) != base
    assert identity(read_stages({"r": {**settings, "title": "z"}}, KINDS)["r"], {}, {}, facts) != base


def test_agreement_is_relative_to_the_largest_logit():
    expected = np.array([[0.0, 10.0], [4.0, 2.0]])
    given = np.array([[0.0, 9.0], [2.0, 2.5]])
    assert agreement(expected, given, "classification") == {"largest_difference": 0.2, "same_class": 0.5}


def test_the_environment_unites_the_libraries_of_all_stages():
    manifests = {
        "a": {"identity": {"libraries": {"python": "3.11", "numpy": "2"}}},
        "b": {"identity": {"libraries": {"python": "3.11", "jinja2": "3"}}},
    }
    found = environment(manifests)
    assert found["python"] == "3.11"
    assert found["libraries"] == {"jinja2": "3", "numpy": "2"}


@pytest.mark.parametrize(
    "settings",
    [
        MlpSettings(units=[4, 3], dropout=0.1),
        CnnSettings(filters=[2, 3], units=4, dropout=0.1),
        CnnSettings(filters=[2, 3], convolutions=3, units=4, dropout=0.1),
        ResnetSettings(filters=[2, 3, 3], blocks=2, dropout=0.1),
        MobilenetSettings(stem=2, stem_stride=2, filters=[2, 3], blocks=2, width=1.5, dropout=0.1),
        MobilenetSettings(stem=2, stem_stride=2, filters=[2, 3], blocks=[2, 1], width=1.0, dropout=0.1, pool="none"),
    ],
    ids=["mlp", "cnn", "cnn of 3", "resnet", "mobilenet", "mobilenet of 2 and 1"],
)
def test_the_names_of_kernels_are_those_of_the_model_that_is_built(settings):
    from pipeline.compression.pruning import prunable_layers
    from pipeline.data.sources.digits import load_digits
    from pipeline.data.splitting.assign import assign
    from pipeline.data.splitting.take import take_images
    from pipeline.stages.train import build_model

    images = load_digits()
    parts = assign(images.targets, images.placement, validation=0.1, test=0.2, seed=0)
    info = take_images(images, parts).info
    assert prunable_layers(build_model(settings, info)) == settings.kernels

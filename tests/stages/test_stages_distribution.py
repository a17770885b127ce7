"""What distributed training means for a stage's batches and learning rate, and what is refused before anything runs."""

import pytest
from stage_runs import configured

from pipeline.engine.errors import ConfigError
from pipeline.engine.keys import identity
from pipeline.stages.training import build_rate


@pytest.fixture(autouse=True)
def _four_ranks(monkeypatch):
    monkeypatch.setenv("HOROVOD_SIZE", "4")


def horovod(*overrides, option="train"):
    return configured(option, *overrides, distribution="horovod")


def rates(stage, steps=100):
    rate = build_rate(stage.optimizer, stage.learning_rate, steps, stage.distribution.scaling(stage.epochs))
    return [float(rate(step)) if callable(rate) else rate for step in range(steps)]


def test_by_default_batch_and_rate_are_those_of_one_process():
    stage = horovod()
    assert stage.together
    assert stage.distribution.batch_size(32) == 32
    assert rates(stage) == rates(configured("train"))


LINEAR = (
    "schedule@optimizer.schedule=constant",
    "distribution.batch=per_rank",
    "distribution.learning_rate=linear",
    "epochs=10",
    "learning_rate=0.01",
)


def test_the_linear_rule_multiplies_batch_and_rate_by_the_ranks():
    stage = horovod(*LINEAR)
    assert stage.distribution.batch_size(32) == 128
    assert rates(stage) == pytest.approx([0.04] * 100)


def test_warm_up_rises_from_the_given_rate_to_the_scaled_one():
    found = rates(horovod(*LINEAR, "distribution.warm_up_epochs=2"))
    assert found[:20] == pytest.approx([0.01 + 0.03 * (step + 1) / 20 for step in range(20)])
    assert found[20:] == pytest.approx([0.04] * 80)


PASSES = "distribution.backward_passes_per_step=2"


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["batch_size=3"], "batch_size=3: fewer examples than ranks; accepted: 4 or more"),
        (["distribution.warm_up_epochs=2"], "distribution.warm_up_epochs=2.0: a rate that is not scaled needs none"),
        (
            [*LINEAR, "distribution.warm_up_epochs=2", "/optimizer.warm_up=0.1"],
            "distribution.warm_up_epochs=2.0: the optimizer warms up; accepted: 0",
        ),
        (
            [*LINEAR, "distribution.warm_up_epochs=10"],
            "distribution.warm_up_epochs=10.0: the rate would never arrive; accepted: less than epochs=10",
        ),
        ([PASSES], r"distribution.backward_passes_per_step=2: Adam and schedules would take each pass for a step"),
        (
            ["distribution.compression=fp8"],
            "distribution.compression=fp8: not one of the choices; accepted: none, fp16",
        ),
    ],
)
def test_what_horovod_cannot_do_is_refused_before_anything_runs(overrides, said):
    with pytest.raises(ConfigError, match=said):
        horovod(*overrides)


def test_without_a_launcher_the_command_is_told(monkeypatch):
    monkeypatch.setenv("HOROVOD_SIZE", "1")
    with pytest.raises(ConfigError, match=r"distribution.ranks=1: .*; accepted: horovodrun -np N python -m pipeline"):
        horovod()


@pytest.mark.parametrize("option", ["prune", "cluster", "quantize_aware"])
def test_synchronized_batch_normalization_takes_plain_layers_only(option):
    with pytest.raises(ConfigError, match=r"distribution.sync_batch_norm=true: .*; accepted: false"):
        horovod("distribution.sync_batch_norm=true", "+stages.x.inputs.model=prepare", option=option)


def test_how_gradients_travel_is_no_part_of_the_key_and_how_they_are_made_is():
    def key(*overrides):
        return identity(horovod(*overrides), {}, {}, {})

    assert key("distribution.fusion_mb=1", "distribution.timeline=here.json", "distribution.stall_seconds=9") == key()
    assert key("distribution.compression=fp16") != key()
    assert key("distribution.batch=per_rank") != key()


def test_settings_reach_horovods_environment():
    chosen = ("distribution.fusion_mb=2", "distribution.autotune=true", "distribution.stall_seconds=9")
    assert horovod(*chosen).distribution.environment() == {
        "HOROVOD_FUSION_THRESHOLD": "2097152",
        "HOROVOD_AUTOTUNE": "1",
        "HOROVOD_STALL_CHECK_TIME_SECONDS": "9",
        "HOROVOD_STALL_SHUTDOWN_TIME_SECONDS": "27",
    }

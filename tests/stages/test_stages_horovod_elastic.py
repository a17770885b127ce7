"""What Elastic Horovod means for a stage, and what is refused before anything runs."""

import pytest
from stage_runs import configured

from pipeline.engine.errors import ConfigError
from pipeline.engine.keys import identity
from pipeline.stages.single_settings import Scaling


@pytest.fixture(autouse=True)
def _elastic_launch(monkeypatch):
    monkeypatch.setenv("HOROVOD_ELASTIC", "1")
    monkeypatch.setenv("HOROVOD_SIZE", "2")


def elastic(*overrides, option="train"):
    return configured(option, *overrides, distribution="horovod_elastic")


def test_batch_and_rate_are_those_of_one_process():
    stage = elastic()
    assert stage.together
    assert stage.distribution.batch_size(32) == 32
    assert stage.distribution.scaling(10) == Scaling()


def test_the_number_of_ranks_is_no_part_of_the_key(monkeypatch):
    two = identity(elastic(), {}, {}, {})
    monkeypatch.setenv("HOROVOD_SIZE", "3")
    assert identity(elastic("distribution.join_seconds=30", "distribution.cycle_ms=1"), {}, {}, {}) == two
    assert identity(elastic("distribution.compression=fp16"), {}, {}, {}) != two


@pytest.mark.parametrize("value", [None, "0"])
def test_without_an_elastic_launcher_the_command_is_told(monkeypatch, value):
    monkeypatch.delenv("HOROVOD_ELASTIC") if value is None else monkeypatch.setenv("HOROVOD_ELASTIC", value)
    said = r"distribution=horovod_elastic: no elastic launcher .*; accepted: horovodrun -np N --min-np 1 "
    with pytest.raises(ConfigError, match=said):
        elastic()


@pytest.mark.parametrize(
    "setting", ["sync_batch_norm=true", "backward_passes_per_step=2", "batch=per_rank", "learning_rate=linear"]
)
def test_what_horovod_builds_for_a_fixed_number_of_ranks_is_no_setting(setting):
    name, _, value = setting.partition("=")
    said = rf"distribution.{name}=(?i:{value}): unknown key; accepted: .*compression"
    with pytest.raises(ConfigError, match=said) as raised:
        elastic(f"+distribution.{setting}")
    assert raised.value.exit_code == 2


@pytest.mark.parametrize("option", ["prune", "cluster", "quantize_aware"])
def test_layers_that_are_wrapped_are_carried(option):
    stage = elastic("+stage@stages.base=train", "+stages.x.inputs.model=base", option=option)
    assert stage.wraps
    assert stage.distribution.together

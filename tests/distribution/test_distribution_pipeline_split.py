import itertools

import numpy as np
import pytest
from pipeline_cases import cnn, mlp, residual

from pipeline.distribution.pipeline_schedule import SCHEDULES, Task, most_held, order
from pipeline.distribution.pipeline_split import partition, split
from pipeline.keras import keras


@pytest.mark.parametrize("seed", range(20))
def test_no_other_partition_is_better(seed):
    noise = np.random.default_rng(seed)
    count = int(noise.integers(3, 10))
    parts = int(noise.integers(1, min(count, 4) + 1))
    costs = [int(each) for each in noise.integers(0, 6, count)]
    crossing = [int(each) for each in noise.integers(1, 9, count)]

    def price(bounds):
        edges = [0, *bounds, count]
        return max(sum(costs[a:b]) for a, b in itertools.pairwise(edges)), sum(crossing[each] for each in bounds)

    found = partition(costs, crossing, parts)
    assert len(found) == parts - 1
    assert price(found) == min(map(price, itertools.combinations(range(1, count), parts - 1)))


@pytest.mark.parametrize("make", [mlp, cnn, residual])
@pytest.mark.parametrize("stages", [2, 3])
def test_no_other_cut_of_a_model_has_a_cheaper_costliest_stage(make, stages):
    model = make()
    parts = split(model, stages)
    names = [name for part in parts for name in part.layers]
    cuts = itertools.combinations(names[:-1], stages - 1)
    assert max(part.cost for part in parts) == min(max(p.cost for p in split(model, stages, each)) for each in cuts)
    assert sorted(names) == sorted(each.name for each in model.layers if not isinstance(each, keras.layers.InputLayer))


def test_costs_are_multiply_adds_and_one_for_each_value():
    first, second = split(cnn(), 2, ["pool_1"])
    assert first.cost == 64 * 6 * 9 + 64 * 6 + 16 * 6
    assert second.cost == (16 * 8 * 9 * 6 + 16 * 8) + 16 * 8 + (16 * 8 * 10 + 10)
    assert (first.sent, second.sent) == (16 * 6 * 4, 0)


def test_what_crosses_a_cut_is_passed_on_shortcuts_included():
    first, second, third = split(residual(), 3, ["conv_0", "conv_2"])
    assert first.outputs == (("stem", 0), ("conv_0", 0))
    assert set(second.inputs) == {("stem", 0), ("conv_0", 0)}
    assert set(third.inputs) == {("add_1", 0), ("conv_2", 0), ("input_1", 0)} or len(third.inputs) == 3
    assert third.outputs == (("logits", 0),)


@pytest.mark.parametrize(
    ("cuts", "said"),
    [
        (["dense_4"], "no cut after layer 'dense_4'; accepted: flatten, dense_48, dense_32; did you mean dense_48?"),
        (["logits"], "no cut after layer 'logits'; accepted: flatten, dense_48, dense_32"),
        (["flatten", "dense_48"], "2 cuts for 2 stages; accepted: 1"),
    ],
)
def test_a_wrong_cut_is_refused(cuts, said):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        split(mlp(), 2, cuts)
    assert str(caught.value) == said


def test_cuts_out_of_order_and_too_many_stages_are_refused():
    with pytest.raises(
        ValueError, match=r"^cuts dense_48, flatten are not in the order of the layers, which is flatten"
    ):
        split(mlp(), 3, ["dense_48", "flatten"])
    with pytest.raises(ValueError, match=r"^5 stages of a model of 4 layers; accepted: at most a stage a layer$"):
        split(mlp(), 5)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize(("stages", "micro_batches"), [(1, 1), (2, 1), (2, 4), (3, 2), (4, 8)])
def test_a_schedule_does_each_pass_once_and_after_what_it_needs(schedule, stages, micro_batches):
    tasks = order(schedule, stages, micro_batches)
    place = {task: number for number, task in enumerate(tasks)}
    assert len(place) == len(tasks) == 2 * stages * micro_batches
    for stage, micro, forward in tasks:
        if forward and stage:
            assert place[Task(stage - 1, micro, True)] < place[Task(stage, micro, True)]
        if not forward:
            assert place[Task(stage, micro, True)] < place[Task(stage, micro, False)]
            if stage < stages - 1:
                assert place[Task(stage + 1, micro, False)] < place[Task(stage, micro, False)]
    most = [most_held(tasks, stage) for stage in range(stages)]
    expected = [micro_batches if schedule == "gpipe" else min(micro_batches, stages - each) for each in range(stages)]
    assert most == expected


def test_an_unknown_schedule_is_refused():
    with pytest.raises(ValueError, match=r"^schedule=zero; accepted: gpipe, 1f1b$"):
        order("zero", 2, 2)

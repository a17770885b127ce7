"""The trace of TensorFlow's profiler, and what is read from it."""

from types import SimpleNamespace

import pytest

from pipeline.keras import tf
from pipeline.measurement.profile import own_times, slowest, start, stop


def event(name, begin, length):
    return SimpleNamespace(name=name, offset_ps=begin, duration_ps=length)


def test_the_time_of_what_is_inside_is_not_counted_twice():
    events = [event("outer", 0, 100), event("inner", 10, 60), event("innermost", 20, 5), event("later", 80, 10),
              event("beside", 100, 7)]  # fmt: skip
    assert {each.name: time for each, time in own_times(events)} == {
        "outer": 30,
        "inner": 55,
        "innermost": 5,
        "later": 10,
        "beside": 7,
    }


def test_a_large_product_is_what_takes_longest(tmp_path):
    product = tf.function(lambda square: tf.linalg.matmul(square, square) + 1.0)
    large = tf.random.stateless_uniform([300, 300], seed=[0, 0])
    product(large)
    start(tmp_path)
    for _ in range(5):
        product(large)
    stop()
    found = slowest(tmp_path)
    assert [(each.name, each.count) for each in found[:2]] == [("MatMul:MatMul", 5), ("add:AddV2", 5)]
    assert found[0].milliseconds > found[1].milliseconds > 0
    assert sum(each.share for each in found) == pytest.approx(1)


def test_a_folder_without_a_trace_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no trace of TensorFlow's profiler"):
        slowest(tmp_path)

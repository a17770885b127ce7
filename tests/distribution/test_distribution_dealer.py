"""Batches dealt by a real tf.data service."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def dealt():
    script = Path(__file__).with_name("dealer_cases.py")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_one_consumer_gets_the_stream_in_its_order_and_from_the_beginning_again(dealt):
    assert dealt["in_order"] == [0, 1, 2, 3, 4, 0, 1, 2]


def test_each_batch_falls_to_one_consumer(dealt):
    got = [number for each in dealt["shared"]["got"] for number in each]
    assert len(got) == len(set(got)) >= 10


def test_an_ended_stream_ends_for_a_consumer_that_waits_and_makes_nothing_more(dealt):
    assert 20 <= dealt["shared"]["made"] < 40, "of 1,000; tf.data makes some ahead"
    assert dealt["shared"]["made_later"] == 0


def test_a_failing_stream_is_told_to_its_consumer_and_can_be_ended(dealt):
    assert "a broken file" in dealt["failing"]

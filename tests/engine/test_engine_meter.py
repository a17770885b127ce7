import subprocess
import sys
import time

import pytest

from pipeline.engine.meter import Cost, Meter

BURN = "import time\nend = time.process_time() + 0.5\nwhile time.process_time() < end: pass"


def test_core_seconds_include_children_and_wall_time_includes_sleep():
    with Meter() as meter:
        subprocess.run([sys.executable, "-c", BURN], check=True)
        time.sleep(0.3)
    assert meter.cost.core_seconds >= 0.5
    assert meter.cost.wall_seconds >= 0.8
    assert meter.cost.attempts == 1


def test_the_peak_includes_children():
    hold = "import time\nx = bytearray(200 * 2**20)\ntime.sleep(1)"
    with Meter() as meter:
        subprocess.run([sys.executable, "-c", hold], check=True)
    assert meter.cost.peak_bytes > 200 * 2**20


def test_bytes_are_counted(tmp_path):
    with Meter() as meter:
        (tmp_path / "file").write_bytes(bytes(5_000_000))
        (tmp_path / "file").read_bytes()
    assert meter.cost.bytes_written >= 5_000_000
    assert meter.cost.bytes_read >= 5_000_000


def test_the_cost_of_a_killed_attempt_is_not_forgotten(tmp_path):
    saved = tmp_path / "cost.json"
    code = f"""
import sys, time
from pathlib import Path
from pipeline.engine.meter import Meter
with Meter(Path({str(saved)!r})):
    end = time.monotonic() + 60
    while time.monotonic() < end: pass
"""
    process = subprocess.Popen([sys.executable, "-c", code])
    deadline = time.monotonic() + 30
    while not saved.is_file() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.kill()
    process.wait()
    with Meter(saved) as meter:
        pass
    assert meter.cost.attempts == 2
    assert meter.cost.core_seconds >= 0.5


def test_costs_add_up_and_the_peak_is_the_larger():
    total = Cost(1.0, 2.0, 30, 4, 5, 1) + Cost(1.0, 2.0, 20, 4, 5, 1)
    assert total == Cost(2.0, 4.0, 30, 8, 10, 2)
    assert Cost().core_seconds == pytest.approx(0)

import json
import os
import subprocess
import sys

from pipeline.measurement.measure import _ROOT


def ask(code, text):
    return subprocess.run([sys.executable, *code], input=text, capture_output=True, text=True, cwd=_ROOT)


def test_one_request_gives_one_json_line_on_stdout(zoo):
    request = {
        "model": str(zoo.paths["dense"]),
        "features": str(zoo.arrays["dense_x"]),
        "labels": str(zoo.arrays["dense_y"]),
        "threads": 1,
        "warmup": 2,
        "runs": 5,
        "interpreter": "litert",
    }
    done = ask(["-m", "pipeline.measurement.worker"], json.dumps(request))
    assert done.returncode == 0
    assert json.loads(done.stdout)["accuracy"] == 1.0


def test_whatever_else_writes_to_stdout_ends_on_stderr():
    code = """
import os, sys
from pipeline.measurement import worker
worker.Request = dict
def run(request):
    os.write(1, b"from C++\\n")
    sys.stdout.write("from Python\\n")
    return {"accuracy": 1.0}
worker.run = run
sys.exit(worker.main())
"""
    done = ask(["-c", code], "{}")
    assert json.loads(done.stdout) == {"accuracy": 1.0}
    assert "from C++" in done.stderr
    assert "from Python" in done.stderr


def test_a_request_that_is_not_json_is_answered_in_json():
    done = ask(["-m", "pipeline.measurement.worker"], "hello")
    assert done.returncode == 1
    assert "Expecting value" in json.loads(done.stdout)["error"]


def test_the_worker_runs_on_the_cores_it_was_given():
    code = "import os; from pipeline.measurement.machine import *; pin_to_cores(1); print(len(os.sched_getaffinity(0)))"
    assert ask(["-c", code], "").stdout.strip() == "1"
    assert len(os.sched_getaffinity(0)) >= 1

"""What a person sees: quiet by default, more on demand, colours on a terminal only."""

import os
import pty
import subprocess
import sys

import pytest
from whole_runs import Cli

PREPARE = ("data=breast_cancer", "+stage@stages.prepare=prepare")
FAILING = (*PREPARE, "+stage@stages.few=sample", "stages.few.method=balanced", "stages.few.per_class=100000")


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """The command line, on one store for all of these tests."""
    folder = tmp_path_factory.mktemp("logs")
    return Cli(folder / "runs", folder / "store")


@pytest.fixture(scope="module")
def prepared(shared):
    """What a run says that goes well; those that fail reuse its stage."""
    return shared(*PREPARE)


def test_a_quiet_run_has_no_line_of_a_library(prepared):
    assert prepared.code == 0
    assert [line.split(":")[0] for line in prepared.err.splitlines()] == ["[1/1] prepare", "prepare", "[1/1] prepare"]


@pytest.mark.parametrize("verbose", ["", "hydra.verbose=[pipeline]", "hydra.verbose=true"])
def test_debug_lines_are_shown_on_demand_and_without_colours(shared, prepared, verbose):
    assert prepared.statuses == {"prepare": "built"}
    done = shared(*FAILING, *([verbose] if verbose else []))
    assert done.code == 2
    assert "stage few failed" in done.err
    assert ("Traceback" in done.err, "few: key " in done.err) == (bool(verbose), bool(verbose))
    assert "\x1b" not in done.err


PROGRAM = """
from pipeline.engine.display import console
console.print("careful", style="yellow")
"""


def shown(**environment) -> str:
    """What the program shows on a terminal."""
    ours, theirs = pty.openpty()
    base = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stderr=theirs, env={**base, "TERM": "xterm", **environment}):
        pass
    os.close(theirs)
    text = os.read(ours, 10_000).decode()
    os.close(ours)
    return text


def test_colours_are_for_terminals_and_no_color_turns_them_off():
    assert "\x1b[33m" in shown()
    assert "\x1b[3" not in shown(NO_COLOR="1")

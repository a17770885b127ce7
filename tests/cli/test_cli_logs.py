"""What a person sees: quiet by default, more on demand, colours on a terminal only."""

import os
import pty
import subprocess
import sys

import pytest

FAILING = ("data=digits", "+stage@stages.prepare=prepare", "+stage@stages.few=sample", "stages.few.method=balanced",
           "stages.few.per_class=100000")  # fmt: skip


@pytest.mark.parametrize("verbose", ["", "hydra.verbose=[pipeline]", "hydra.verbose=true"])
def test_debug_lines_are_shown_on_demand(cli, verbose):
    done = cli(*FAILING, *([verbose] if verbose else []))
    assert done.code == 2
    assert "stage few failed" in done.err
    assert ("Traceback" in done.err, "prepare: key " in done.err) == (bool(verbose), bool(verbose))


def test_a_quiet_run_has_no_line_of_a_library(cli):
    done = cli("data=breast_cancer", "+stage@stages.prepare=prepare")
    assert done.code == 0
    assert [line.split(":")[0] for line in done.err.splitlines()] == ["[1/1] prepare", "prepare", "[1/1] prepare"]


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


def test_colours_are_for_terminals_and_no_color_turns_them_off(cli):
    assert "\x1b[33m" in shown()
    assert "\x1b[3" not in shown(NO_COLOR="1")
    assert "\x1b" not in cli(*FAILING).err

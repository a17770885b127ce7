"""The plain lines; the live view is looked at on a real pseudo-terminal."""

import os
import pty
import subprocess
import sys

from pipeline.engine import display
from pipeline.engine.display import Display, native_output_to
from pipeline.engine.stage import Progress

PROGRAM = """
import time
from pipeline.engine.display import Display
from pipeline.engine.stage import Progress
shown = Display(2)
with shown.shown():
    with shown.stage(1, "baseline") as view:
        for done in range(30):
            view.update(Progress(done + 1, 60, f"epoch 1/2 step {done + 1}/30"))
            time.sleep(0.03)
    shown.settled(1, "baseline", "built in 1.0 s")
"""


def test_plain_lines_without_a_terminal(monkeypatch):
    said = []
    monkeypatch.setattr(display, "PLAIN_SECONDS", 0.0)
    monkeypatch.setattr(display.console, "print", lambda text, **_: said.append(text))
    shown = Display(2)
    with shown.shown(), shown.stage(1, "train") as view:
        view.update(Progress(0, 10, "epoch 1/5"))
        view.update(Progress(5, 10, "epoch 3/5"))
    shown.settled(1, "train", "built [now]")
    assert said[0] == "[1/2] train: started"
    assert said[2].startswith("[1/2] train: 50% epoch 3/5 (ETA ")
    assert said[3].endswith("train: built \\[now]")


def test_a_live_view_on_a_terminal():
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
    )
    os.close(theirs)
    seen = b""
    while True:
        try:
            chunk = os.read(ours, 4096)
        except OSError:  # the other end was closed
            break
        if not chunk:
            break
        seen += chunk
    os.close(ours)
    assert process.wait() == 0
    text = seen.decode()
    assert "baseline" in text
    assert "ETA" in text
    assert "epoch 1/2" in text
    assert "built in 1.0 s" in text
    assert "\x1b[" in text


def test_native_output_goes_to_a_file_and_comes_back(tmp_path, capfd):
    with native_output_to(tmp_path / "log"):
        os.write(1, b"one\n")
        os.write(2, b"two\n")
        subprocess.run(["sh", "-c", "echo three"], check=True)
    os.write(1, b"four\n")
    assert (tmp_path / "log").read_text() == "one\ntwo\nthree\n"
    assert capfd.readouterr().out == "four\n"

"""What TensorBoard's own reader finds in the files."""

import subprocess
import sys

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.metadata import SESSION_START_INFO_TAG

from pipeline.tracking.tensorboard import TensorBoard
from pipeline.tracking.tracker import Tracked

RUN = Tracked("digits", "now", "python -m pipeline", {"seed": 0, "model.family": "cnn", "plain": True})


def read(folder):
    return EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()


def scalars(folder, tag):
    return [(event.step, pytest.approx(event.value)) for event in read(folder).Scalars(tag)]


def test_an_epoch_can_be_read_before_the_run_ends(tmp_path):
    board = TensorBoard(tmp_path, RUN)
    board.epoch("baseline", 1, {"loss": 0.5, "val_loss": 0.75})
    board.epoch("baseline", 2, {"loss": 0.25, "val_loss": 0.5})
    board.epoch("prune", 1, {"loss": 0.125})
    assert scalars(tmp_path / "baseline", "loss") == [(1, 0.5), (2, 0.25)]
    assert scalars(tmp_path / "baseline", "val_loss") == [(1, 0.75), (2, 0.5)]
    assert scalars(tmp_path / "prune", "loss") == [(1, 0.125)]
    board.end("finished")


def test_settings_and_figures_are_one_session_of_the_hparams_tab(tmp_path):
    board = TensorBoard(tmp_path, RUN)
    board.figures("pruned + int8", {"accuracy": 0.75})
    board.end("finished")
    assert scalars(tmp_path, "pruned + int8/accuracy") == [(0, 0.75)]
    assert SESSION_START_INFO_TAG in read(tmp_path).PluginTagToContent("hparams")


def test_a_second_run_into_one_folder_leaves_the_first(tmp_path):
    for loss in (0.5, 0.25):
        board = TensorBoard(tmp_path, RUN)
        board.epoch("baseline", 1, {"loss": loss})
        board.end("finished")
    assert len(list((tmp_path / "baseline").iterdir())) == 2


PROGRAM = """
import sys
from pathlib import Path
from pipeline.tracking.tensorboard import TensorBoard
from pipeline.tracking.tracker import Tracked

board = TensorBoard(Path(sys.argv[1]), Tracked("a", "b", "c", {"d": 1}))
board.epoch("x", 1, {"loss": 1.0})
sys.exit("tensorflow" in sys.modules)
"""


def test_it_does_without_tensorflow(tmp_path):
    assert subprocess.run([sys.executable, "-c", PROGRAM, tmp_path], check=False).returncode == 0

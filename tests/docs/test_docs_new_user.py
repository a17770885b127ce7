"""A new user's two paths, with the YAML and the overrides of the command as the documentation gives them."""

import numpy as np
import pytest
from new_user import write_experiment, write_model, write_pictures, write_table

import pipeline
from pipeline.measurement.outputs import tflite_outputs


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs what a page's command asks for, in a folder with a user's files."""
    monkeypatch.chdir(tmp_path)

    def run(page, *more):
        yaml, (flag, folder, *overrides) = write_experiment(page, tmp_path)
        assert flag == "--config-dir"
        assert len(yaml.read_text().splitlines()) <= 10
        return pipeline.run(pipeline.compose([*overrides, "store.path=store", *more], config_dir=folder), "run")

    return run


def test_a_table_becomes_a_report(run, tmp_path):
    write_table(tmp_path / "flowers.csv")
    done = run("own_csv.md", "debug=tiny")
    assert done.statuses["report"] == "built"
    page = (done.folder / "report/report.html").read_text()
    assert "pruned + int8" in page
    assert "debug, figures mean nothing" in page


def test_a_model_and_pictures_become_a_tflite_file(run, tmp_path):
    write_pictures(tmp_path / "pictures")
    write_model(tmp_path / "mine.keras")
    done = run("own_model.md")
    outputs = tflite_outputs(done.folder / "export/model.tflite", np.zeros((1, 32, 32, 3), np.uint8))
    assert outputs.shape == (1, 2)

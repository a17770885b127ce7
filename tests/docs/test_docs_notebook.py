"""The example notebook runs, and what it shows was made by running it."""

import pytest

nbformat = pytest.importorskip("nbformat", reason="nbclient and ipykernel, of the group dev, are not installed")
pytest.importorskip("nbclient", reason="nbclient and ipykernel, of the group dev, are not installed")

from run_notebook import NOTEBOOK, executed  # noqa: E402  (it imports both)


def kinds(notebook) -> list[set[str]]:
    """What each code cell shows, besides the lines of a run."""
    return [
        {kind for output in cell.outputs for kind in output.get("data", {})}
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


@pytest.mark.slow
def test_it_runs_and_shows_what_it_showed(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(NOTEBOOK.parents[1]))
    assert kinds(executed(tmp_path)) == kinds(nbformat.read(NOTEBOOK, as_version=4))
    assert (tmp_path / "first/report/report.html").is_file()


def test_its_outputs_name_no_machine():
    text = NOTEBOOK.read_text()
    assert not [word for word in ("/root", "/tmp", "/home", "/work", "/usr") if word in text]

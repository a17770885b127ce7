"""Executes docs/notebook.ipynb in an empty folder and keeps its outputs: python scripts/run_notebook.py."""

import re
import tempfile
from pathlib import Path
from typing import Any

import nbclient
import nbformat

NOTEBOOK = Path(__file__).resolve().parents[1] / "docs/notebook.ipynb"


def main() -> None:
    """Executes the notebook and writes it back."""
    with tempfile.TemporaryDirectory() as folder:
        notebook = executed(Path(folder))
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = joined(cell.outputs)
    notebook.metadata.language_info = {"name": "python"}
    nbformat.write(notebook, NOTEBOOK)


def executed(folder: Path) -> Any:
    """Returns the notebook as it is after a run in a folder; an error of a cell is raised."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    where = {"metadata": {"path": str(folder)}}
    return nbclient.NotebookClient(notebook, timeout=1800, kernel_name="python3", resources=where).execute()


def joined(outputs: list[Any]) -> list[Any]:
    """Returns a cell's outputs with its printed lines as one, without colours."""
    lines = [each for each in outputs if each.output_type == "stream"]
    rest = [each for each in outputs if each.output_type != "stream"]
    text = re.sub("\x1b\\[[0-9;]*m", "", "".join(each.text for each in lines))
    return [*([nbformat.v4.new_output("stream", name=lines[0].name, text=text)] if text else []), *rest]


if __name__ == "__main__":
    main()

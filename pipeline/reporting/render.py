"""Writes a run's report in every form."""

from pathlib import Path

from pipeline.reporting.document import Document
from pipeline.reporting.render_html import render_html
from pipeline.reporting.render_json import render_json
from pipeline.reporting.render_markdown import render_markdown


def render(document: Document, folder: Path) -> list[Path]:
    """Writes `report.json`, `report.md` and `report.html`, the same bytes for the same document.

    Args:
        document: The run.
        folder: Where to write; made if need be.

    Returns:
        The paths of the three files.

    Raises:
        ValueError: If the document cannot be compared or holds NaN; nothing is written then.
    """
    texts = {
        "report.json": render_json(document),
        "report.md": render_markdown(document),
        "report.html": render_html(document),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    return [folder / name for name in texts]

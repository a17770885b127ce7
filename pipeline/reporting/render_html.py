"""The report as one self-contained HTML page: no script, no request, light and dark."""

from pathlib import Path

from pipeline.reporting.document import Document
from pipeline.reporting.line_chart import line_chart
from pipeline.reporting.view import view

_TEMPLATE = "report.html.j2"


def render_html(document: Document) -> str:
    """Writes the report as one HTML page, every text of the document escaped.

    Raises:
        ValueError: If the document cannot be compared.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals["line_chart"] = lambda line: Markup(line_chart(**line))  # which escapes its texts
    return environment.get_template(_TEMPLATE).render(view(document))

"""The report as one self-contained HTML page."""

from collections.abc import Callable, Mapping
from typing import Any

from pipeline.reporting.charts.class_change import class_change_chart
from pipeline.reporting.charts.confusion import confusion_chart
from pipeline.reporting.charts.cost import cost_chart
from pipeline.reporting.charts.curves import curves_chart
from pipeline.reporting.charts.line import line_chart
from pipeline.reporting.charts.scatter import scatter_chart
from pipeline.reporting.charts.sparsity import sparsity_chart
from pipeline.reporting.charts.stages import stages_chart
from pipeline.reporting.charts.weights import weights_chart
from pipeline.reporting.document import Document
from pipeline.reporting.page.fill import fill
from pipeline.reporting.view import view

CHARTS: Mapping[str, Callable[..., str]] = {
    "class_change": class_change_chart,
    "confusion": confusion_chart,
    "cost": cost_chart,
    "curves": curves_chart,
    "line": line_chart,
    "scatter": scatter_chart,
    "sparsity": sparsity_chart,
    "stages": stages_chart,
    "weights": weights_chart,
}


def render_html(document: Document) -> str:
    """Writes the report as one HTML page, every text of the document escaped.

    Raises:
        ValueError: If the document cannot be compared.
    """
    from markupsafe import Markup

    def draw(chart: Mapping[str, Any]) -> Markup:
        return Markup(CHARTS[chart["kind"]](**chart["arguments"]))  # which escapes its texts

    return fill("report.html.j2", view(document), draw=draw)

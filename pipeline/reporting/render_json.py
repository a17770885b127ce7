"""The report as data: the document with what was derived from it."""

import json
from dataclasses import asdict

from pipeline.reporting.caveats import caveats
from pipeline.reporting.compare import comparison, verdict
from pipeline.reporting.document import Document
from pipeline.reporting.money import total_cost, total_money


def render_json(document: Document) -> str:
    """Writes the document, with `verdict`, `caveats`, `comparison` and `total` added, as JSON with sorted keys.

    Raises:
        ValueError: If the document holds NaN or infinity, which JSON cannot say, or cannot be compared.
    """
    report = {
        **document,
        "verdict": verdict(document),
        "caveats": caveats(document),
        "comparison": [asdict(row) for row in comparison(document)],
        "total": {"cost": total_cost(document), "money": total_money(document)},
    }
    return json.dumps(report, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"

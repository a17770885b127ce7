"""Fills a template of this folder: one self-contained page, no request, light and dark."""

import base64
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent


def fill(template: str, values: Mapping[str, Any], **functions: Any) -> str:
    """Returns the page, every text of the values escaped.

    Args:
        template: The template's file name.
        values: What it shows; `title` is the page's.
        functions: What it calls; what they return is markup.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    script = (_FOLDER / "page.js").read_text(encoding="utf-8")
    environment.globals.update(
        functions,
        style=Markup((_FOLDER / "page.css").read_text(encoding="utf-8")),
        script=Markup(script),
        # No other script runs, whatever a text of the values may hold.
        script_hash=f"sha256-{base64.b64encode(sha256(script.encode()).digest()).decode()}",
    )
    return environment.get_template(template).render(values)

"""Nested settings and figures as one flat table, as trackers take them."""

import json
from collections.abc import Mapping
from typing import Any

Value = str | int | float | bool


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Value]:
    """Returns the leaves of nested mappings by dotted key; lists and None become text.

    Args:
        tree: Plain data, as from JSON or YAML.
        prefix: Put before each key.
    """
    flat: dict[str, Value] = {}
    for key, value in tree.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            flat |= flatten(value, f"{name}.")
        elif isinstance(value, str | int | float):
            flat[name] = value
        else:
            flat[name] = json.dumps(value)
    return flat


def figures(tree: Mapping[str, Any]) -> dict[str, float]:
    """Returns the numbers among the leaves of nested mappings, by dotted key."""
    return {
        key: float(value)
        for key, value in flatten(tree).items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }

"""Nested settings and figures as one flat table."""

from collections.abc import Mapping
from typing import Any


def flatten(tree: Any, prefix: str = "") -> dict[str, Any]:
    """Returns the leaves of nested mappings by dotted key; lists and empty mappings are leaves.

    Args:
        tree: Plain data, as from JSON or YAML.
        prefix: The key of `tree` itself.
    """
    if not isinstance(tree, Mapping) or not tree:
        return {prefix: tree}
    return {
        name: leaf
        for key, value in tree.items()
        for name, leaf in flatten(value, f"{prefix}.{key}" if prefix else str(key)).items()
    }


def numbers(tree: Mapping[str, Any]) -> dict[str, float]:
    """Returns the numbers among the leaves of nested mappings, by dotted key."""
    return {
        key: float(value)
        for key, value in flatten(tree).items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }

"""Frugal: Keras models that are cheaper to train and cheaper to serve, with the measurements to prove it."""

from typing import Any

_OFFERED = ("compose", "run")


def __getattr__(name: str) -> Any:
    """Gives `pipeline.compose` and `pipeline.run` without importing Hydra for who needs a room alone."""
    if name in _OFFERED:
        from pipeline import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

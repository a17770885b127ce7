"""Errors that a user can act on: each is one line, and each knows its exit code."""

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any


class PipelineError(Exception):
    """The run can't go on; the message is one line that says what, where and what would be accepted."""

    exit_code = 1


class ConfigError(PipelineError):
    """The configuration is wrong; nothing was run.

    Args:
        key: The dotted key at fault, as a user would override it.
        problem: What is wrong with it.
        value: The offending value, left out where there is none.
        accepted: What would be accepted instead.
        name: The misspelt name, whose nearest neighbour among `accepted` is suggested.
    """

    exit_code = 2

    def __init__(
        self, key: str, problem: str, *, value: Any = None, accepted: Iterable[str] = (), name: str | None = None
    ) -> None:
        shown = key if value is None else f"{key}={value}"
        choices = list(accepted)
        parts = [f"{shown}: {problem}"]
        if choices:
            parts.append(f"accepted: {', '.join(choices)}")
        if name is not None and (near := nearest(name, choices)):
            parts.append(f"did you mean {near}?")
        super().__init__(one_line("; ".join(parts)))

    def below(self, prefix: str) -> "ConfigError":
        """Returns the same error with its key put below another."""
        self.args = (f"{prefix}.{self}",)
        return self


class InputError(PipelineError):
    """A stage was given data or a setting that it can't use, found while it ran."""

    exit_code = 2


class StageError(PipelineError):
    """A stage failed.

    Args:
        stage: The stage's name in the run.
        cause: What it raised.
    """

    def __init__(self, stage: str, cause: BaseException) -> None:
        self.stage = stage
        self.cause = cause
        self.exit_code = cause.exit_code if isinstance(cause, PipelineError) else 1
        said = one_line(str(cause)) or type(cause).__name__
        kind = "" if isinstance(cause, PipelineError | ValueError | OSError) else f"{type(cause).__name__}: "
        super().__init__(f"stage {stage} failed: {kind}{said}")


def one_line(text: str) -> str:
    """Returns the text with every run of white space folded to one blank."""
    return " ".join(text.split())


def nearest(name: str, choices: Iterable[str]) -> str | None:
    """Returns the choice that the misspelt name most probably meant, or None."""
    found = difflib.get_close_matches(name, list(choices), n=1, cutoff=0.5)
    return found[0] if found else None


@contextmanager
def blame(key: str) -> Iterator[None]:
    """Adds the configuration key at fault to what a room raises about bad input.

    Args:
        key: The key, relative to the stage (`data.path`).

    Raises:
        InputError: In place of ValueError and OSError.
    """
    try:
        yield
    except (ValueError, OSError) as error:
        raise InputError(f"{one_line(str(error))} (set by {key})") from error

"""One attempt at a candidate, and what was measured of it."""

from dataclasses import dataclass

from pipeline.search.candidate import Candidate


@dataclass(frozen=True)
class Figures:
    """What the exported file is worth and takes.

    Attributes:
        quality: Of a classification the accuracy, else R² or F1; times 100, so that differences are points.
        size_kb: KiB, deflated.
        latency_ms: Median time of one example.
        flops: Operations of one example.
    """

    quality: float
    size_kb: float
    latency_ms: float
    flops: float


@dataclass(frozen=True)
class Trial:
    """A candidate that was carried out, trained for so long.

    Attributes:
        candidate: What it is.
        rung: Place in the space's `epochs`.
        figures: What was measured; None if it failed.
        core_seconds: What it cost beyond the trials before it.
        problem: Why it failed.
        why: Why it was made.
    """

    candidate: Candidate
    rung: int
    figures: Figures | None
    core_seconds: float
    problem: str = ""
    why: str = ""

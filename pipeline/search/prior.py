"""What is expected of a technique before it was tried: rough figures of earlier runs, which trials correct."""

import math

from pipeline.search.candidate import Candidate, Space, bits_per_weight
from pipeline.search.pareto import Point
from pipeline.search.trial import Figures

DROPS = {"distilled": -0.2, "separable": 2.0, "float16": 0.0, "dynamic": 0.1, "int8": 0.3, "aware": 0.2}
"""Points of accuracy lost."""

RUNG_DROP, HALF_WIDTH_DROP = 1.0, 0.7
"""Points lost for each rung that a training is shorter, and for each halving of the width."""

TIMES = {"separable": 0.5, "dynamic": 1.0, "int8": 0.7, "aware": 0.7}
"""What the time is multiplied by; zeros and shared values change nothing in it."""

OPTIMISM = 0.6
"""Share of the estimated bytes, and of the network's time, below which no file was ever seen to be."""


def expected(candidate: Candidate, rung: int, space: Space, network: Figures, reference: Figures) -> Point:
    """Returns the expected points lost, and powers of ten of the reference's bytes and time.

    Args:
        candidate: What is to be judged.
        rung: For how long it is trained.
        space: What that means.
        network: Bytes and time of its network in float32, untrained or trained.
        reference: Those of the reference.
    """
    words = [candidate.quantization, *(["separable"] if candidate.separable else [])]
    drop = sum(DROPS.get(word, 0.0) for word in [*words, *(["distilled"] if candidate.distilled else [])])
    drop += 4 * candidate.sparsity**4 + (4 / candidate.clusters if candidate.clusters else 0.0)
    if not candidate.given:
        drop += RUNG_DROP * (space.top - rung) - HALF_WIDTH_DROP * math.log2(candidate.width)
    size = network.size_kb / reference.size_kb * size_share(candidate)
    time = network.latency_ms / reference.latency_ms * math.prod(TIMES.get(word, 1.0) for word in words)
    return drop, math.log10(size), math.log10(time)


def size_share(candidate: Candidate) -> float:
    """Estimates the file's bytes as a share of those of its network in float32."""
    return bits_per_weight(candidate) / bits_per_weight(Candidate(candidate.network))


def impossible(candidate: Candidate, network: Figures, size_kb: float | None, latency_ms: float | None) -> str:
    """Says why a candidate can't keep the budget whatever it is trained to, or returns "".

    Args:
        candidate: What is to be judged; bytes are not foreseen where convolutions are separated.
        network: Its network in float32, untrained: how fast it is does not depend on its weights.
        size_kb: The bound, if any.
        latency_ms: The bound, if any.
    """
    if candidate.separable:
        return ""
    least = OPTIMISM * network.size_kb * size_share(candidate)
    if size_kb is not None and least > size_kb:
        return f"at least {least:.4g} KiB"
    same_time = candidate.quantization in ("none", "float16")
    if latency_ms is not None and same_time and OPTIMISM * network.latency_ms > latency_ms:
        return f"its network takes {network.latency_ms:.3g} ms"
    return ""

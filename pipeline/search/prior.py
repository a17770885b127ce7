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
"""Share of the estimated bytes, and of the network's time, that has to keep a bound: both are rough."""


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


def hopeless(candidate: Candidate, network: Figures, size_kb: float | None, latency_ms: float | None) -> bool:
    """Returns whether a candidate is so far above a bound that no training is likely to bring it below.

    Args:
        candidate: What is to be judged; bytes are not foreseen where convolutions are separated.
        network: Its network in float32, untrained: how fast it is does not depend on its weights.
        size_kb: The bound, if any.
        latency_ms: The bound, if any.
    """
    if candidate.separable:
        return False
    if size_kb is not None and OPTIMISM * network.size_kb * size_share(candidate) > size_kb:
        return True
    same_time = candidate.quantization in ("none", "float16")
    return latency_ms is not None and same_time and OPTIMISM * network.latency_ms > latency_ms

"""A space, and a world in which each candidate's figures and cost are known."""

import math

from pipeline.search.candidate import Candidate, Space
from pipeline.search.chain import Link, chain
from pipeline.search.prior import size_share
from pipeline.search.trial import Figures

REFERENCE = Figures(quality=92.0, size_kb=400.0, latency_ms=0.4, flops=8e6)


def space(**changes) -> Space:
    options = {
        "networks": ("reference", "student"),
        "widths": (1.0, 0.5),
        "distilled": (False, True),
        "separable": (False, True),
        "sparsities": (0.0, 0.8),
        "clusters": (0, 16),
        "quantizations": ("none", "float16", "int8"),
        "epochs": (2, 6),
        "fine_tune": 2,
    }
    return Space(**{**options, **changes})


def network(candidate: Candidate) -> Figures:
    """What an untrained network takes: the student is a fifth of the reference, and both shrink with their width."""
    share = candidate.width**2 * (0.2 if candidate.network == "student" else 1.0)
    return Figures(10.0, REFERENCE.size_kb * share, REFERENCE.latency_ms * share**0.8, REFERENCE.flops * share)


def measured(candidate: Candidate, rung: int) -> Figures:
    """What a trained one would measure, otherwise than the prior expects."""
    plain = network(candidate)
    lost = {"int8": 0.6}.get(candidate.quantization, 0.0)
    lost += 3.0 * candidate.separable + 6 * candidate.sparsity**3 + 0.5 * (candidate.clusters > 0)
    if not candidate.given:
        lost += 0.5 - 1.2 * math.log2(candidate.width) + 2.5 * (rung == 0) - 0.3 * candidate.distilled
    faster = {"int8": 0.5}.get(candidate.quantization, 1.0) * (0.4 if candidate.separable else 1.0)
    smaller = size_share(candidate) * (0.3 if candidate.separable else 1.0) * 1.15
    return Figures(REFERENCE.quality - lost, plain.size_kb * smaller, plain.latency_ms * faster, plain.flops)


def cost(link: Link) -> float:
    """What a stage costs in that world."""
    share = 0.3 if link.network.startswith("student") else 1.0
    share *= 0.4 if link.network.endswith("w50") else 1.0
    return {"export": 1.5, "measure": 1.5, "quantize": 2.0, "teach": 4.0, "build": 0.5}.get(
        link.kind, 5.0 * share * link.epochs
    )


def links(candidate: Candidate, rung: int, where: Space) -> tuple[Link, ...]:
    return chain(candidate, rung, where)

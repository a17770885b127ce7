"""What a step of data-parallel training would take on many ranks: a prediction from a few measured figures."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Network:
    """The network between ranks, one link for each of them to the next in the ring.

    Attributes:
        bandwidth: Bytes a second over the slowest link of the ring.
        latency: Seconds that one message takes besides.
    """

    bandwidth: float
    latency: float


@dataclass(frozen=True)
class Work:
    """What each rank does in a step.

    Attributes:
        compute: Seconds of forward and backward pass over its examples, alone.
        gradients: Bytes that are all-reduced.
        overhead: Seconds that taking part costs on any number of ranks: negotiating, fusing, copying.
        overlap: The share of the communication that goes on while gradients are still computed, 0 to 1.
    """

    compute: float
    gradients: float
    overhead: float = 0.0
    overlap: float = 0.0


BACKWARD = 2 / 3
"""The share of a step's computation that is the backward pass, which takes two multiplications for each one forward."""


def ring_all_reduce_seconds(size: float, ranks: int, network: Network) -> float:
    """Returns how long a ring takes: 2 (n - 1) messages of size / n bytes (Patarasuk and Yuan, 2009).

    Args:
        size: Bytes on each rank.
        ranks: How many there are, from 1.
        network: That they communicate over.

    Raises:
        ValueError: If there is no rank.
    """
    if ranks < 1:
        raise ValueError(f"{ranks} ranks; accepted: 1 or more")
    return 2 * (ranks - 1) * (size / ranks / network.bandwidth + network.latency)


def step_seconds(work: Work, ranks: int, network: Network) -> float:
    """Returns the predicted seconds of a step; no more is hidden than fits into the backward pass.

    Args:
        work: Of each rank, which stays the same however many they are (weak scaling).
        ranks: How many there are, from 1.
        network: That they communicate over.
    """
    if ranks == 1:
        return work.compute
    reduce = ring_all_reduce_seconds(work.gradients, ranks, network)
    hidden = min(work.overlap * reduce, BACKWARD * work.compute)
    return work.compute + work.overhead + reduce - hidden


def efficiency(work: Work, ranks: int, network: Network) -> float:
    """Returns the examples a second and rank, as a share of those of one rank alone."""
    return work.compute / step_seconds(work, ranks, network)

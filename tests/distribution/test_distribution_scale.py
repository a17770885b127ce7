import pytest

from pipeline.distribution.scale import Network, Work, efficiency, ring_all_reduce_seconds, step_seconds

NETWORK = Network(bandwidth=1e9, latency=1e-5)
WORK = Work(compute=0.3, gradients=1e8, overhead=0.01, overlap=0.5)


def simulated(size, ranks, network):
    """A ring step by step: each rank sends a chunk to the next and waits for the one from the rank before."""
    clock = [0.0] * ranks
    for _ in range(2 * (ranks - 1)):
        sent = [time + size / ranks / network.bandwidth + network.latency for time in clock]
        clock = [max(sent[rank - 1], clock[rank]) for rank in range(ranks)]
    return max(clock)


@pytest.mark.parametrize("ranks", [1, 2, 3, 8, 512])
def test_a_ring_takes_what_its_messages_take(ranks):
    assert ring_all_reduce_seconds(1e8, ranks, NETWORK) == pytest.approx(simulated(1e8, ranks, NETWORK))


def test_alone_nothing_is_added_and_with_others_what_is_not_hidden_is():
    assert step_seconds(WORK, 1, NETWORK) == 0.3
    reduce = ring_all_reduce_seconds(1e8, 8, NETWORK)
    assert step_seconds(WORK, 8, NETWORK) == pytest.approx(0.3 + 0.01 + reduce / 2)
    assert efficiency(WORK, 8, NETWORK) == pytest.approx(0.3 / (0.31 + reduce / 2))


def test_no_more_is_hidden_than_fits_into_the_backward_pass():
    large = Work(compute=0.3, gradients=1e9, overlap=1.0)
    reduce = ring_all_reduce_seconds(1e9, 8, NETWORK)
    assert step_seconds(large, 8, NETWORK) == pytest.approx(0.3 + reduce - 0.2)


def test_no_rank_is_refused():
    with pytest.raises(ValueError, match="0 ranks; accepted: 1 or more"):
        ring_all_reduce_seconds(1, 0, NETWORK)

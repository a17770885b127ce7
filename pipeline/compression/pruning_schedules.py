"""How sparsity grows with the steps of a fine-tuning; each schedule surely reaches its final sparsity."""

from pipeline.compression.tfmot import tfmot

UPDATES = 50
"""How often the mask is updated between the first and the last pruning step."""


def polynomial_schedule(
    steps: int, *, initial_sparsity: float, final_sparsity: float, end: float
) -> tfmot.sparsity.keras.PruningSchedule:
    """Returns a schedule that grows fast at first and slowly in the end (Zhu and Gupta, arXiv:1710.01878).

    TFMOT's own stays below its final sparsity, without a word, unless the span is a multiple of the frequency; the span
    is rounded down to one here.

    Args:
        steps: Training steps in all.
        initial_sparsity: Share of zeros at the first step.
        final_sparsity: Share of zeros from the end of the span on.
        end: Share of the steps over which sparsity grows; the rest is fine-tuning at a fixed mask.
    """
    last, frequency = _span(steps, end)
    return tfmot.sparsity.keras.PolynomialDecay(
        initial_sparsity, final_sparsity, begin_step=0, end_step=last, frequency=frequency
    )


def constant_schedule(steps: int, *, final_sparsity: float, end: float) -> tfmot.sparsity.keras.PruningSchedule:
    """Returns a schedule of the final sparsity from the first step on, whose mask may still change up to the end.

    Args:
        steps: Training steps in all.
        final_sparsity: Share of zeros.
        end: Share of the steps over which other weights may become the zeros.
    """
    last, frequency = _span(steps, end)
    return tfmot.sparsity.keras.ConstantSparsity(final_sparsity, begin_step=0, end_step=last, frequency=frequency)


def one_shot_schedule(*, final_sparsity: float) -> tfmot.sparsity.keras.PruningSchedule:
    """Returns a schedule that prunes once, at the first step."""
    # TFMOT counts the first step as 1; at 0 it would never prune.
    return tfmot.sparsity.keras.ConstantSparsity(final_sparsity, begin_step=1, end_step=1, frequency=1)


def _span(steps: int, end: float) -> tuple[int, int]:
    span = max(1, int(steps * end) - 1)
    frequency = max(1, span // UPDATES)
    return span // frequency * frequency, frequency

"""The learning-rate range test (Smith, arXiv:1506.01186): which rates a model learns at, in one short training."""

import math
from collections.abc import Sequence

from pipeline.keras import keras, tf
from pipeline.training.fit import OnProgress

Curve = Sequence[tuple[float, float]]
"""Learning rates, rising by the same ratio, each with the smoothed loss of the step that it was used in."""

LEAST_FALL = 0.05
"""The share by which the loss must fall for more than chance to have made it."""


def range_test(
    model: keras.Model,
    batches: tf.data.Dataset,
    *,
    lowest: float,
    highest: float,
    steps: int,
    batches_per_step: int = 1,
    smoothing: float = 0.9,
    diverged: float = 4.0,
    on_progress: OnProgress = lambda done, total, text: None,
) -> list[tuple[float, float]]:
    """Trains a model, in place, with a learning rate that rises exponentially from step to step.

    Args:
        model: Compiled with an optimizer whose learning rate is a number, not a schedule.
        batches: Of (features, labels), perhaps with sample weights; `steps * batches_per_step` of them at least.
        lowest: The rate of the first step, above 0.
        highest: The rate of the last step.
        steps: How many steps to take, 2 or more.
        batches_per_step: How many batches' gradients the optimizer makes a step of (`gradient_accumulation_steps`).
        smoothing: The weight of the past in the exponential mean of the losses, 0 to below 1; its bias towards 0 is
            corrected, as Adam does it (arXiv:1412.6980).
        diverged: The test ends early when the smoothed loss exceeds this many times its lowest.
        on_progress: Called after every step.

    Returns:
        The rate and the smoothed loss of each step, up to the first whose loss is not finite.

    Raises:
        ValueError: If a setting is out of its range.
    """
    if not 0 < lowest < highest < math.inf:
        raise ValueError(f"lowest {lowest} and highest {highest}; accepted: above 0, the highest above the lowest")
    if steps < 2:
        raise ValueError(f"steps {steps}; accepted: 2 or more")
    if not 0 <= smoothing < 1:
        raise ValueError(f"smoothing {smoothing}; accepted: 0 up to, not including, 1")
    curve: list[tuple[float, float]] = []
    mean = 0.0
    # What `fit` calls for each step; `train_on_batch` takes four times as long over a small one.
    train, iterator = model.make_train_function(), iter(batches)
    for step in range(steps):
        rate = lowest * (highest / lowest) ** (step / (steps - 1))
        model.optimizer.learning_rate = rate
        model.reset_metrics()  # else the loss would be the mean since the first step
        for _ in range(batches_per_step):
            logs = train(iterator)
        mean = smoothing * mean + (1 - smoothing) * float(logs["loss"])
        loss = mean / (1 - smoothing ** (step + 1))
        if not math.isfinite(loss):
            break
        curve.append((rate, loss))
        on_progress(step + 1, steps, f"learning rate {rate:.3g} loss {loss:.4f}")
        if loss > diverged * min(loss for _, loss in curve):
            break
    return curve


def suggest(curve: Curve) -> float:
    """Returns the learning rate at which the smoothed loss falls most steeply against the rate's logarithm.

    The slope is taken over a tenth of the curve at a time, since that between two neighbours is mostly noise; the
    suggestion is the geometric middle of the tenth that falls the most. It is where learning is fastest in a test that
    starts from fresh weights, and a sound highest rate of a schedule; a longer training may bear or need another.

    Raises:
        ValueError: If the loss never falls by more than LEAST_FALL of its mean over the first tenth.
    """
    width = max(1, len(curve) // 10)
    first = sum(loss for _, loss in curve[:width]) / width
    if min((loss for _, loss in curve), default=first) >= (1 - LEAST_FALL) * first:
        tested = f" from {curve[0][0]:.3g} to {curve[-1][0]:.3g}" if curve else ""
        raise ValueError(f"at no rate{tested} does the loss fall; accepted: rates among which the model learns")
    falls = [
        (before[1] - after[1], math.sqrt(before[0] * after[0]))
        for before, after in zip(curve, curve[width:], strict=False)
    ]
    return max(falls)[1]

"""The training examples on which the ranges of 8-bit and 16-bit numbers are set."""

from typing import Any

from pipeline.engine.stage import Context


def draw_calibration(train: Any, count: int, seed: int, context: Context) -> Any:
    """Returns training examples drawn at random, in the order they are stored in; says so if there are too few.

    Args:
        train: The training part.
        count: How many are asked for.
        seed: Of the draw.
        context: Of the stage.
    """
    import numpy as np

    found = min(count, len(train.features))
    if found < count:
        context.note(f"calibrated on all {found} training examples; {count} were asked for")
    chosen = np.random.default_rng(seed).choice(len(train.features), found, replace=False)
    return train.decoded(np.sort(chosen))

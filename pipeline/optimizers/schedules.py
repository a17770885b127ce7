"""Learning-rate schedules: functions of the step alone, so that a resumed run follows the same curve."""

from typing import Any

from pipeline.keras import keras


def constant(learning_rate: float, steps: int) -> Any:
    """Returns the learning rate itself; `steps` is not used."""
    del steps
    return learning_rate


def cosine(learning_rate: float, steps: int) -> Any:
    """Returns a schedule that falls from `learning_rate` to 0 in `steps` along half a cosine (arXiv:1608.03983)."""
    return keras.optimizers.schedules.CosineDecay(learning_rate, steps)


SCHEDULES = {"constant": constant, "cosine": cosine}

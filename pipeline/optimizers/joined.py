"""Learning-rate schedules that follow one another, as in `optax.join_schedules`."""

from collections.abc import Sequence
from typing import Any, TypeAlias

from pipeline.keras import keras, tf

Schedule: TypeAlias = float | keras.optimizers.schedules.LearningRateSchedule
"""A learning rate, fixed or by the step."""


@keras.saving.register_keras_serializable(package="frugal")
class JoinedSchedules(keras.optimizers.schedules.LearningRateSchedule):
    """Follows one schedule up to a step, then the next, each counting its steps from where it begins.

    Args:
        schedules: Those to follow, in order.
        boundaries: The step at which each but the first begins, ascending.
        name: As Keras's own schedules have it.

    Raises:
        ValueError: If there isn't one boundary fewer than schedules, or they don't ascend.
    """

    def __init__(self, schedules: Sequence[Schedule], boundaries: Sequence[int], name: str | None = None) -> None:
        super().__init__()
        if len(boundaries) != len(schedules) - 1:
            raise ValueError(f"{len(boundaries)} boundaries of {len(schedules)} schedules; accepted: one fewer")
        if list(boundaries) != sorted(set(boundaries)):
            raise ValueError(f"boundaries {list(boundaries)}; accepted: ascending steps")
        self.schedules, self.boundaries, self.name = list(schedules), list(boundaries), name

    def __call__(self, step: Any) -> tf.Tensor:
        """Returns the learning rate at a step, a scalar of an integer type, as a float32 scalar."""
        with tf.name_scope(self.name or "JoinedSchedules"):
            step = tf.cast(step, tf.int64)
            rates = [
                # A schedule that hasn't begun isn't asked for steps below 0, where it may be infinite.
                tf.cast(_rate(schedule, tf.maximum(step - start, 0)), tf.float32)
                for schedule, start in zip(self.schedules, [0, *self.boundaries], strict=True)
            ]
            begun = tf.reduce_sum(tf.cast(step >= tf.constant(self.boundaries, tf.int64), tf.int32))
            return tf.gather(tf.stack(rates), begun)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments as plain data."""
        return {
            "schedules": [
                keras.optimizers.schedules.serialize(each) if callable(each) else each for each in self.schedules
            ],
            "boundaries": self.boundaries,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "JoinedSchedules":
        """Returns the schedules of `get_config`'s data."""
        schedules = [
            keras.optimizers.schedules.deserialize(each) if isinstance(each, dict) else each
            for each in config["schedules"]
        ]
        return cls(**{**config, "schedules": schedules})


def _rate(schedule: Schedule, step: tf.Tensor) -> Any:
    return schedule(step) if callable(schedule) else schedule

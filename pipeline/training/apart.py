"""What a training takes whose model other processes hold."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from pipeline.keras import keras, tf

LOST = (tf.errors.UnavailableError, tf.errors.AbortedError)
FAULT = re.compile(r"remote target /job:(\w+)/replica:\d+/task:(\d+)")
"""How TensorFlow says which process did not answer, in errors of many types."""


def judge_copy(distribution: Any, placed: keras.Model, model: keras.Model, judged: tf.data.Dataset) -> dict[str, float]:
    """Returns the metrics of a placed model, measured here on a copy, named as Keras names those of validation.

    Args:
        distribution: The engine that placed it.
        placed: The model in training.
        model: The compiled model that takes its weights.
        judged: Batches.
    """

    def judge() -> dict[str, float]:
        distribution.copy(placed, model)
        return model.evaluate(judged, verbose=0, return_dict=True)

    # In a thread of its own, for Keras calls back inside the scope of the placed model's strategy.
    with ThreadPoolExecutor(1) as thread:
        return {f"val_{name}": value for name, value in thread.submit(judge).result().items()}


@contextmanager
def naming_the_lost() -> Iterator[None]:
    """Turns TensorFlow's account of a process that no longer answers into one line.

    Raises:
        ValueError: In place of TensorFlow's error.
    """
    try:
        yield
    except Exception as error:
        found = FAULT.findall(str(error))
        if not found and not isinstance(error, LOST):
            raise
        # Workers pass on that they miss a server: it, and not the worker, is what the run can't do without.
        role, index = next((each for each in found if each[0] == "ps"), found[0] if found else ("a", "process"))
        raise ValueError(
            f"{role} {index} is lost; started anew, the run goes on from the last completed epoch"
        ) from error

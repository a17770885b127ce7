"""Says which rank the others wait for.

Horovod's own stall check is silent in builds with Gloo: in version 0.28.1 its controller for Gloo reserves the list of
ranks and never sizes it (`global_ranks_` in gloo_controller.cc), so the check finds no rank missing.
"""

import itertools
import logging
import os
import threading
import time
from typing import Any

from pipeline.keras import keras

log = logging.getLogger(__name__)

CHECKS = 4
"""In the time after which a stall is reported."""

PATIENCE = 3
"""Times that many seconds, and a rank that is behind ends the run."""

_trainings = itertools.count()


class StallWatch(keras.callbacks.Callback):
    """Tells each rank's step through the launcher's key-value store; rank 0 warns if none is finished for long.

    After three times as long it ends the process, and with it the launch, if the ranks are at different steps: one of
    them is lost or hangs, and the others would wait for ever. The next launch goes on from the last completed epoch.

    Args:
        rank: This process's number.
        ranks: How many there are.
        seconds: Without a finished step, before it is reported.
        scope: Names this training among those of the launch, the same on all ranks; None counts those of the process.
        ends: Whether a rank that is behind ends the run.
    """

    _supports_tf_logs = True

    def __init__(self, rank: int, ranks: int, seconds: float, *, scope: str | None = None, ends: bool = True) -> None:
        super().__init__()
        self._rank, self._ranks, self._seconds, self._ends = rank, ranks, seconds, ends
        self._scope = f"frugal.steps.{next(_trainings) if scope is None else scope}"
        self._step = 0
        self._end = threading.Event()

    def on_train_begin(self, logs: Any = None) -> None:
        """Starts to watch."""
        del logs
        if "HOROVOD_GLOO_RENDEZVOUS_ADDR" in os.environ:
            threading.Thread(target=self._watch, daemon=True).start()

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Counts a step."""
        del batch, logs
        self._step += 1

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Counts a step of validation too."""
        del batch, logs
        self._step += 1

    def on_train_end(self, logs: Any = None) -> None:
        """Watches no longer."""
        del logs
        self.stop()

    def stop(self) -> None:
        """Watches no longer; to be called where an error ended the training."""
        self._end.set()

    def _watch(self) -> None:
        from horovod.runner.http.http_client import put_data_into_kvstore, read_data_from_kvstore

        store = os.environ["HOROVOD_GLOO_RENDEZVOUS_ADDR"], int(os.environ["HOROVOD_GLOO_RENDEZVOUS_PORT"])
        seen, since, warned = 0, time.monotonic(), 0.0
        while not self._end.wait(self._seconds / CHECKS):
            try:
                put_data_into_kvstore(*store, self._scope, str(self._rank), self._step)
                if self._rank > 0:
                    continue
                if self._step != seen:
                    seen, since, warned = self._step, time.monotonic(), 0.0
                    continue
                stalled = time.monotonic() - since
                if seen == 0 or stalled < warned + self._seconds:
                    continue
                warned = stalled
                steps = [int(read_data_from_kvstore(*store, self._scope, str(rank))) for rank in range(self._ranks)]
            except (RuntimeError, OSError):  # a rank that has not said a word yet, or a launcher that is ending
                continue
            places = ", ".join(f"rank {rank} is in step {step}" for rank, step in enumerate(steps))
            log.warning("no step was finished for %.0f s: %s", stalled, places)
            if self._ends and stalled > PATIENCE * self._seconds and len(set(steps)) > 1:
                behind = steps.index(min(steps))
                log.error("rank %d hangs; the same command goes on from the last completed epoch", behind)
                os._exit(1)

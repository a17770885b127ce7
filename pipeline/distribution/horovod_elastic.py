"""Data-parallel training with Horovod whose ranks may be lost and may join while it goes on (Elastic Horovod)."""

import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pipeline.distribution.averaged_metrics import AverageMetrics
from pipeline.distribution.horovod import Horovod
from pipeline.distribution.stall_watch import StallWatch
from pipeline.keras import keras

log = logging.getLogger(__name__)

GOES_ON = "the same command goes on from the last completed epoch"


class HorovodElastic(Horovod):
    """Ranks started by an elastic launcher, which may become fewer or more at the end of any epoch.

    What all have in common is that of rank 0, the process that had this place from the start: it alone has checkpoints.
    A rank that is lost costs the epoch that it was lost in, which begins anew. One that joins is taken in when an epoch
    is done. Each batch is shared out among those that are there, so the result is, but for rounding and what is drawn
    on each rank, that of any number of them.

    Args:
        compression: As in `Horovod`.
        groups: As in `Horovod`.
        stall_seconds: As in `Horovod`, but that no rank is given up for it: the launcher takes in the end of a process.
        join_seconds: So long may ranks take to find each other; one that joins starts Python, and reads the data first.
        environment: As in `Horovod`.

    Raises:
        ValueError: If Horovod is not installed, or the ranks did not find each other.
    """

    def __init__(
        self,
        *,
        compression: str = "none",
        groups: int = 0,
        stall_seconds: float = 60,
        join_seconds: float = 300,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        from pipeline.distribution.elastic_state import host_updates

        timeouts = {"HOROVOD_GLOO_TIMEOUT_SECONDS": str(round(join_seconds))}
        chosen = {"compression": compression, "groups": groups, "stall_seconds": stall_seconds}
        super().__init__(None, environment={**timeouts, **(environment or {})}, **chosen)  # type: ignore[arg-type]
        host_updates()
        self._join_seconds = join_seconds
        self._leads = self.rank == 0
        self._state: Any = None
        self._watch: StallWatch | None = None

    def share(self, value: Any) -> Any:
        """Returns this rank's value: a rank that joins later meets the others in `attempt` only."""
        return value

    def begin(self, placed: keras.Model) -> None:
        """Does nothing; `attempt` gives every rank the state of rank 0."""
        del placed

    def callbacks(self) -> list[keras.callbacks.Callback]:
        """Returns those that make all ranks' metrics those of all examples, and name a rank that hangs."""
        scope = f"{self._state.number}.{self._state.attempts}"
        self._watch = StallWatch(self.rank, self.size, self._stall_seconds, scope=scope, ends=False)
        return [self._watch, AverageMetrics()]

    def attempt(self, placed: keras.Model, history: list[dict[str, float]], train: Callable[[], None]) -> None:
        """Trains with whoever is there; when ranks are lost or join, from the last completed epoch with those there.

        Raises:
            ValueError: If rank 0 is lost, or the ranks did not find each other.
            SystemExit: If this rank was taken off the list of hosts, which is no failure.
        """
        from horovod.common.elastic import run_fn

        from pipeline.distribution.elastic_state import ElasticState, as_lost

        self._state = state = ElasticState([*placed.variables, *placed.optimizer.variables], history)

        def attempt(_: Any) -> None:
            if state.resets:
                log.warning("%s now, after epoch %d: rank %d goes on", _ranks(self.size), len(history), self.rank)
            state.attempts += 1
            with as_lost(), self._watched():
                train()

        run_fn(attempt, self._reset)(state)

    def completed(self, last: bool) -> None:
        """Keeps the state, to which a loss goes back; but for the last epoch, stops for ranks that join or leave."""
        self._state.save()
        if not last:
            self._state.check_host_updates()

    def memory(self, batch_size: int) -> dict[str, int]:
        """Returns the bytes of the state that is kept, on each rank."""
        del batch_size
        return {"state of the last epoch": self._state.nbytes}

    def caveats(self) -> list[str]:
        """Returns that costs are incomplete, if ranks were lost or joined."""
        if not self._state.resets:
            return []
        times = "once" if self._state.resets == 1 else f"{self._state.resets} times"
        return [f"the ranks changed {times}: what a rank spent that was lost is not in the cost"]

    @contextmanager
    def _watched(self) -> Iterator[None]:
        try:
            yield
        finally:
            if self._watch:
                self._watch.stop()

    def _reset(self) -> None:
        """Leaves the ranks that were, and waits for those that the launcher says will be."""
        if self._leads:
            log.warning("ranks were lost, hang, join or leave; waiting for those that go on")
        self._state.forget_host_updates()
        self._hvd.shutdown()
        start = time.monotonic()
        try:
            self._hvd.init()
        except ValueError as error:
            # Horovod says the same of both, and can't start again after either.
            if time.monotonic() - start < self._join_seconds and not self._leads:
                log.warning("this rank was taken off the list of hosts and ends")
                raise SystemExit(0) from error
            reason = f"the ranks did not find each other within {self._join_seconds:g} s"
            raise ValueError(f"{reason}; {GOES_ON}") from error
        self.rank, self.size = self._hvd.rank(), self._hvd.size()
        os.environ.update(HOROVOD_RANK=str(self.rank), HOROVOD_SIZE=str(self.size))
        if self._leads != (self.rank == 0):
            raise ValueError(f"rank 0 is lost, and with it who writes; {GOES_ON}")
        self._state.resets += 1


def _ranks(count: int) -> str:
    return "1 rank" if count == 1 else f"{count} ranks"

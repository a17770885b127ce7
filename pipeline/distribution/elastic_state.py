"""What the ranks of an elastic training have in common, and what they hear of the launcher's list of hosts."""

import itertools
import queue
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

from horovod.common.elastic import State, notification_manager
from horovod.common.exceptions import HorovodInternalError, HostsUpdatedInterrupt
from horovod.tensorflow import broadcast, broadcast_object, rank

from pipeline.keras import tf

_numbers = itertools.count()


class HostUpdates:
    """Holds what the launcher tells this process of changed hosts until a training asks, between trainings too.

    Horovod's own state drops what comes while no training is on, and while ranks find each other anew; the launcher
    tells each change once, so a rank would wait to be taken in until the hosts change again.
    """

    def __init__(self) -> None:
        self.messages: queue.Queue[tuple[int, Any]] = queue.Queue()
        notification_manager.init()
        notification_manager.register_listener(self)

    def on_hosts_updated(self, timestamp: int, update: Any) -> None:
        """Is called by Horovod's thread."""
        self.messages.put((timestamp, update))


@cache
def host_updates() -> HostUpdates:
    """Returns those of this process, which listens from the first call on."""
    return HostUpdates()


class ElasticState(State):
    """Variables and history as they were after the last completed epoch, to go back to, and to give to who joins.

    Args:
        variables: Of the model and the optimizer, in the same order on all ranks.
        history: The metrics of the epochs that are done; it is changed in place.

    Attributes:
        number: Of the training, among those of rank 0's process.
        attempts: How often the training was begun, on rank 0.
        resets: How often the ranks changed, as far as this rank knows.
    """

    def __init__(self, variables: Sequence[tf.Variable], history: list[dict[str, float]]) -> None:
        super().__init__(bcast_object=broadcast_object, get_rank=rank)
        self._variables, self._history = variables, history
        self.number, self.attempts, self.resets = next(_numbers), 0, 0
        self._host_messages = host_updates().messages
        self.save()

    @property
    def nbytes(self) -> int:
        """The bytes that are kept."""
        return sum(value.nbytes for value in self._values)

    def save(self) -> None:
        """Keeps a copy."""
        self._values, self._epochs = [variable.numpy() for variable in self._variables], list(self._history)

    def restore(self) -> None:
        """Goes back to it."""
        for variable, value in zip(self._variables, self._values, strict=True):
            variable.assign(value)
        self._history[:] = self._epochs

    def sync(self) -> None:
        """Takes over rank 0's; by number, for names may differ where ranks have trained different models before."""
        with as_lost():
            for number, variable in enumerate(self._variables):
                variable.assign(broadcast(variable.read_value(), 0, name=f"frugal.state.{number}"))
            told = (self.number, self.attempts, self._history)
            self.number, self.attempts, self._history[:] = broadcast_object(told, name="frugal.history")
        self.save()

    def on_hosts_updated(self, timestamp: int, update: Any) -> None:
        """Leaves it to `HostUpdates`."""

    def on_reset(self) -> None:
        """Keeps what was heard while the ranks found each other."""

    def forget_host_updates(self) -> None:
        """Drops what the launcher has said up to now; to be called before it is asked who the ranks are."""
        while not self._host_messages.empty():
            self._host_messages.get()

    def check_host_updates(self) -> None:
        """Asks rank 0 whether hosts have changed.

        Raises:
            HostsUpdatedInterrupt: If so. All ranks take over rank 0's state then: where the last change took hosts
                away, Horovod would spare that, though another that added some may have followed.
        """
        try:
            super().check_host_updates()
        except HostsUpdatedInterrupt:
            raise HostsUpdatedInterrupt(False) from None


@contextmanager
def as_lost() -> Iterator[None]:
    """Turns what Horovod's operations raise when a rank is lost into what its elastic loop heeds.

    Raises:
        HorovodInternalError: In place of TensorFlow's error.
    """
    try:
        yield
    except tf.errors.UnknownError as error:
        if "orovod" not in str(error):
            raise
        raise HorovodInternalError(str(error)) from error

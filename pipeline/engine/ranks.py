"""Several processes on one run: rank 0 decides and writes, the others join the stages that are built together.

The processes talk through the key-value store that `horovodrun` keeps for its ranks (under `mpirun` and `srun`, rank 0
does), so nothing is left behind on disk.
"""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.error import HTTPError

from pipeline.engine.errors import PipelineError

POLL_SECONDS = 0.05
SCOPE = "frugal"
BUILD, PASS = "build", "pass"


@dataclass(frozen=True)
class Ranks:
    """This process among those of its launch.

    Attributes:
        number: From 0; 0 leads.
        size: How many there are.
        job: Of a sweep, the one that they are at; what is told in one is not heard in another.
    """

    number: int = 0
    size: int = 1
    job: int = 0

    @property
    def leads(self) -> bool:
        """Whether this process decides, writes artifacts, shows progress and reports."""
        return self.number == 0

    def tell(self, key: str, value: str) -> None:
        """Passes something on to the other ranks, under a key that is used once."""
        if self.size > 1:
            from horovod.runner.http.http_client import put_data_into_kvstore

            put_data_into_kvstore(*_server(), f"{SCOPE}.{self.job}", key, value)

    def hear(self, key: str) -> str:
        """Returns what another rank has told, once it has; if that one dies, the launcher ends this process too.

        Raises:
            PipelineError: If the store of the ranks is gone.
        """
        from horovod.runner.http.http_client import read_data_from_kvstore

        while True:
            try:
                return str(read_data_from_kvstore(*_server(), f"{SCOPE}.{self.job}", key))
            except RuntimeError as error:
                if not isinstance(error.args[-1], HTTPError):  # a client error is the store's way to say: not yet
                    raise PipelineError(
                        "the process that keeps the ranks together is gone: rank 0, or horovodrun"
                    ) from error
                time.sleep(POLL_SECONDS)

    def leave(self) -> None:
        """Says that this rank is done; the one that leads returns once all are, for it may keep the store."""
        if self.leads:
            for number in range(1, self.size):
                self.hear(f"left.{number}")
        else:
            self.tell(f"left.{self.number}", "")


def current(job: int = 0) -> Ranks:
    """Returns this process's place as `horovodrun` set it; without a launcher, the only one."""
    return Ranks(int(os.environ.get("HOROVOD_RANK", "0")), int(os.environ.get("HOROVOD_SIZE", "1")), job)


def require_one_plan(ranks: Ranks, keys: Mapping[str, str]) -> None:
    """Refuses ranks that were started for different runs; rank 0 does, and the launcher ends the others with it.

    Args:
        ranks: This process's place.
        keys: That this process found for the stages that all train together, by name.

    Raises:
        PipelineError: Naming a rank, and the first stage that is another one there.
    """
    if not ranks.leads:
        ranks.tell(f"plan.{ranks.number}", json.dumps(keys))
        return
    for number in range(1, ranks.size):
        theirs = json.loads(ranks.hear(f"plan.{number}"))
        if different := [name for name in {**keys, **theirs} if keys.get(name) != theirs.get(name)]:
            raise PipelineError(
                f"rank {number} was started for another run: its stage {different[0]} is not that of rank 0; "
                "accepted: the same configuration, code, libraries and data on every rank"
            )


def cost_key(stage: str, rank: int) -> str:
    """Returns the key under which a rank tells what its share of a stage cost."""
    return f"{stage}.cost.{rank}"


def _server() -> tuple[str, int]:
    return os.environ["HOROVOD_GLOO_RENDEZVOUS_ADDR"], int(os.environ["HOROVOD_GLOO_RENDEZVOUS_PORT"])

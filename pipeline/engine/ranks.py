"""Several processes on one run: rank 0 decides and writes, the others join the stages that are built together.

The processes talk through the key-value store that `horovodrun` keeps for its ranks (under `mpirun` and `srun`, rank 0
does), so nothing is left behind on disk. In an elastic launch ranks are lost and join: nobody waits there for a rank
that may be gone, and what rank 0 has told stays up.
"""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.error import HTTPError

from pipeline.engine import bulletin
from pipeline.engine.errors import PipelineError

POLL_SECONDS = 0.05
SCOPE = "frugal"
BUILD, PASS = "build", "pass"

ELASTIC = "HOROVOD_ELASTIC"
"""The variable that an elastic launcher sets to 1 for its ranks."""

COST_SECONDS = 10.0
"""In an elastic launch, for all others to tell what a stage cost them; those that are lost never will."""

SILENT_SECONDS = 60.0
"""Without a sign of rank 0, and the others of an elastic launch, which goes on without it, take it for lost."""

GONE = "the process that keeps the ranks together is gone: rank 0, or horovodrun"


@dataclass(frozen=True)
class Ranks:
    """This process among those of its launch.

    Attributes:
        number: From 0; 0 leads.
        size: How many there are.
        job: Of a sweep, the one that they are at; what is told in one is not heard in another.
        elastic: Whether the launch goes on when ranks are lost, and more may join.
    """

    number: int = 0
    size: int = 1
    job: int = 0
    elastic: bool = False

    @property
    def leads(self) -> bool:
        """Whether this process decides, writes artifacts, shows progress and reports."""
        return self.number == 0

    @property
    def several(self) -> bool:
        """Whether there are others, or may be."""
        return self.size > 1 or self.elastic

    def tell(self, key: str, value: str) -> None:
        """Passes something on to the other ranks; except by rank 0 of an elastic launch, under a key used once."""
        if self.elastic and self.leads:
            bulletin.bulletin(_put, _get).tell(self._scope, key, value)
        elif self.several:
            _put(self._scope, key, value)

    def hear(self, key: str) -> str:
        """Returns what another rank has told, once it has; if that one dies, the launcher ends this process too.

        Raises:
            PipelineError: If the store of the ranks is gone; in an elastic launch, if rank 0 is.
        """
        beat: str | None = "not asked yet"
        since = time.monotonic()
        while (value := _get(self._scope, key)) is None:
            if self.elastic and time.monotonic() > since + SILENT_SECONDS:
                before, beat, since = beat, _get(bulletin.SCOPE, bulletin.BEAT), time.monotonic()
                if beat == before:
                    raise PipelineError("rank 0 is lost; the same command goes on from the last completed epoch")
            time.sleep(POLL_SECONDS)
        return value

    def costs(self, stage: str) -> list[str]:
        """Returns what the other ranks' shares of a stage cost, as they have told."""
        size = current().size if self.elastic else self.size
        keys = [cost_key(stage, number) for number in range(1, size)]
        if not self.elastic:
            return [self.hear(key) for key in keys]
        deadline = time.monotonic() + COST_SECONDS
        while len(found := [told for key in keys if (told := _get(self._scope, key)) is not None]) < len(keys):
            if time.monotonic() > deadline:
                break
            time.sleep(POLL_SECONDS)
        return found

    def leave(self) -> None:
        """Says that this rank is done; the one that leads returns once all are, for it may keep the store."""
        if self.leads:
            for number in range(1, self.size):
                self.hear(f"left.{number}")
        else:
            self.tell(f"left.{self.number}", "")

    @property
    def _scope(self) -> str:
        return f"{SCOPE}.{self.job}"


def current(job: int = 0) -> Ranks:
    """Returns this process's place as `horovodrun` set it, or an elastic engine since; else that of the only one."""
    number, size = int(os.environ.get("HOROVOD_RANK", "0")), int(os.environ.get("HOROVOD_SIZE", "1"))
    return Ranks(number, size, job, os.environ.get(ELASTIC) == "1")


def require_one_plan(ranks: Ranks, keys: Mapping[str, str]) -> None:
    """Refuses ranks that were started for different runs.

    Rank 0 refuses another, and the launcher ends all with it. In an elastic launch, where ranks come later, each one
    refuses itself.

    Args:
        ranks: This process's place.
        keys: That this process found for the stages that all train together, by name.

    Raises:
        PipelineError: Naming a rank, and the first stage that is another one there.
    """
    if ranks.elastic:
        if ranks.leads:
            ranks.tell("plan", json.dumps(keys))
        else:
            _require_same(ranks.number, json.loads(ranks.hear("plan")), keys)
    elif ranks.leads:
        for number in range(1, ranks.size):
            _require_same(number, keys, json.loads(ranks.hear(f"plan.{number}")))
    else:
        ranks.tell(f"plan.{ranks.number}", json.dumps(keys))


def cost_key(stage: str, rank: int) -> str:
    """Returns the key under which a rank tells what its share of a stage cost."""
    return f"{stage}.cost.{rank}"


def _require_same(number: int, leading: Mapping[str, str], keys: Mapping[str, str]) -> None:
    if different := [name for name in {**leading, **keys} if leading.get(name) != keys.get(name)]:
        raise PipelineError(
            f"rank {number} was started for another run: its stage {different[0]} is not that of rank 0; "
            "accepted: the same configuration, code, libraries and data on every rank"
        )


def _put(scope: str, key: str, value: str) -> None:
    from horovod.runner.http.http_client import put_data_into_kvstore

    put_data_into_kvstore(*_server(), scope, key, value)


def _get(scope: str, key: str) -> str | None:
    from horovod.runner.http.http_client import read_data_from_kvstore

    try:
        return str(read_data_from_kvstore(*_server(), scope, key))
    except (RuntimeError, OSError) as error:
        if isinstance(error.args[-1], HTTPError):  # a client error is the store's way to say: not yet
            return None
        raise PipelineError(GONE) from error


def _server() -> tuple[str, int]:
    return os.environ["HOROVOD_GLOO_RENDEZVOUS_ADDR"], int(os.environ["HOROVOD_GLOO_RENDEZVOUS_PORT"])

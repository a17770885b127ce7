"""Ranks that `mpirun` or `srun` have started: their places, and the key-value store that `horovodrun` would keep.

Horovod finds its ranks by that store (Gloo), and so do ours; here rank 0 keeps it.
"""

import re
import socket
import threading
import time
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from pipeline.engine.errors import ConfigError

MPI = "OMPI_COMM_WORLD"
PLACES = (
    (f"{MPI}_RANK", f"{MPI}_SIZE", f"{MPI}_LOCAL_RANK", f"{MPI}_LOCAL_SIZE"),
    ("PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"),
    ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID", "SLURM_STEP_TASKS_PER_NODE"),
)
"""For Open MPI, for MPICH and Intel MPI, and for Slurm: where they tell rank, size, and both on this node."""

ADDRESS, PORT = "MASTER_ADDR", "MASTER_PORT"
"""Where rank 0 listens, under the names that other frameworks use too."""

DEFAULT_PORT = 29500
PATIENCE_SECONDS = 120
"""For rank 0 to start Python."""


@dataclass(frozen=True)
class Place:
    """A process among those of its launch, on nodes that have as many each, filled one after the other.

    Attributes:
        rank: From 0.
        size: Processes of the launch.
        local_rank: From 0 on each node.
        local_size: Processes of this node.
    """

    rank: int
    size: int
    local_rank: int
    local_size: int

    def environment(self, address: str, port: int) -> dict[str, str]:
        """Returns the variables that `horovodrun` would set, with the address of the store."""
        values: dict[str, Any] = {
            "HOROVOD_RANK": self.rank,
            "HOROVOD_SIZE": self.size,
            "HOROVOD_LOCAL_RANK": self.local_rank,
            "HOROVOD_LOCAL_SIZE": self.local_size,
            "HOROVOD_CROSS_RANK": self.rank // self.local_size,
            "HOROVOD_CROSS_SIZE": self.size // self.local_size,
            "HOROVOD_HOSTNAME": f"node{self.rank // self.local_size}",
            "HOROVOD_CONTROLLER": "gloo",
            "HOROVOD_CPU_OPERATIONS": "gloo",
            "HOROVOD_GLOO_RENDEZVOUS_ADDR": address,
            "HOROVOD_GLOO_RENDEZVOUS_PORT": port,
        }
        if self.size == self.local_size:
            values["HOROVOD_GLOO_IFACE"] = "lo"
        return {name: str(value) for name, value in values.items()}


def find_place(environment: Mapping[str, str]) -> Place | None:
    """Returns this process's place if `mpirun` or `srun` started several, and not for a launcher of another kind.

    Raises:
        ConfigError: If nodes have not as many processes each, filled one after the other.
    """
    if "HOROVOD_RANK" in environment or "TF_CONFIG" in environment:
        return None
    for names in PLACES:
        if not all(name in environment for name in names):
            continue
        texts = [environment[name] for name in names]
        numbers = [int(found[1]) for text in texts if (found := re.fullmatch(r"(\d+)(\(x\d+\))?", text))]
        if len(numbers) < len(texts):
            raise ConfigError(names[3], "nodes differ", value=texts[3], accepted=["as many processes on each node"])
        place = Place(*numbers)
        if place.size == 1:
            return None
        if place.size % place.local_size or place.rank % place.local_size != place.local_rank:
            way = "as many processes on each node, and nodes filled one after the other"
            raise ConfigError(names[0], f"rank {place.local_rank} of its node", value=place.rank, accepted=[way])
        return place
    return None


def enter(place: Place, environment: MutableMapping[str, str]) -> None:
    """Makes the environment that of a rank; rank 0 starts the store.

    Raises:
        ConfigError: If Horovod is not installed, or the store's address is unknown or taken.
    """
    address = environment.get(ADDRESS) or ("127.0.0.1" if place.size == place.local_size else None)
    if address is None:
        raise ConfigError(ADDRESS, f"not set, for {place.size} processes on several nodes", accepted=["rank 0's node"])
    text = environment.get(PORT, str(DEFAULT_PORT))
    if not text.isdecimal():
        raise ConfigError(PORT, "not a port", value=text, accepted=["a number"])
    if place.rank == 0:
        _serve(int(text), place)
    else:
        _wait_for(address, int(text))
    environment.update(place.environment(address, int(text)))


def _wait_for(address: str, port: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            socket.create_connection((address, port), timeout=1).close()
        except OSError as error:
            if time.monotonic() > deadline:
                where = f"{address}:{port}"
                raise ConfigError(ADDRESS, "rank 0 does not answer", value=where, accepted=["its node"]) from error
            time.sleep(0.2)
        else:
            return


def _serve(port: int, place: Place) -> None:
    try:
        from horovod.runner.common.util.hosts import HostInfo, get_host_assignments
        from horovod.runner.http.http_server import RendezvousHandler, RendezvousHTTPServer
    except ImportError as error:
        fix = ["uv sync --extra horovod"]
        raise ConfigError("distribution", "Horovod is not installed", value="horovod", accepted=fix) from error
    local = place.size == place.local_size
    try:
        server = RendezvousHTTPServer(("127.0.0.1" if local else "", port), RendezvousHandler, 0)
    except OSError as error:
        raise ConfigError(PORT, "taken", value=port, accepted=["a free port, the same for all ranks"]) from error
    nodes = [HostInfo(f"node{number}", place.local_size) for number in range(place.size // place.local_size)]
    server.init(get_host_assignments(nodes, place.size, place.size))
    threading.Thread(target=server.serve_forever, daemon=True).start()

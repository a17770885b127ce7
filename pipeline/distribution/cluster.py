"""The processes of a TensorFlow cluster, as the environment variable `TF_CONFIG` names them, and the serving ones.

The chief runs the experiment; workers and parameter servers wait for what it sends them.
"""

import json
import logging
import os
import queue
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ROLES = ("chief", "worker", "ps")
POLL_SECONDS = 1.0
"""Between two looks at the chief."""

PATIENCE = 10.0
"""Seconds that the chief may take to answer."""

START_SECONDS = 300.0
"""Seconds that servers may take to start: TensorFlow alone takes some, many on a busy machine."""

FAILURES = 3
"""Looks without an answer, one after the other, by which the chief is gone."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Cluster:
    """All processes of a cluster, and this one's place.

    Attributes:
        addresses: "host:port" of each process, by role; of the chief exactly one.
        role: This process's: chief, worker or ps.
        index: This process's among those of its role, from 0.
    """

    addresses: Mapping[str, tuple[str, ...]]
    role: str
    index: int

    @property
    def leads(self) -> bool:
        """Whether this process is the chief, which runs the experiment."""
        return self.role == "chief"

    @property
    def name(self) -> str:
        """This process, in words."""
        return "chief" if self.leads else f"{self.role} {self.index}"

    @property
    def host(self) -> str:
        """The host part of this process's address."""
        return _host(self.addresses[self.role][self.index])

    def count(self, role: str) -> int:
        """Returns how many processes have a role."""
        return len(self.addresses.get(role, ()))

    def neighbours(self) -> int:
        """Returns how many processes share this one's host, itself included."""
        return sum(_host(address) == self.host for each in self.addresses.values() for address in each)


def current() -> Cluster | None:
    """Returns what `TF_CONFIG` says, or None where it is not set or empty.

    Raises:
        ValueError: As `read`.
    """
    text = os.environ.get("TF_CONFIG", "")
    return read(text) if text.strip() else None


def read(text: str) -> Cluster:
    """Returns the cluster that a text in the format of `TF_CONFIG` describes.

    Args:
        text: JSON, `{"cluster": {"chief": ["host:port"], "worker": [...], "ps": [...]}, "task": {"type": "worker",
            "index": 0}}`; keys beside these are ignored, as TensorFlow does.

    Raises:
        ValueError: When it is not that.
    """
    try:
        given = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"TF_CONFIG: not JSON ({error}); accepted: an object of cluster and task") from error
    cluster, task = _part(given, "cluster"), _part(given, "task")
    for role, addresses in cluster.items():
        _check_role(f"cluster.{role}", role)
        if not isinstance(addresses, list) or not all(map(_is_address, addresses)):
            raise ValueError(f"TF_CONFIG: cluster.{role}={addresses!r}; accepted: a list of host:port")
    chiefs = cluster.get("chief", [])
    if len(chiefs) != 1:
        raise ValueError(f"TF_CONFIG: cluster.chief has {len(chiefs)} addresses; accepted: one")
    every = [address for addresses in cluster.values() for address in addresses]
    if twice := sorted({address for address in every if every.count(address) > 1}):
        raise ValueError(f"TF_CONFIG: {', '.join(twice)} is there more than once; accepted: one process an address")
    for key in ("type", "index"):
        if key not in task:
            raise ValueError(f"TF_CONFIG: task.{key} is missing; accepted: a type and an index")
    role, index = task["type"], task["index"]
    _check_role("task.type", role)
    index = int(index) if isinstance(index, str) and index.isdecimal() else index
    count = len(cluster.get(role, []))
    if type(index) is not int or not 0 <= index < count:
        choices = f"0 to {count - 1}" if count else f"a task of the cluster, which has no {role}"
        raise ValueError(f"TF_CONFIG: task.index={index!r} of a {role}; accepted: {choices}")
    return Cluster({name: tuple(addresses) for name, addresses in cluster.items()}, role, index)


def serve(cluster: Cluster) -> None:
    """Does a worker's or a parameter server's part; returns once the chief has been seen and is gone.

    Before the chief is seen it waits without limit: how long the chief prepares data is not known here. The cores are
    divided among the processes on this host, unless `TF_NUM_INTRAOP_THREADS` is set.

    Args:
        cluster: With this process's place in it.

    Raises:
        ValueError: When TensorFlow can't serve at the address.
    """
    cores = max(1, len(os.sched_getaffinity(0)) // cluster.neighbours())
    threads = int(os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(cores)))

    from pipeline.keras import tf

    tf.config.experimental.enable_op_determinism()  # as the chief's training has it
    config = tf.compat.v1.ConfigProto(
        intra_op_parallelism_threads=threads,
        inter_op_parallelism_threads=max(threads, cluster.count("worker") + 1),  # fewer can block one another
    )
    spec = tf.train.ClusterSpec({role: list(addresses) for role, addresses in cluster.addresses.items()})
    address = cluster.addresses[cluster.role][cluster.index]
    try:
        server = tf.distribute.Server(spec, job_name=cluster.role, task_index=cluster.index, config=config)
    except tf.errors.OpError as error:
        raise ValueError(f"{cluster.name} can't serve at {address}: {' '.join(error.message.split())}") from error
    log.info("%s serves at %s, %d threads, until the chief ends", cluster.name, address, threads)
    _wait_for_end(cluster.addresses["chief"][0])
    log.info("%s ends: the chief is gone", cluster.name)
    del server


def wait_for_servers(cluster: Cluster) -> None:
    """Returns once all workers and parameter servers answer.

    Raises:
        ValueError: If one of them does not within `START_SECONDS`.
    """
    servers = {
        f"{role} {index} ({address})": address
        for role in ROLES[1:]
        for index, address in enumerate(cluster.addresses.get(role, ()))
    }
    deadline = time.monotonic() + START_SECONDS
    while missing := [name for name, address in servers.items() if not _answers(address)]:
        if time.monotonic() > deadline:
            raise ValueError(f"no answer from {', '.join(missing)} in {START_SECONDS:.0f} seconds (TF_CONFIG names it)")
        log.info("waiting for %s", ", ".join(missing))
        time.sleep(POLL_SECONDS)


def _wait_for_end(chief: str) -> None:
    while not _answers(chief):
        time.sleep(POLL_SECONDS)
    failures = 0
    while failures < FAILURES:
        time.sleep(POLL_SECONDS)
        failures = 0 if _answers(chief) else failures + 1


def _answers(address: str) -> bool:
    """Returns whether a gRPC server is at an address; asked over a new channel, as an old one goes idle unnoticed."""
    import grpc

    ended: queue.Queue[bool] = queue.Queue()

    def changed(state: grpc.ChannelConnectivity) -> None:
        if state in (grpc.ChannelConnectivity.READY, grpc.ChannelConnectivity.TRANSIENT_FAILURE):
            ended.put(state is grpc.ChannelConnectivity.READY)

    with grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        channel.subscribe(changed, try_to_connect=True)
        try:
            return ended.get(timeout=PATIENCE)
        except queue.Empty:
            return False


def _part(given: Any, key: str) -> dict[str, Any]:
    if not isinstance(given, dict) or not isinstance(given.get(key), dict):
        raise ValueError(f"TF_CONFIG: {key} is missing or no object; accepted: an object of cluster and task")
    return given[key]


def _check_role(key: str, role: Any) -> None:
    if role not in ROLES:
        raise ValueError(f"TF_CONFIG: {key}: unknown role {role!r}; accepted: {', '.join(ROLES)}")


def _is_address(value: Any) -> bool:
    host, _, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    return bool(host) and port.isdecimal() and 0 < int(port) < 65536


def _host(address: str) -> str:
    return address.rpartition(":")[0]

"""Roles from TF_CONFIG, and how a serving process begins and ends."""

import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from pipeline.distribution import cluster

GOOD = {
    "cluster": {"chief": ["a:1"], "worker": ["a:2", "b:1"], "ps": ["c:1"]},
    "task": {"type": "worker", "index": 1},
}


def changed(part: str, **values) -> str:
    return json.dumps({**GOOD, part: {**GOOD[part], **values}})


def test_a_cluster_and_this_process_in_it():
    found = cluster.read(json.dumps(GOOD))
    assert (found.role, found.index, found.name, found.leads) == ("worker", 1, "worker 1", False)
    assert found.host == "b"
    assert found.neighbours() == 1
    assert [found.count(role) for role in cluster.ROLES] == [1, 2, 1]
    chief = cluster.read(changed("task", type="chief", index=0))
    assert (chief.name, chief.leads, chief.neighbours()) == ("chief", True, 2)


def test_an_index_may_be_a_text_as_some_managers_write_it():
    assert cluster.read(changed("task", index="1")).index == 1


@pytest.mark.parametrize("text", [None, "", " "])
def test_no_cluster(text, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if text is not None:
        monkeypatch.setenv("TF_CONFIG", text)
    assert cluster.current() is None


WRONG = [
    ("{", "TF_CONFIG: not JSON"),
    ("[]", "TF_CONFIG: cluster is missing or no object"),
    ("{}", "TF_CONFIG: cluster is missing or no object"),
    (json.dumps({"cluster": GOOD["cluster"]}), "TF_CONFIG: task is missing or no object"),
    (json.dumps({**GOOD, "task": {"type": "worker"}}), "TF_CONFIG: task.index is missing"),
    (json.dumps({**GOOD, "task": {"index": 0}}), "TF_CONFIG: task.type is missing"),
    (changed("task", type="evaluator"), "TF_CONFIG: task.type: unknown role 'evaluator'; accepted: chief, worker, ps"),
    (changed("task", type=["worker"]), r"TF_CONFIG: task.type: unknown role \['worker'\]"),
    (changed("task", index=2), "TF_CONFIG: task.index=2 of a worker; accepted: 0 to 1"),
    (changed("task", index=True), "TF_CONFIG: task.index=True of a worker"),
    (changed("cluster", master=["d:1"]), "TF_CONFIG: cluster.master: unknown role 'master'"),
    (changed("cluster", chief=[]), "TF_CONFIG: cluster.chief has 0 addresses; accepted: one"),
    (changed("cluster", ps=["c"]), r"TF_CONFIG: cluster.ps=\['c'\]; accepted: a list of host:port"),
    (changed("cluster", ps="c:1"), "TF_CONFIG: cluster.ps='c:1'; accepted: a list of host:port"),
    (changed("cluster", ps=["a:1"]), "TF_CONFIG: a:1 is there more than once"),
    (json.dumps({**GOOD, "cluster": {"chief": ["a:1"]}}), "task.index=1 of a worker; accepted: a task of the cluster"),
]


@pytest.mark.parametrize(("text", "said"), WRONG)
def test_what_is_wrong_is_said(text, said):
    with pytest.raises(ValueError, match=said) as caught:
        cluster.read(text)
    assert "\n" not in str(caught.value)


def test_the_command_line_says_it_in_one_line(monkeypatch, cli):
    monkeypatch.setenv("TF_CONFIG", "{")
    done = cli("+experiment=digits")
    assert done.code == 2
    assert done.err.startswith("error: TF_CONFIG: not JSON")
    assert done.err.count("\n") == 1


def test_the_end_of_the_chief_is_seen_but_not_before_its_beginning(free_port):
    address = f"127.0.0.1:{free_port}"
    waiting = threading.Thread(target=cluster._wait_for_end, args=(address,), daemon=True)
    waiting.start()
    time.sleep(0.5)
    assert waiting.is_alive()
    server = grpc.server(ThreadPoolExecutor(1))
    server.add_insecure_port(address)
    server.start()
    time.sleep(3 * cluster.POLL_SECONDS)
    assert waiting.is_alive()
    server.stop(0)
    waiting.join(60)
    assert not waiting.is_alive()


def test_servers_that_do_not_come_up_are_named(free_port, monkeypatch):
    monkeypatch.setattr(cluster, "START_SECONDS", 0.1)
    address = f"127.0.0.1:{free_port}"
    own = cluster.Cluster({"chief": ("127.0.0.1:1",), "worker": (address,)}, "chief", 0)
    with pytest.raises(ValueError, match=rf"no answer from worker 0 \({address}\)"):
        cluster.wait_for_servers(own)


@pytest.mark.slow
def test_an_address_that_is_taken_is_said(free_port, tmp_path):
    server = grpc.server(ThreadPoolExecutor(1), options=[("grpc.so_reuseport", 0)])
    server.add_insecure_port(f"127.0.0.1:{free_port}")
    server.start()
    config = {
        "cluster": {"chief": ["127.0.0.1:1"], "ps": [f"127.0.0.1:{free_port}"]},
        "task": {"type": "ps", "index": 0},
    }
    done = subprocess.run(
        [sys.executable, "-m", "pipeline"],
        env={**os.environ, "TF_CONFIG": json.dumps(config)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    server.stop(0)
    assert done.returncode == 2
    assert f"error: ps 0 can't serve at 127.0.0.1:{free_port}" in done.stderr

"""What the ranks of a launch tell each other through its key-value store, which an elastic launcher clears."""

import json
import time

import pytest

from pipeline.engine import ranks
from pipeline.engine.bulletin import BEAT, SCOPE, Bulletin
from pipeline.engine.errors import PipelineError
from pipeline.engine.ranks import Ranks, require_one_plan

http_server = pytest.importorskip("horovod.runner.http.http_server")

RANK_1 = Ranks(1, 2, elastic=True)


@pytest.fixture
def launcher(monkeypatch):
    """A launcher's store; `init` clears it, as each change of the ranks does."""
    server = http_server.RendezvousServer()
    port = server.start()
    server.init([])
    monkeypatch.setenv("HOROVOD_GLOO_RENDEZVOUS_ADDR", "127.0.0.1")
    monkeypatch.setenv("HOROVOD_GLOO_RENDEZVOUS_PORT", str(port))
    monkeypatch.setenv("HOROVOD_ELASTIC", "1")
    monkeypatch.setenv("HOROVOD_RANK", "1")
    monkeypatch.setenv("HOROVOD_SIZE", "2")
    yield server
    server.stop()
    server._httpd.server_close()


@pytest.fixture
def bulletin(launcher):
    """What rank 0 has told, and what looks after it once the thread is slow to come."""
    return Bulletin(ranks._put, ranks._get)


@pytest.fixture(autouse=True)
def _no_thread(monkeypatch):
    monkeypatch.setattr(Bulletin, "_repeat", lambda self: None)


def test_what_rank_0_has_told_comes_back_after_the_store_was_cleared(launcher, bulletin):
    bulletin.tell("frugal.0", "baseline", "build")
    bulletin.tell("frugal.0", "baseline", "pass")
    launcher.init([])
    assert ranks._get("frugal.0", "baseline") is None
    bulletin.look()
    assert RANK_1.hear("baseline") == "pass"


def test_what_stays_up_is_not_told_again(launcher, bulletin):
    bulletin.look()
    bulletin.tell("frugal.0", "run", "one")
    ranks._put("frugal.0", "run", "other")
    bulletin.look()
    assert RANK_1.hear("run") == "other"


def test_a_rank_that_waits_ends_when_rank_0_gives_no_sign_of_life(launcher, bulletin, monkeypatch):
    monkeypatch.setattr(ranks, "SILENT_SECONDS", 0.1)
    with pytest.raises(PipelineError, match=r"rank 0 is lost; the same command goes on from the last completed epoch"):
        RANK_1.hear("baseline")
    assert ranks._get(SCOPE, BEAT) == "1"


def test_a_rank_that_waits_goes_on_waiting_while_rank_0_lives(launcher, bulletin, monkeypatch):
    monkeypatch.setattr(ranks, "SILENT_SECONDS", 0.05)
    looks = []

    def sleep(seconds):
        looks.append(seconds)
        bulletin.look()
        if len(looks) == 20:
            bulletin.tell("frugal.0", "baseline", "build")
        real(0.02)

    real = time.sleep
    monkeypatch.setattr(time, "sleep", sleep)
    assert RANK_1.hear("baseline") == "build"


def test_the_costs_of_lost_ranks_are_not_waited_for(launcher, monkeypatch):
    monkeypatch.setattr(ranks, "COST_SECONDS", 0.2)
    monkeypatch.setenv("HOROVOD_SIZE", "4")
    RANK_1.tell("baseline.cost.2", "two")
    start = time.monotonic()
    assert Ranks(0, 2, elastic=True).costs("baseline") == ["two"]
    assert time.monotonic() - start < 2


def test_a_rank_that_joins_with_another_plan_refuses_itself(bulletin):
    bulletin.tell("frugal.0", "plan", json.dumps({"baseline": "a", "prune": "b"}))
    require_one_plan(RANK_1, {"baseline": "a", "prune": "b"})
    with pytest.raises(PipelineError, match=r"rank 1 was started for another run: its stage prune is not that of rank"):
        require_one_plan(RANK_1, {"baseline": "a", "prune": "c"})


def test_a_store_that_is_gone_is_told(launcher, monkeypatch, free_port):
    monkeypatch.setenv("HOROVOD_GLOO_RENDEZVOUS_PORT", str(free_port))
    with pytest.raises(
        PipelineError, match=r"the process that keeps the ranks together is gone: rank 0, or horovodrun"
    ):
        RANK_1.hear("baseline")

"""Fixtures of tests that run the whole thing."""

import os
import pickle
import shutil
import socket
import tempfile
from pathlib import Path

import portalocker
import pytest
from whole_runs import SMALL, Cli, CliHere, Done

CONF = Path(__file__).resolve().parents[1] / "conf"

LONG = ("test_stages_techniques.py", "test_bad_inputs.py", "test_compression_schemes.py", "test_compression_export.py")
"""Files of many tests that are not slow one by one."""


def pytest_configure(config):
    """Keeps xdist from ordering files by their number of tests: the files that take minutes have few."""
    config.option.loadscopereorder = False
    _without_own_defaults(config)


def _without_own_defaults(config):
    """Lets tests, and processes that they start, see the configurations without what this user put into `local/`."""
    if "FRUGAL_CONF" not in os.environ and list(CONF.glob("local/*.yaml")):
        folder = tempfile.TemporaryDirectory()
        config.add_cleanup(folder.cleanup)
        os.environ["FRUGAL_CONF"] = str(Path(folder.name, "conf"))
        shutil.copytree(CONF, os.environ["FRUGAL_CONF"])
        for own in Path(os.environ["FRUGAL_CONF"]).glob("local/*.yaml"):
            own.unlink()


def pytest_collection_modifyitems(items):
    """Puts files that take long first: one process runs a whole file, and none is to be alone with one at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (item.path not in slow, item.path.name not in LONG))


@pytest.fixture
def cli(tmp_path) -> Cli:
    return Cli(tmp_path / "runs", tmp_path / "store")


@pytest.fixture
def cli_here(tmp_path, capfd) -> CliHere:
    return CliHere(tmp_path / "here", tmp_path / "store", capfd)


@pytest.fixture(scope="session")
def small_run(tmp_path_factory) -> tuple[Done, Path]:
    """One small run, made once for all of xdist's processes, and a store with what it built; not to be changed."""
    own = tmp_path_factory.mktemp("small")
    shared = own.parents[1] / "small" if "PYTEST_XDIST_WORKER" in os.environ else own / "shared"
    shared.mkdir(exist_ok=True)
    with portalocker.Lock(shared / "lock", timeout=1800):
        if not (shared / "done").is_file():
            done = Cli(own / "runs", shared / "store")(*SMALL)
            assert done.code == 0, done.err
            (shared / "done").write_bytes(pickle.dumps(done))
    done = pickle.loads((shared / "done").read_bytes())
    return done, Path(shutil.copytree(shared / "store", own / "store"))


@pytest.fixture
def small_store(small_run, tmp_path) -> Path:
    """A copy of the small run's store, to be damaged at will."""
    return Path(shutil.copytree(small_run[1], tmp_path / "store"))


@pytest.fixture
def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]

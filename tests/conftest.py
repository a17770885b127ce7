"""Fixtures of tests that run the whole thing."""

import shutil
from pathlib import Path

import pytest
from whole_runs import SMALL, Cli, Done


@pytest.fixture
def cli(tmp_path) -> Cli:
    return Cli(tmp_path / "runs", tmp_path / "store")


@pytest.fixture(scope="session")
def small_run(tmp_path_factory) -> tuple[Done, Path]:
    """One small run with its store; tests that change the store copy it first."""
    folder = tmp_path_factory.mktemp("small")
    done = Cli(folder / "runs", folder / "store")(*SMALL)
    assert done.code == 0, done.err
    return done, folder / "store"


@pytest.fixture
def small_store(small_run, tmp_path) -> Path:
    """A copy of the small run's store, to be damaged at will."""
    return Path(shutil.copytree(small_run[1], tmp_path / "store"))

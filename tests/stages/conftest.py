"""Fixtures of the tests of single stages."""

import pytest
from stage_runs import Ran, configured, ran


@pytest.fixture(scope="session")
def digits(tmp_path_factory) -> Ran:
    """The digits, prepared as they are by default; to be left as they are."""
    return ran(configured("prepare"), tmp_path_factory.mktemp("digits") / "prepare")

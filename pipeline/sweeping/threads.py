"""The cores of this machine, shared out among jobs that run side by side."""

import os
from collections.abc import Mapping, MutableMapping
from typing import Any

VARIABLES = (
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
)
"""What TensorFlow, scikit-learn and NumPy's algebra read the number of their threads from."""


def side_by_side(launcher: Mapping[str, Any], jobs: int) -> int:
    """Returns how many of a batch's jobs a launcher runs at a time on this machine.

    Args:
        launcher: Its configuration.
        jobs: How many the batch has.
    """
    if str(launcher.get("_target_", "")).endswith("submitit_launcher.LocalLauncher"):
        return jobs  # it starts all at once
    at_a_time = launcher.get("n_jobs")
    if at_a_time is None:
        return 1
    return min(jobs, cores() + 1 + at_a_time if at_a_time < 0 else at_a_time)


def share(at_a_time: int, environment: MutableMapping[str, str]) -> None:
    """Gives each of so many jobs its part of the cores, where the user has not said otherwise."""
    if at_a_time > 1:
        for name in VARIABLES:
            environment.setdefault(name, str(max(1, cores() // at_a_time)))


def cores() -> int:
    """Returns how many cores this process may use."""
    return len(os.sched_getaffinity(0))

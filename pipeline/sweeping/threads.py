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
    return min(jobs, at_a_time(launcher))


def at_a_time(launcher: Mapping[str, Any]) -> int:
    """Returns a launcher's `n_jobs`, which counts from the number of cores down where it is negative; 1 without."""
    given = launcher.get("n_jobs") or 1
    return max(1, cores() + 1 + given) if given < 0 else int(given)


def share(jobs: int, environment: MutableMapping[str, str]) -> None:
    """Gives each of so many jobs its part of the cores, where the user has not said otherwise."""
    if jobs > 1:
        for name in VARIABLES:
            environment.setdefault(name, str(max(1, cores() // jobs)))


def cores() -> int:
    """Returns how many cores this process may use."""
    return len(os.sched_getaffinity(0))

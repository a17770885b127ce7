"""The machine a measurement runs on: its cores, its processor's name and the memory of this process."""

import os
import platform
import resource
import sys
from pathlib import Path


def pin_to_cores(count: int) -> None:
    """Restricts this process to `count` of the cores it may use, where the system can.

    Raises:
        ValueError: If the process may use fewer cores than `count`.
    """
    if not hasattr(os, "sched_setaffinity"):
        return
    cores = sorted(os.sched_getaffinity(0))
    if not 1 <= count <= len(cores):
        raise ValueError(
            f"threads={count} cannot be pinned: this process may use {len(cores)} cores, 1 to {len(cores)}"
        )
    os.sched_setaffinity(0, cores[:count])


def cpu_name() -> str:
    """Names the processor's model, as /proc/cpuinfo does where there is one."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name" and value.strip():
                return value.strip()
    return platform.processor() or platform.machine() or "unknown"


def peak_memory_bytes() -> int:
    """Measures the most memory this process has held resident so far, in bytes."""
    status = Path("/proc/self/status")
    if status.is_file():
        # Linux starts a child's ru_maxrss at its parent's, so only the high-water mark of this address space will do.
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024

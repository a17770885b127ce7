"""A part that is kept on disk is streamed in little memory; in a process of its own, whose peak is its own."""

import json
import subprocess
import sys

import numpy as np
import pytest

ROWS, ROW_BYTES = 64 * 1024, 4096

CHILD = """
import json, re, sys
from pathlib import Path
import numpy as np
from pipeline.data.dataset import Column, Info, Split
from pipeline.data.stream import training_stream

features = np.load(sys.argv[1], mmap_mode="r")
split = Split(features, np.zeros(len(features), np.int32))
columns = tuple(Column(str(i), "numeric") for i in range(features.shape[1]))
info = Info("table", "classification", features.shape[1:], "uint8", ("a",), columns)
options = dict(batch_size=64, seed=0, first_epoch=0, cache=sys.argv[2], readers=2)
# Not ru_maxrss, which a new process has from the one that started it.
peak = lambda: 1024 * int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
small = Split(features[:256], split.labels[:256])
list(training_stream(small, info, last_epoch=2, **options))
before, total = peak(), 0
for batch, _ in training_stream(split, info, last_epoch=1, **options):
    total += int(batch.numpy().sum(dtype=np.float64))
print(json.dumps({"more": peak() - before, "total": total}))
"""


@pytest.mark.slow
def test_disk_needs_little_memory(tmp_path):
    data = np.random.default_rng(0).integers(0, 256, (ROWS, ROW_BYTES), np.uint8)
    np.save(tmp_path / "features.npy", data)
    found = {}
    for cache in ("disk", "memory"):
        command = [sys.executable, "-c", CHILD, str(tmp_path / "features.npy"), cache]
        found[cache] = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    assert found["disk"]["total"] == found["memory"]["total"] == int(data.sum(dtype=np.int64))
    assert found["memory"]["more"] > data.nbytes * 0.9
    assert found["disk"]["more"] < data.nbytes / 4

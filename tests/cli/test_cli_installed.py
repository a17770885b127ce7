"""An installed copy works outside the checkout."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import pipeline

ROOT = Path(pipeline.__file__).parents[1]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("uv") is None, reason="uv, which builds the wheel, is not on the path")
def test_a_wheel_brings_its_configuration(tmp_path):
    subprocess.run(["uv", "build", "--wheel", "-q", "-o", tmp_path / "dist", ROOT], check=True)
    wheel = next((tmp_path / "dist").glob("frugal_pipeline-*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
        assert not [name for name in archive.namelist() if "conf/local" in name]
        entries = archive.read(next(name for name in archive.namelist() if name.endswith("entry_points.txt"))).decode()
    assert "frugal = pipeline.__main__:main" in entries
    program = "import pipeline; print(pipeline.__file__); from pipeline.__main__ import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "+experiment=digits", "stages.prune.final_sparsity=0.6", "dry_run=true"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site"), "FRUGAL_STORE": str(tmp_path / "store")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].startswith(str(tmp_path / "site"))
    assert "no prune stage was built before" in done.stdout

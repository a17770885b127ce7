"""The reference is made of the docstrings of the whole package, without a warning."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import pipeline

pytest.importorskip("pdoc", reason="pdoc, of the group dev, is not installed")

PACKAGE = Path(pipeline.__file__).parent


@pytest.mark.slow
def test_the_whole_package_is_in_the_reference(tmp_path):
    text = (PACKAGE.parent / "docs/README.md").read_text()
    words = re.search(r"^(uv run pdoc .* -o site/)", text, re.MULTILINE)[1].split()
    done = subprocess.run(
        [sys.executable, "-m", *words[2:-1], tmp_path / "site"],
        cwd=PACKAGE.parent,
        env={**os.environ, "PDOC_ALLOW_EXEC": "1"},  # libraries ask the system about itself when they are imported
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    warned = re.findall(r"^Warn: .*", done.stderr, re.MULTILINE)
    # pydantic's own annotations name what only type checkers can import.
    assert [line for line in warned if "PydanticDataclass" not in line] == []
    made = {path.relative_to(tmp_path / "site").with_suffix("") for path in (tmp_path / "site").rglob("*.html")}
    for path in PACKAGE.rglob("*.py"):
        module = (path.parent if path.name == "__init__.py" else path.with_suffix("")).relative_to(PACKAGE.parent)
        # Of the optimizers their package offers two classes; what these are made of is not for users.
        assert module in made or path.name == "__main__.py" or path.parent.name == "optimizers", module
    assert Path("pipeline/optimizers/schedules") in made

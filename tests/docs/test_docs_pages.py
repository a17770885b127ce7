"""The examples of the documentation run, its commands compose, its links lead somewhere, and its pages are short."""

import re
import shlex
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

import pipeline
from pipeline.execution import read_config
from pipeline.folders import CONF

ROOT = Path(pipeline.__file__).parents[1]
PAGES = sorted((ROOT / "docs").glob("*.md"))
ROOMS = {path.name for path in (ROOT / "pipeline").iterdir() if (path / "__init__.py").is_file()}
COMMAND = r"(?:^|`)python -m pipeline ([^`#\n]*\+experiment[^`#\n]*)"
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(#[^)]*)?\)")


def each(pattern):
    return [
        pytest.param(page, found, id=f"{page.stem}-{number}")
        for page in PAGES
        for number, found in enumerate(re.findall(pattern, page.read_text(), re.DOTALL | re.MULTILINE))
    ]


@pytest.mark.parametrize(("page", "program"), each(r"^```python\n(.*?)```"))
def test_an_example_runs(page, program, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(program, str(page), "exec"), {"__name__": "example"})


@pytest.mark.parametrize(("page", "command"), each(COMMAND))
def test_a_command_composes(page, command):
    del page
    words = [word for word in shlex.split(command, comments=True) if word != "-m"]
    if words[0] != "--config-dir":  # what those compose is run by test_docs_new_user.py
        with initialize_config_dir(str(CONF), version_base="1.3"):
            read_config(compose("config", overrides=[re.sub(r"=([^,\[]*),.*", r"=\1", word) for word in words]))


@pytest.mark.parametrize(
    "page", [*PAGES, ROOT / "README.md", ROOT / "conf/local/README.md"], ids=lambda page: page.stem
)
def test_links_lead_somewhere(page):
    for target, anchor in LINK.findall(page.read_text()):
        there = (page.parent / target) if target else page
        assert there.exists(), target
        if anchor and there.suffix == ".md":
            headings = re.findall(r"^#+ (.*)$", there.read_text(), re.MULTILINE)
            assert anchor[1:] in {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}


def test_every_room_has_a_page_that_is_short():
    assert {page.stem for page in PAGES} >= ROOMS
    assert {page.name: lines for page in PAGES if (lines := len(page.read_text().splitlines())) > 60} == {}


def test_the_figures_of_the_choice_of_a_technique_stand_in_results_or_the_readme():
    sources = [ROOT / "README.md", *(ROOT / "scripts/results").glob("*.md")]
    known = set(re.findall(r"\d+(?:\.\d+)?", "\n".join(path.read_text() for path in sources)))
    rows = [line for line in (ROOT / "docs/which_technique.md").read_text().splitlines() if line.startswith("| ")]
    derived = {"0.48", "1.5", "2.4", "0.2", "0.35", "3.6"}  # differences of two accuracies in one table
    found = {number for row in rows for number in re.findall(r"\d+\.\d+", row)}
    assert found - known - derived == set()

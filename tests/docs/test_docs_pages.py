"""The examples of the documentation run, its commands compose, its links lead somewhere, and its pages are short."""

import re
import shlex
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from whole_runs import jobs

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
    words = shlex.split(command, comments=True)
    if words[0] != "--config-dir":  # what those compose is run by test_docs_new_user.py
        with initialize_config_dir(str(CONF), version_base="1.3"):
            for overrides in jobs(words):
                read_config(compose("config", overrides=overrides))


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


NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?![\w,.]*\d)")
CHOICE = ROOT / "docs/which_technique.md"


def numbers(text: str) -> set[str]:
    return {each.rstrip(",").replace(",", "") for each in NUMBER.findall(text)}


def lost_points(text: str) -> set[str]:
    """What each row of a table has of accuracy beside the table's first row, with one and with two digits."""
    found = set()
    for table in re.findall(r"(?:^\|.*\n?)+", text, re.MULTILINE):
        head, _, *rows = ([cell.strip() for cell in line.split("|")] for line in table.splitlines())
        if "accuracy, %" in head:
            place = head.index("accuracy, %")
            first, *others = (float(row[place].partition(" ")[0]) for row in rows)
            found |= {f"{first - other:.{digits}f}" for other in others for digits in (1, 2)}
    return found


def test_the_figures_of_the_choice_of_a_technique_are_those_of_the_runs_that_it_names():
    page = CHOICE.read_text()
    sources = {}
    for line in re.findall(r"^- [A-Z]: (?:.*\n(?! *-|\n))*.*", page, re.MULTILINE):
        text = (CHOICE.parent / LINK.search(line)[1]).read_text()
        sources |= dict.fromkeys(re.findall(r"\b([A-Z]): ", line), numbers(text) | lost_points(text))
    rows = [
        [cell.strip() for cell in line.split("|")] for line in page.splitlines() if line.count("[") and line[0] == "|"
    ]
    assert len(rows) > 10
    for _, _, technique, measured, runs, reason, _ in rows:
        named = re.findall(r"\[([A-Z])\]\(#runs\)", f"{runs} {reason}")
        known = set().union(*(sources[each] for each in named))
        assert named, technique
        assert numbers(measured) <= known, technique
        assert {each for each in numbers(reason) if "." in each} <= known, technique

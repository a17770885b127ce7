import re
from dataclasses import replace
from html.parser import HTMLParser

import pandas as pd
import pytest

from pipeline.reporting.sweep_csv import write_csv
from pipeline.reporting.sweep_document import Sweep, SweepJob
from pipeline.reporting.sweep_html import render_sweep
from pipeline.reporting.sweep_importance import importance
from pipeline.reporting.sweep_ranking import best_first, pareto_set
from pipeline.reporting.sweep_view import headline, short_names

SPARSITY, UNITS = "stages.prune.final_sparsity", "model.units"
OBJECTIVES = [("quality", True), ("deflated_bytes", False)]


def job(number, sparsity, accuracy, size, *, units="[32]", p50=0.01, **facts):
    figures = {"quality": accuracy, "accuracy": accuracy, "deflated_bytes": size, "latency_p50": p50, "core_seconds": 9}
    settings = {SPARSITY: str(sparsity), UNITS: units}
    return SweepJob(number, settings, seconds=3.0, model="pruned", task="classification", figures=figures, **facts)


JOBS = [
    job(0, 0.3, 0.97, 30_000, page="0/report/report.html"),
    job(1, 0.5, 0.98, 20_000),
    job(2, 0.7, 0.96, 12_000),
    job(3, 0.9, 0.90, 15_000),
    SweepJob(4, {SPARSITY: "7", UNITS: "[32]"}, "failed", "stages.prune: <b>not</b> valid", "4"),
    SweepJob(5, {SPARSITY: "0.99", UNITS: "[32]"}, "not run", "the sweep ended before"),
]


@pytest.fixture
def sweep():
    return Sweep("digits", "python -m pipeline -m x=1,2", [SPARSITY, UNITS], OBJECTIVES, 1, JOBS)


def test_the_pareto_set_is_what_nothing_beats():
    assert pareto_set(JOBS[:4], OBJECTIVES) == {1, 2}
    assert pareto_set(JOBS[:4], OBJECTIVES[:1]) == {1}
    assert pareto_set([], OBJECTIVES) == set()


def test_equal_jobs_are_in_it_together():
    assert pareto_set([JOBS[1], replace(JOBS[1], number=8), JOBS[3]], OBJECTIVES[:1]) == {1, 8}


def test_best_first_and_what_is_not_done_last(sweep):
    assert [each.number for each in best_first(sweep)] == [1, 2, 0, 3, 4, 5]


def test_the_headline(sweep):
    assert headline(sweep) == (
        "6 jobs: 4 done, 1 failed, 1 not run. Best by accuracy: job 1 (final_sparsity=0.5, units=[32]), 98.00%. "
        "Pareto set of accuracy, deflated size: 2 of 4."
    )


def test_short_names_stay_apart():
    names = short_names(["stages.half.epochs", "stages.most.epochs", "seed"])
    assert names == {"stages.half.epochs": "half.epochs", "stages.most.epochs": "most.epochs", "seed": "seed"}


def test_the_table_for_other_programs(sweep, tmp_path):
    write_csv(sweep, tmp_path / "sweep.csv")
    table = pd.read_csv(tmp_path / "sweep.csv")
    assert list(table["job"]) == [1, 2, 0, 3, 4, 5]
    assert list(table["pareto"]) == [True, True, False, False, False, False]
    assert table.loc[0, "deflated_bytes"] == 20_000
    assert table.loc[4, "cause"] == "stages.prune: <b>not</b> valid"
    assert table.loc[4, "status"] == "failed"


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.elements, self.words = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture
def page(sweep):
    return Page(render_sweep(sweep))


def test_the_page_is_accessible_and_self_contained(page):
    tags = [tag for tag, _ in page.elements]
    assert "script" not in tags
    assert tags.count("table") == tags.count("caption") == 2
    assert all("scope" in attributes for tag, attributes in page.elements if tag == "th")
    charts = [attributes for tag, attributes in page.elements if tag == "svg"]
    assert len(charts) == 2
    assert all(each["role"] == "img" for each in charts)
    assert charts[0]["aria-label"] == (
        "Accuracy against deflated size of 4 jobs. Pareto set: job 2: 96.00% at 11.7 KiB; job 1: 98.00% at 19.5 KiB."
    )
    identifiers = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    assert not any("http" in str(value) for _, each in page.elements for key, value in each.items() if key != "xmlns")
    links = [attributes["href"] for tag, attributes in page.elements if tag == "a"]
    assert links == ["0/report/report.html"]


def test_the_charts_follow_the_theme(sweep):
    charts = re.findall(r"<svg.*?</svg>", render_sweep(sweep), flags=re.DOTALL)
    colours = set(re.findall(r"(?:stroke|fill): (#\w+|var\(--\w+\))", "".join(charts)))
    assert {"var(--accent)", "var(--muted)", "var(--page)", "var(--line)"} == colours


def test_the_same_sweep_is_the_same_page(sweep):
    assert render_sweep(sweep) == render_sweep(sweep)


def test_texts_are_escaped(sweep):
    assert "<b>not</b>" not in render_sweep(sweep)


def test_jobs_side_by_side_are_a_caveat(sweep):
    assert "ran side by side" not in render_sweep(sweep)
    assert "up to 2 jobs ran side by side" in render_sweep(replace(sweep, at_a_time=2))


def test_a_sweep_without_reports_has_a_page(sweep):
    bare = [replace(each, figures={}, task="", model="") for each in JOBS]
    text = render_sweep(replace(sweep, jobs=bare))
    assert "<svg" not in text
    assert "no report with the figures" in text


def grid(count=16):
    """Accuracy that follows sparsity, and hardly units."""
    places = [(number, 0.1 * (number // 2), number % 2) for number in range(count)]
    return [job(n, s, 0.99 - 0.1 * s + 0.001 * u, 1000, units=f"[{32 * (1 + u)}]") for n, s, u in places]


def test_importance_finds_the_setting_that_moves_the_figure(sweep):
    shares = importance(replace(sweep, jobs=grid())).shares
    assert list(shares) == [SPARSITY, UNITS]
    assert shares[SPARSITY] > 0.9
    assert sum(shares.values()) == pytest.approx(1)
    assert "fANOVA" in render_sweep(replace(sweep, jobs=grid()))


@pytest.mark.parametrize(
    ("jobs", "settings", "why"),
    [
        (JOBS, [SPARSITY, UNITS], "4 jobs with figures are too few for 2 settings; it takes 8"),
        (grid(), [SPARSITY], "one setting was swept, so there is nothing to compare it with"),
        (
            [replace(each, figures=JOBS[0].figures) for each in grid()],
            [SPARSITY, UNITS],
            "all jobs have the same figure",
        ),
    ],
)
def test_importance_is_left_out_and_said_where_it_would_be_noise(sweep, jobs, settings, why):
    found = replace(sweep, jobs=jobs, settings=settings)
    assert importance(found).missing == why
    assert f"Left out: {why}." in render_sweep(found)

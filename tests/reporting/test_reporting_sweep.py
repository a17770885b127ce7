import re
from dataclasses import replace

import pandas as pd
import pytest
from sweep_cases import JOBS, OBJECTIVES, SPARSITY, SWEEP, UNITS, grid
from test_reporting_html import Page

from pipeline.reporting.charts.pareto import pareto_chart
from pipeline.reporting.render_sweep import render_sweep
from pipeline.reporting.sweep.csv_file import write_csv
from pipeline.reporting.sweep.importance import importance
from pipeline.reporting.sweep.ranking import best_first, pareto_set
from pipeline.reporting.sweep.words import headline, short_names


@pytest.fixture
def sweep():
    return SWEEP


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


@pytest.fixture(scope="module")
def page():
    return Page(render_sweep(SWEEP))


def test_the_page_is_that_of_the_report_with_tables_that_sort(page):
    assert page.text("h1") == ["digits: sweep of final_sparsity, units"]
    assert page.text("h2") == ["Quality against cost", "Jobs", "What is not done", "What matters", "Run it again"]
    assert page.text("caption") == ["Jobs that are done, best first", "Jobs that are not done"]
    assert [table["class"] for table in page.all("table")] == ["sortable", "sortable"]
    assert all("scope" in attributes for attributes in page.all("th"))
    assert len(page.all("script")) == 1
    assert page.all("script")[0] == {}
    identifiers = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    assert not any("http" in str(value) for _, each in page.elements for key, value in each.items() if key != "xmlns")
    links = [attributes["href"] for attributes in page.all("a")]
    assert links == ["#main", "0/report/report.html"]
    assert [text for text in page.text("dd") if text in (SPARSITY, UNITS)] == [SPARSITY, UNITS]


def test_settings_and_figures_sort_as_numbers(page):
    head = ["Job", "Pareto set", "final_sparsity", "units", "Accuracy", "Deflated size", "Latency p50"]
    assert page.text("th")[: len(head)] == head
    rows = [
        [each.get("data-sort") for tag, each in page.elements if tag in ("th", "td")][len(head) + 2 :][row : row + 9]
        for row in (0, 9)
    ]
    assert rows[0] == ["1", None, "0.5", None, "0.98", "20000", "0.01", "9", "3.0"]
    assert rows[1] == ["2", None, "0.7", None, "0.96", "12000", "0.01", "9", "3.0"]


def test_charts_say_the_pareto_set_in_words_too(page):
    charts = [attributes for attributes in page.all("svg") if "aria-label" in attributes]
    assert len(charts) == 2
    assert all(each["role"] == "img" for each in charts)
    assert charts[0]["aria-label"] == (
        "Accuracy against deflated size of 4 jobs. Pareto set: job 2: 96.00% at 11.7 KiB; job 1: 98.00% at 19.5 KiB."
    )


def test_a_chart_joins_the_pareto_set_names_it_and_leaves_rings_for_the_rest():
    places = {0: (30.0, 97.0), 1: (20.0, 98.0), 2: (12.0, 96.0), 3: (15.0, 90.0), 4: (20.0, 98.0)}
    words = {"x_label": "size", "y_label": "Accuracy, %", "alternative": "it"}
    chart = pareto_chart(places, {1, 2, 4}, **words)
    assert chart == pareto_chart(places, {1, 2, 4}, **words)
    assert sorted(re.findall(r">(1, 4|\d)</text>", chart)) == ["1, 4", "2"]
    dots = re.findall(r'; fill: var\(--(page|accent)\); stroke: var\(--(muted|accent)\)[^"]*" transform', chart)
    assert dots == [("page", "muted")] * 2 + [("accent", "accent")] * 3
    colours = set(re.findall(r"(?:stroke|fill): (#\w+|var\(--\w+\))", chart))
    assert {"var(--accent)", "var(--muted)", "var(--page)", "var(--line)"} == colours
    for banned in ("url(", "href", " id=", "<use", "#"):
        assert banned not in chart


def test_sizes_a_factor_of_ten_apart_are_on_a_logarithmic_axis():
    words = {"x_label": "size", "y_label": "Accuracy, %", "alternative": "it"}
    chart = pareto_chart({0: (10.0, 97.0), 1: (200.0, 98.0)}, {0, 1}, **words)
    assert {"10", "30", "100"} <= set(re.findall(r">(\d+)</text>", chart))


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
    assert 'class="chart"' not in text
    assert "no report with the figures" in text


def test_importance_finds_the_setting_that_moves_the_figure(sweep):
    shares = importance(replace(sweep, jobs=grid())).shares
    assert list(shares) == [SPARSITY, UNITS]
    assert shares[SPARSITY] > 0.9
    assert sum(shares.values()) == pytest.approx(1)
    text = render_sweep(replace(sweep, jobs=grid()))
    assert "fANOVA" in text
    assert f'<th scope="row">{SPARSITY}<svg' in text


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

import itertools
import re

import pytest

from pipeline.reporting.charts.confusion import confusion_chart
from pipeline.reporting.charts.cost import cost_chart
from pipeline.reporting.charts.line import line_chart
from pipeline.reporting.charts.scatter import _spread
from pipeline.reporting.charts.stages import Box, stages_chart
from pipeline.reporting.render_html import CHARTS, render_html
from pipeline.reporting.render_markdown import render_markdown
from pipeline.reporting.view import view

WORDS = {"x_label": "step", "y_label": "learning rate", "alternative": "it falls"}


def exhibit(points=100, **more):
    rows = [[step, 0.1 * (1 - step / points)] for step in range(points)]
    shown = {"title": "learning rate", "columns": ["step", "learning rate"], "rows": rows, "bars": None}
    return {**shown, "line": "learning rate", "log_x": False, **more}


@pytest.fixture
def drawn(document):
    document["stages"][1]["exhibits"] = [exhibit()]
    return document


def charts(page):
    """Every chart that a page draws, by its kind."""
    found = [page["scatter"], page["cost_chart"], page["graph_chart"]]
    found += [page["classes"]["change"], page["classes"]["matrices"][0]["chart"]]
    found += [page["weights"]["sparsity"], page["weights"]["histograms"]]
    found += [exhibit["chart"] for exhibit in page["exhibits"] if exhibit["chart"]]
    return {chart["kind"]: chart["arguments"] for chart in found}


def texts(svg):
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


@pytest.mark.parametrize("kind", CHARTS)
def test_a_chart_is_the_same_bytes_refers_to_nothing_and_follows_the_colours_of_the_page(full, kind):
    arguments = charts(view(full))[kind]
    chart, again = CHARTS[kind](**arguments), CHARTS[kind](**arguments)
    assert chart == again
    assert chart.startswith('<svg class="chart" style="min-width: ')
    for banned in ("url(", "http", "href", " id=", "<style", "<use", "<defs", "font-family", "#"):
        assert banned not in chart
    assert "var(--" in chart
    assert all("fill: var(" in style for style in re.findall(r'<text style="([^"]*)"', chart))
    assert re.search(r'role="img" aria-label="[^"]{30,}"', chart)


def test_a_logarithmic_line_follows_the_colours_too():
    chart = line_chart([0.001, 0.1, 10], [3.0, 1.0, 2.0], **WORDS, log_x=True)
    for variable in ("stroke: var(--accent)", "stroke: var(--line)", "fill: var(--muted)"):
        assert variable in chart
    assert {"step", "learning rate"} <= set(texts(chart))


def test_an_error_in_a_hundred_is_seen_in_the_confusion_matrix():
    chart = confusion_chart([[99, 1], [0, 50]], ["a", "b"], alternative="it")
    cells = re.findall(r"fill: var\(--(accent|worse)\)(?:; opacity: ([\d.]+))?", chart)
    assert [name for name, _ in cells] == ["accent", "worse", "accent"]
    assert float(cells[1][1]) > 0.12
    assert [text for text in texts(chart) if text.isdigit()] == ["99", "1", "50"]


def test_of_many_stages_the_smallest_are_added_up():
    chart = cost_chart(["a", "b"], {f"stage{n}": [float(n), 1.0] for n in range(10)}, alternative="it")
    legend = {text for text in texts(chart) if "stage" in text or "others" in text}
    assert legend == {*(f"stage{n}" for n in range(3, 10)), "3 others"}


@pytest.mark.parametrize("wanted", [[0.5, 0.5, 0.5], [1.0, 0.0], [0.01, 0.0, 0.0], [0.9, 0.9, 0.1]])
def test_names_beside_a_chart_do_not_overlap(wanted):
    places = _spread(wanted, 0.1)
    assert all(above - below >= 0.1 - 1e-9 for above, below in itertools.pairwise(places))
    assert 0 <= places[-1] <= places[0] <= 1


def test_a_reused_stage_is_dashed():
    boxes = [Box("a", 0, [], "train, 1 s", True), Box("b", 1, ["a", "elsewhere"], "prune, 2 s", False)]
    chart = stages_chart(boxes, alternative="it")
    assert chart.count("stroke-dasharray") == 1
    assert {"a", "b", "train, 1 s", "prune, 2 s"} == set(texts(chart))


def test_a_logarithmic_axis_has_a_label_at_each_power_of_ten():
    chart = line_chart([1e-5, 1e-3, 1], [3.0, 1.0, 2.0], **WORDS, log_x=True)
    for label in ("1e-05", "0.0001", "0.001", "0.01", "0.1", "1"):
        assert f">{label}</text>" in chart
    assert ">0.002</text>" not in chart
    assert ">0.002</text>" in line_chart([1e-3, 5e-3], [3.0, 1.0], **WORDS, log_x=True)


@pytest.mark.parametrize("y", [[0.0, 0.0], [-1.0, 1.0], [1e-9, 2e-9], [1e30, 1e31]])
def test_numbers_of_any_size_are_drawn(y):
    assert "nan" not in line_chart([0, 1], y, **WORDS)


def test_words_of_a_chart_never_become_markup_or_mathematics():
    words = dict.fromkeys(WORDS, '<script>"$\\frac{1}{2}$" & \'x')
    chart = line_chart([0, 1], [0, 1], **words)
    assert "<script" not in chart
    assert chart.count("$\\frac{1}{2}$") == 3


def test_the_page_shows_a_line_with_its_table_folded_away(drawn):
    html = render_html(drawn)
    label = (
        'aria-label="learning rate: learning rate from 0.1000 at step 0 to 0.001000 at step 99; '
        'lowest 0.001000 at step 99, highest 0.1000 at step 0"'
    )
    assert label in html
    folded = html[html.index("<summary>100 values</summary>") :]
    folded = folded[: folded.index("</details>")]
    assert folded.count('<th scope="row"') == 100


def test_the_markdown_shows_ten_rows_of_a_line(drawn):
    text = render_markdown(drawn)
    table = text[text.index("### train: learning rate (10 of 100 values)") :].split("\n\n")[1]
    assert [line.split(" | ")[0] for line in table.splitlines()[2:]] == [
        f"| {step}" for step in (0, 11, 22, 33, 44, 55, 66, 77, 88, 99)
    ]
    drawn["stages"][1]["exhibits"] = [exhibit(10)]
    assert "### train: learning rate\n" in render_markdown(drawn)


@pytest.mark.parametrize("change", [{}, {"line": None}, {"line": "learning rate", "rows": [[0, 0.1]]}])
def test_without_a_line_there_is_a_table(document, change):
    shown = {**exhibit(), **change}
    if not change:  # as artifacts have it that are older than lines
        del shown["line"], shown["log_x"]
    document["stages"][1]["exhibits"] = [shown]
    html = render_html(document)
    assert "values</summary>" not in html
    assert "<caption>train: learning rate</caption>" in html
    assert " values)" not in render_markdown(document)

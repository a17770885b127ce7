import json
import subprocess
import sys

import pytest

from pipeline.reporting.line_chart import line_chart
from pipeline.reporting.render_html import render_html
from pipeline.reporting.render_markdown import render_markdown

WORDS = {"x_label": "step", "y_label": "learning rate", "alternative": "it falls"}


def exhibit(points=100, **more):
    rows = [[step, 0.1 * (1 - step / points)] for step in range(points)]
    shown = {"title": "learning rate", "columns": ["step", "learning rate"], "rows": rows, "bars": None}
    return {**shown, "line": "learning rate", "log_x": False, **more}


@pytest.fixture
def drawn(document):
    document["stages"][1]["exhibits"] = [exhibit()]
    return document


def test_the_same_numbers_give_the_same_bytes():
    charts = {line_chart([0, 1, 2], [0.3, 0.2, 0.1], **WORDS) for _ in range(2)}
    assert len(charts) == 1


@pytest.mark.parametrize("log_x", [False, True])
def test_a_chart_refers_to_nothing_and_follows_the_colours_of_the_page(log_x):
    chart = line_chart([0.001, 0.1, 10], [3.0, 1.0, 2.0], **WORDS, log_x=log_x)
    assert chart.startswith('<svg class="line-chart" viewBox="0 0 720 230.4" role="img" aria-label="it falls">')
    for banned in ("url(", "http", "href", " id=", "<style", "font-family", "#"):
        assert banned not in chart
    for variable in ("stroke: var(--accent)", "stroke: var(--line)", "fill: var(--muted)"):
        assert variable in chart
    assert ">step</text>" in chart
    assert ">learning rate</text>" in chart


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
    assert html.count('class="line-chart"') == 1
    label = (
        'aria-label="learning rate: learning rate from 0.1000 at step 0 to 0.001000 at step 99; '
        'lowest 0.001000 at step 99, highest 0.1000 at step 0"'
    )
    assert label in html
    folded = html[html.index("<details>") : html.index("</details>")]
    assert "<summary>100 values</summary>" in folded
    assert folded.count('<th scope="row">') == 100


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
    assert "<details>" not in html
    assert "<strong>train:</strong> learning rate" in html
    assert " values)" not in render_markdown(document)


def test_a_page_without_a_line_is_made_without_the_library_that_draws(document):
    script = (
        "import sys, json; from pipeline.reporting.render_html import render_html; "
        "render_html(json.loads(sys.argv[1])); sys.exit('matplotlib' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script, json.dumps(document)], check=False).returncode == 0

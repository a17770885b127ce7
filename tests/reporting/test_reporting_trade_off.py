"""The chart of trade-offs, and a chart as a file of its own."""

from xml.etree import ElementTree

from pipeline.reporting.charts.base import standalone
from pipeline.reporting.charts.trade_off import Mark, trade_off_chart

MARKS = [
    Mark(100.0, 0.4, 92.0, True, False),
    Mark(20.0, 0.1, 91.0, True, True),
    Mark(50.0, 0.2, 90.0, False, False),
]
DOT = "translate("


def drawn(marks=MARKS, **bounds):
    return trade_off_chart(marks, quality="Accuracy, %", alternative="three models", **bounds)


def test_it_is_the_same_each_time_with_its_axes_named():
    assert drawn(size_kb=30.0) == drawn(size_kb=30.0)
    texts = [element.text for element in ElementTree.fromstring(drawn()).iter("text")]
    assert {"Accuracy, %", "deflated KiB", "p50 latency, ms"} <= {*texts}


def test_a_bound_is_a_line():
    plain = drawn().count("stroke-dasharray")
    assert drawn(size_kb=30.0).count("stroke-dasharray") == plain + 1
    assert drawn(size_kb=30.0, latency_ms=0.2).count("stroke-dasharray") == plain + 2


def test_every_model_is_a_point_in_both_panels():
    more = [*MARKS, Mark(60.0, 0.3, 90.5, False, False)]
    assert drawn(more).count(DOT) == drawn().count(DOT) + 2


def test_a_file_of_its_own_is_a_document_of_plain_colours():
    file = standalone(drawn(size_kb=30.0))
    root = ElementTree.fromstring(file)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "var(" not in file
    assert "#0b5cad" in file

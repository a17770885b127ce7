"""The picture of trade-offs."""

from xml.etree import ElementTree

from pipeline.reporting.trade_off import Mark, trade_off

MARKS = [
    Mark(100.0, 0.4, 92.0, True, False),
    Mark(20.0, 0.1, 91.0, True, True),
    Mark(50.0, 0.2, 90.0, False, False),
]


def test_it_is_one_svg_document_the_same_each_time_with_both_axes_named():
    drawn = trade_off(MARKS, size_kb=30.0)
    assert drawn == trade_off(MARKS, size_kb=30.0)
    assert ElementTree.fromstring(drawn).tag.endswith("svg")
    assert "deflated KiB" in drawn
    assert "p50 latency, ms" in drawn


def test_a_bound_is_a_line_and_every_model_a_point_in_both_panels():
    def points(**bounds):
        return trade_off(MARKS, **bounds).count("<use")

    assert trade_off(MARKS, size_kb=30.0).count("stroke-dasharray") == trade_off(MARKS).count("stroke-dasharray") + 1
    assert points() >= 2 * len(MARKS)

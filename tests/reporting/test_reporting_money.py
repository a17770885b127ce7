import pytest

from pipeline.reporting.money import stage_money, total_cost, total_money


def test_money_is_core_hours_times_the_price(document):
    assert stage_money(document["stages"][1]["cost"], 0.05) == pytest.approx(0.05)
    assert stage_money(document["stages"][2]["cost"], 0.05) == pytest.approx(0.025)


def test_the_total_adds_up_and_takes_the_largest_peak(document):
    document["stages"][2]["cost"]["peak_bytes"] = 10**10
    assert total_cost(document) == {
        "wall_seconds": 2950,
        "core_seconds": 5520,
        "peak_bytes": 10**10,
        "bytes_read": 5 * 2048,
        "bytes_written": 5 * 4096,
        "attempts": 6,
    }
    assert total_money(document) == pytest.approx(5520 / 3600 * 0.05)


def test_no_stages_cost_nothing(document):
    document["stages"] = []
    assert total_money(document) == 0


def test_a_negative_price_is_refused(document):
    document["per_core_hour"] = -1
    with pytest.raises(ValueError, match="per_core_hour=-1 is negative"):
        total_money(document)

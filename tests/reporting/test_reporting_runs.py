import copy

import pytest

from pipeline.reporting.render_runs import render_runs
from pipeline.reporting.runs import compare_runs


@pytest.fixture
def second(full):
    """The same with another sparsity, which made a smaller file and took longer."""
    other = copy.deepcopy(full)
    other["config"] = "seed: 1\nmodel:\n  name: small_cnn\n  filters: [8, 16]\nprune: null\n"
    pruned = other["models"][1]["measurement"]
    pruned |= {"deflated_bytes": 15_000, "accuracy": 0.961}
    other["stages"][2]["cost"]["core_seconds"] = 3600
    other["stages"][2]["key"] = "another"
    other["environment"] = {**other["environment"], "cores": 4, "libraries": {"tensorflow": "2.18.1"}}
    return other


def test_settings_come_first_with_what_each_run_had(full, second):
    full["config"] = "seed: 0\nmodel:\n  name: small_cnn\n  filters: [8, 16]\n  dropout: 0.5\n"
    assert compare_runs(full, second).settings == [
        ("seed", "0", "1"),
        ("model.dropout", "0.5", "not set"),
        ("prune", "not set", "null"),
    ]


def test_figures_change_from_the_first_to_the_second(full, second):
    figures = {figure.name: figure for figure in compare_runs(full, second).figures["pruned"]}
    assert figures["Accuracy"][1:] == ("97.10%", "96.10%", "-1.00 points", "worse")
    assert figures["Deflated size"][1:] == ("29.3 KiB", "14.6 KiB", "2.0x smaller", "better")
    assert figures["Latency p50"].change == "no faster"
    assert figures["Core time to make"][1:] == ("1 h 30 min", "2 h 00 min", "1.33x more", "worse")


def test_totals_and_surroundings(full, second):
    runs = compare_runs(full, second)
    assert runs.totals[1][1:] == ("1 h 32 min", "2 h 02 min", "1.33x more", "worse")
    assert runs.totals[2].name == "Money"
    assert runs.surroundings == [("cores", "2", "4"), ("tf-keras", "2.18.0", "not set")]


def test_money_at_two_prices_is_not_compared(full, second):
    second["per_core_hour"] = 0.1
    assert compare_runs(full, second).totals[2].change == "not comparable: another price"


def test_a_run_against_itself_differs_in_nothing_and_says_why(full):
    runs = compare_runs(full, full)
    assert (runs.settings, runs.surroundings, runs.alone, runs.figures) == ([], [], [], {})
    assert {figure.trend for figure in runs.totals} == {"same"}
    assert sum("same artifacts in both runs" in line for line in runs.caveats) == 3


def test_models_of_one_run_alone_are_named(full, second):
    second["models"][2]["name"] = "int4"
    runs = compare_runs(full, second)
    assert list(runs.figures) == ["pruned"]
    assert runs.alone == [
        "int8 was measured in the first run alone.",
        "int4 was measured in the second run alone.",
    ]


def test_other_conditions_are_a_caveat(full, second):
    second["models"][0]["measurement"] |= {"cpu": "Xeon", "examples": 10}
    caveats = compare_runs(full, second).caveats
    assert any("cpu Xeon" in line and "latencies are not comparable" in line for line in caveats)
    assert any("10 examples" in line and "accuracies are not comparable" in line for line in caveats)


def test_of_two_tasks_only_costs_are_compared(full, second):
    for model in second["models"]:
        model["measurement"] |= {"task": "regression", "r2": 0.5, "rmse": 2.0, "mae": 1.0}
    runs = compare_runs(full, second)
    assert "Accuracy" not in {figure.name for figure in runs.figures["pruned"]}
    assert any("is a classification in the first run and a regression" in line for line in runs.caveats)


def test_the_page_is_of_itself_and_escapes(full, second):
    second["config"] = "name: '<script>x</script>'"
    html = render_runs(compare_runs(full, second), ("a<b", "runs/two"))
    assert html.count("<script>") == 1
    assert "&lt;script&gt;x&lt;/script&gt;" in html
    assert "a&lt;b" in html
    assert html.index('id="settings"') < html.index('id="figures"')
    for banned in ("http:", "https:", "url("):
        assert banned not in html

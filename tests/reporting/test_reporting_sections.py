"""What the page's tables and charts are made from, worked out by hand."""

import pytest

from pipeline.reporting.compare import chosen
from pipeline.reporting.view import view


def cells(table, column):
    return {row[0].text: row[table.columns.index(column)] for row in table.rows}


def test_models_are_listed_with_the_figures_that_are_quoted(full):
    table = view(full)["models_table"]
    assert table.columns[1:4] == ["Accuracy", "Deflated size", "Latency p50"]
    assert {name: cell.sort for name, cell in cells(table, "Deflated size").items()} == {
        "baseline": 75_000,
        "pruned": 30_000,
        "int8": 20_000,
    }
    assert cells(table, "Accuracy")["int8"][2:4] == ("-0.70 points", "worse")


def test_the_scatter_says_what_it_shows(full):
    arguments = view(full)["scatter"]["arguments"]
    assert [(spot.name, spot.x, spot.y, spot.is_before) for spot in arguments["spots"]] == [
        ("baseline", 0.8, 97.5, True),
        ("pruned", 0.79, 97.1, False),
        ("int8", 0.2, 96.8, False),
    ]
    assert "int8 96.80% in 0.200 ms, 19.5 KiB" in arguments["alternative"]
    assert arguments["y_label"] == "Accuracy, %"


def test_the_scatter_of_a_regression_has_its_score(full):
    for model in full["models"]:
        model["measurement"] |= {"task": "regression", "r2": 0.5, "rmse": 2.0, "mae": 1.0}
    arguments = view(full)["scatter"]["arguments"]
    assert (arguments["y_label"], arguments["spots"][0].y) == ("R²", 0.5)


def test_what_each_class_gained_and_lost(full):
    found = view(full)["classes"]
    changes = found["change"]["arguments"]["changes"]
    assert changes["pruned"] == pytest.approx([0, -1, 0])
    assert changes["int8"] == pytest.approx([2, 0, -17])
    shown = cells(found["table"], "int8")
    assert (shown["cat"].text, shown["cat"].change, shown["cat"].trend) == ("98.00%", "+2.00 points", "better")
    assert (shown["owl"].text, shown["owl"].change, shown["owl"].trend) == ("83.00%", "-17.00 points", "worse")
    assert {name: cell.sort for name, cell in cells(found["table"], "Examples").items()} == {
        "cat": 500,
        "dog": 400,
        "owl": 100,
    }


def test_confusion_is_shown_of_the_model_before_and_of_that_of_the_verdict(full):
    assert chosen(full) == "int8"
    matrices = view(full)["classes"]["matrices"]
    assert [matrix["model"] for matrix in matrices] == ["baseline", "int8"]
    assert matrices[1]["told"] == ("owl taken for cat (17); cat taken for dog (10); dog taken for cat (5)")
    assert matrices[0]["chart"]["arguments"]["alternative"].startswith(
        "Confusion matrix of baseline: 975 of 1,000 right; most often cat taken for dog (20)"
    )


def test_a_class_without_an_example_has_no_share(full):
    for model in full["models"]:
        model["measurement"]["confusion"][2] = [0, 0, 0]
    found = view(full)["classes"]
    assert cells(found["table"], "int8")["owl"].text == "no example"
    assert found["change"]["arguments"]["changes"]["int8"][2] == 0


def test_a_model_of_other_classes_is_left_out(full):
    full["models"][1]["measurement"]["classes"] = ["a", "b", "c"]
    found = view(full)["classes"]
    assert list(found["change"]["arguments"]["changes"]) == ["int8"]
    assert "pruned" not in found["table"].columns


def test_layers_without_names_take_those_of_the_same_shapes(full):
    found = view(full)["weights"]
    assert [row[0].text for row in found["table"].rows] == ["conv", "dense"]
    full["models"][2]["measurement"]["weights"]["layers"][0]["shape"] = [1, 5, 5, 4]
    rows = [row[0].text for row in view(full)["weights"]["table"].rows]
    assert rows == ["conv", "dense", "conv_2d", "fully_connected"]


def test_zeros_are_drawn_of_the_models_that_have_some(full):
    found = view(full)["weights"]
    assert found["sparsity"]["arguments"]["shares"] == {"pruned": pytest.approx([0.25, 0.9])}
    assert cells(found["table"], "pruned")["dense"].text == "90.00%"
    assert cells(found["table"], "Shape")["dense"].text == "10 x 100"


def test_histograms_add_up_the_layers(full):
    histograms = view(full)["weights"]["histograms"]["arguments"]["histograms"]
    assert histograms["pruned"] == (-1.0, 1.0, [0, 87, 88, 0])
    assert sum(histograms["baseline"].counts) == 1100


def test_a_run_without_the_newer_figures_has_no_such_sections(document):
    page = view(document)
    assert (page["classes"], page["weights"], page["reuse"]) == (None, None, "")


def test_the_cost_of_a_model_is_that_of_all_it_came_from(full):
    spent = view(full)["cost_chart"]["arguments"]["spent"]
    assert spent == {
        "data": [30, 30, 30],
        "train": [3600, 3600, 3600],
        "prune": [0, 1800, 0],
        "quantize": [0, 0, 90],
    }


def test_what_was_reused_is_said_and_marked(full):
    page = view(full)
    assert page["reuse"].startswith("2 of 5 stages were reused from earlier runs, which saved 1 h 00 min")
    boxes = page["graph_chart"]["arguments"]["boxes"]
    assert {box.name for box in boxes if box.reused} == {"data", "train"}
    assert next(box.words for box in boxes if box.name == "train") == "train, 31 min 40 s"
    full["run"] = "2026-11-24-00"
    for stage in full["stages"]:
        stage["run"] = full["run"]
    assert view(full)["reuse"] == "Every stage was built in this run."


def test_curves_have_a_panel_for_each_metric(full):
    (curves,) = (each for each in view(full)["exhibits"] if each["stage"] == "prune")
    arguments = curves["chart"]["arguments"]
    assert arguments["x"] == [1, 2, 3]
    assert [list(panel) for panel in arguments["panels"]] == [
        ["training loss", "validation loss"],
        ["training accuracy", "validation accuracy"],
    ]
    assert "validation accuracy from 0.4000 to 0.8000" in arguments["alternative"]

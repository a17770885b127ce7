import pytest

from pipeline.reporting.caveats import caveats
from pipeline.reporting.compare import comparison, verdict
from pipeline.reporting.metrics import COST, QUALITY


def row(document, model, metric):
    return next(row for row in comparison(document) if (row.model, row.metric) == (model, metric))


def test_every_model_has_every_metric(document):
    rows = comparison(document)
    assert [(row.model, row.metric) for row in rows] == [
        (model, metric.key)
        for model in ("baseline", "pruned", "int8")
        for metric in (*QUALITY["classification"], *COST)
    ]
    assert {row.trend for row in rows if row.model == "baseline"} == {"before"}


@pytest.mark.parametrize(
    ("model", "metric", "change", "trend"),
    [
        ("int8", "accuracy", "-0.70 points", "worse"),
        ("int8", "bytes", "3.3x smaller", "better"),
        ("int8", "latency_p50", "4.0x faster", "better"),
        ("int8", "parameters", "unchanged", "same"),
        ("pruned", "bytes", "unchanged", "same"),
        ("pruned", "deflated_bytes", "2.5x smaller", "better"),
        ("pruned", "nonzero_parameters", "4.0x fewer", "better"),
        ("pruned", "sparsity", "+75.00 points", "better"),
    ],
)
def test_changes_by_hand(document, model, metric, change, trend):
    found = row(document, model, metric)
    assert (found.change, found.trend) == (change, trend)


@pytest.mark.parametrize(
    ("milliseconds", "change", "trend"),
    [
        (0.75, "1.07x faster", "better"),
        (0.77, "no faster", "same"),
        (0.80, "no faster", "same"),
        (0.83, "no faster", "same"),
        (1.60, "no faster (2.0x slower)", "worse"),
        (0.0, "not comparable", "same"),
    ],
)
def test_only_a_clear_gain_in_time_is_called_faster(document, milliseconds, change, trend):
    document["models"][2]["measurement"]["latency_ms"]["p50"] = milliseconds
    found = row(document, "int8", "latency_p50")
    assert (found.change, found.trend) == (change, trend)


def test_a_difference_too_small_for_two_decimals_is_not_called_a_ratio(document):
    document["models"][2]["measurement"]["bytes"] = 81_900
    assert row(document, "int8", "bytes").change == "barely smaller"


def test_the_verdict_names_the_smallest_model_its_gain_and_its_price(document):
    assert verdict(document) == (
        "int8 against baseline: 3.8x smaller deflated, 4.0x faster at the median, "
        "accuracy -0.70 points (97.50% to 96.80%)."
    )


def test_the_verdict_admits_that_nothing_got_faster(document):
    del document["models"][2]
    assert verdict(document) == (
        "pruned against baseline: 2.5x smaller deflated, no faster at the median, "
        "accuracy -0.40 points (97.50% to 97.10%)."
    )


def test_the_verdict_admits_that_nothing_was_saved(document):
    for model in document["models"][1:]:
        model["measurement"]["deflated_bytes"] = 80_000
    assert verdict(document) == (
        "Nothing was saved: no model deflates smaller than baseline; the smallest, pruned, "
        "has accuracy -0.40 points (97.50% to 97.10%)."
    )


def test_of_models_alike_in_size_the_verdict_names_the_best(document):
    document["models"][2]["measurement"]["deflated_bytes"] = 29_900
    assert verdict(document).startswith("pruned against baseline: 2.5x smaller deflated")


def test_what_was_cheaper_to_make_is_a_saving_too(document):
    document["models"] = [document["models"][0], {**document["models"][2], "name": "half", "stage": "quantize"}]
    document["models"][1]["measurement"]["deflated_bytes"] = 74_900
    document["stages"][3]["inputs"] = {}
    assert verdict(document) == (
        "half against baseline: 40.3x less core time to make, accuracy -0.70 points (97.50% to 96.80%)."
    )


@pytest.mark.parametrize(
    ("task", "quality", "said"),
    [
        ("regression", {"r2": (0.4523, 0.44), "rmse": (53.2, 54.0), "mae": (40, 41)}, "R² -0.0123 (0.4523 to 0.4400)"),
        (
            "multi_label",
            {"f1": (0.9, 0.91), "subset_accuracy": (0.5, 0.4)},
            "F1 (micro) +1.00 points (90.00% to 91.00%)",
        ),
    ],
)
def test_other_tasks_have_other_figures(document, task, quality, said):
    document["models"] = document["models"][::2]
    for place, model in enumerate(document["models"]):
        measurement = model["measurement"]
        del measurement["accuracy"]
        measurement.update(task=task, **{name: values[place] for name, values in quality.items()})
    assert verdict(document).endswith(f"{said}.")
    assert [row.metric for row in comparison(document)][: len(quality)] == list(quality)


def test_models_of_two_tasks_are_not_compared(document):
    document["models"][1]["measurement"].update(task="regression", r2=0.5, rmse=1.0, mae=1.0)
    with pytest.raises(ValueError, match="pruned is a regression and baseline a classification"):
        comparison(document)


def test_a_single_model_is_compared_with_nothing(document):
    del document["models"][1:]
    assert verdict(document) == "Only baseline was measured: there is nothing to compare it with."


def test_an_unknown_model_before_is_named(document):
    document["before"] = "teacher"
    with pytest.raises(ValueError, match="no model 'teacher': its models are baseline, pruned, int8"):
        comparison(document)


def test_figures_taken_differently_are_pointed_out(document):
    assert caveats(document) == []
    measurement = document["models"][2]["measurement"]
    measurement.update(examples=500, threads=2, interpreter="tensorflow 2.18.1", uncounted_ops=["FlexErf", "WHILE"])
    document["per_core_hour"] = 0
    assert caveats(document) == [
        "int8 was tested on 500 examples, baseline on 1,000: their accuracies are not comparable.",
        "int8 was measured with threads 2, baseline with 1: their latencies are not comparable.",
        "int8 was measured with interpreter tensorflow 2.18.1, baseline with litert 2.3.0: "
        "their latencies are not comparable.",
        "Operations of int8 leave out FlexErf, WHILE, which have no rule.",
        "The price per core-hour is 0, so all money is 0.",
    ]

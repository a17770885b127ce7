from pipeline.stages.curves_exhibit import curves_exhibit

HISTORY = [
    {"loss": 1.0, "accuracy": 0.5, "val_loss": 1.2, "val_accuracy": 0.4},
    {"loss": 0.5, "accuracy": 0.8, "val_loss": 0.7, "val_accuracy": 0.7},
]


def test_each_metric_is_a_panel_of_training_beside_validation():
    shown = curves_exhibit(HISTORY, "hints")
    assert shown.title == "hints, 2 epochs"
    assert shown.lines == [["training loss", "validation loss"], ["training accuracy", "validation accuracy"]]
    assert shown.columns == ["epoch", *shown.lines[0], *shown.lines[1]]
    assert shown.rows == [[1, 1.0, 1.2, 0.5, 0.4], [2, 0.5, 0.7, 0.8, 0.7]]


def test_without_a_validation_there_is_one_line():
    shown = curves_exhibit([{"loss": 1.0}, {"loss": 0.5}])
    assert (shown.lines, shown.rows) == ([["training loss"]], [[1, 1.0], [2, 0.5]])


def test_a_single_epoch_is_no_curve():
    assert curves_exhibit(HISTORY[:1]) is None

"""A new user's two paths, with the YAML and the command as the documentation gives them."""

import numpy as np
from new_user import write_experiment, write_model, write_pictures, write_table


def run(cli, page, *more, debug="none", **files):
    """Runs a page's command in a folder with a user's files; `Cli` makes the folder, so it is told where they are."""
    folder = cli.store.parent / "user"
    folder.mkdir()
    for name, write in files.items():
        write(folder / name.replace("_keras", ".keras").replace("_csv", ".csv"))
    arguments = write_experiment(page, folder)
    assert len((folder / "mine/experiment" / f"{arguments[2].partition('=')[2]}.yaml").read_text().splitlines()) <= 10
    arguments[1] = str(folder / "mine")
    return cli(*arguments, f"debug={debug}", *(f"{key}={folder / value}" for key, value in more))


def test_a_table_becomes_a_report(cli):
    done = run(cli, "own_csv.md", ("data.path", "flowers.csv"), debug="tiny", flowers_csv=write_table)
    assert done.code == 0, done.err
    page = (done.output / "report/report.html").read_text()
    assert "pruned + int8" in page
    assert done.statuses["report"] == "built"


def test_a_model_and_pictures_become_a_tflite_file(cli):
    done = run(
        cli,
        "own_model.md",
        ("data.path", "pictures"),
        ("stages.mine.path", "mine.keras"),
        pictures=write_pictures,
        mine_keras=write_model,
    )
    assert done.code == 0, done.err
    from pipeline.measurement.outputs import tflite_outputs

    outputs = tflite_outputs(done.output / "export/model.tflite", np.zeros((1, 32, 32, 3), np.uint8))
    assert outputs.shape == (1, 2)

"""Which files a user's own model consists of; found without TensorFlow, so that a plan is made at once."""

from pathlib import Path

METADATA = "keras_metadata.pb"
"""The file in which Keras 2 describes the model beside TensorFlow's graph."""


def own_files(path: Path) -> dict[str, Path]:
    """Returns the files that a model is loaded from, by names that do not depend on where it lies.

    Args:
        path: A `.keras` file, or the folder of a SavedModel that Keras wrote.

    Raises:
        ValueError: If it is neither.
    """
    if path.is_dir():
        return saved_model_files(path)
    if not path.exists():
        raise ValueError(f"{path}: no such file; accepted: a .keras file, or the folder of a SavedModel")
    if path.suffix != ".keras":
        raise ValueError(f"{path.name}: not a .keras file; accepted: a .keras file, or the folder of a SavedModel")
    return {"model.keras": path}


def saved_model_files(folder: Path) -> dict[str, Path]:
    """Returns the files that `load_saved_model` reads, by their path in the folder.

    Raises:
        ValueError: If the folder is not a SavedModel that Keras 2 wrote.
    """
    if not (folder / "saved_model.pb").is_file():
        raise ValueError(f"{folder.name}: not a SavedModel; accepted: a folder with saved_model.pb and {METADATA}")
    if not (folder / METADATA).is_file():
        raise ValueError(
            f"{folder.name}: a SavedModel without {METADATA}, so its layers can't be known; accepted: one that Keras 2 "
            "wrote, by model.save(folder, save_format='tf')"
        )
    files = [folder / METADATA, *sorted((folder / "variables").glob("variables.*"))]
    return {path.relative_to(folder).as_posix(): path for path in files}

"""What a new user brings: a table, or a model and images; and the YAML that the documentation gives them."""

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"


def write_experiment(page: str, folder: Path) -> tuple[Path, list[str]]:
    """Writes a page's YAML as the experiment that its command names, and returns its file and that command's arguments.

    Args:
        page: Such as "own_csv.md".
        folder: Where the command is to be run.

    Raises:
        ValueError: If the page has no such YAML or command.
    """
    text = (DOCS / page).read_text()
    yaml = re.search(r"```yaml\n(.*?)```", text, re.DOTALL)
    command = re.search(r"^python -m pipeline (--config-dir mine \+experiment=(\w+))$", text, re.MULTILINE)
    if yaml is None or command is None:
        raise ValueError(f"{page}: no YAML, or no command that runs it")
    place = folder / "mine/experiment" / f"{command[2]}.yaml"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(yaml[1])
    return place, command[1].split()


def write_table(path: Path) -> None:
    """Writes a CSV of 150 iris flowers, four lengths and the species."""
    from sklearn.datasets import load_iris

    found = load_iris(as_frame=True)
    frame = found.data.assign(species=found.target_names[found.target])
    frame.to_csv(path, index=False)


def write_pictures(folder: Path, count: int = 60) -> None:
    """Writes so many JPEG files of each of two classes: noise that is brighter above, or below."""
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(0)
    ramp = np.linspace(0, 120, 40)[:, None, None]
    for name, light in (("below", ramp), ("above", ramp[::-1])):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            pixels = rng.integers(0, 135, (40, 40, 3)) + light
            Image.fromarray(pixels.astype(np.uint8)).save(folder / name / f"{number}.jpg")


def write_model(path: Path) -> None:
    """Writes a small convolutional model for such pictures, not trained, with a softmax at its end as users have it."""
    from pipeline.keras import keras

    keras.utils.set_random_seed(0)
    layers = keras.layers
    keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(16, 3, strides=2, activation="relu"),
            layers.Conv2D(32, 3, strides=2, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2, activation="softmax"),
        ]
    ).save(path)

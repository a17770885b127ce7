"""A dataset's files: dataset.json, and for each part its features and labels."""

import io
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.data.dataset import PARTS, Affine, Column, Dataset, Info, Split
from pipeline.data.hints import accepted, did_you_mean

DESCRIPTION = "dataset.json"


def part_files(folder: Path, part: str) -> tuple[Path, Path]:
    """Returns the .npy files of a part's features and labels.

    Raises:
        ValueError: On an unknown part.
    """
    if part not in PARTS:
        raise ValueError(f"part {part!r} of a dataset is unknown; {accepted(PARTS)}{did_you_mean(part, PARTS)}")
    return folder / f"{part}_features.npy", folder / f"{part}_labels.npy"


def save(dataset: Dataset, folder: Path) -> None:
    """Writes dataset.json and two .npy files for each part; the same dataset gives the same bytes.

    Raises:
        OSError: When a file can't be written whole.
    """
    folder.mkdir(parents=True, exist_ok=True)
    save_info(dataset.info, {part: getattr(dataset, part).affine for part in PARTS}, folder)
    for part in PARTS:
        save_split(getattr(dataset, part), folder, part)


def save_split(split: Split, folder: Path, part: str) -> None:
    """Writes one part's two .npy files.

    Raises:
        OSError: When a file can't be written whole.
    """
    for file, array in zip(part_files(folder, part), (split.features, split.labels), strict=True):
        # As bytes, because numpy's own writing into a file hides why the operating system refused it.
        buffer = io.BytesIO()
        np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
        file.write_bytes(buffer.getbuffer())


def save_info(info: Info, affine: dict[str, Affine | None], folder: Path) -> None:
    """Writes dataset.json.

    Args:
        info: What it holds.
        affine: How each part was narrowed.
        folder: Where the parts are.
    """
    narrowed = {
        part: {"scale": each.scale.tolist(), "offset": each.offset.tolist()}
        for part, each in affine.items()
        if each is not None
    }
    content = {"info": asdict(info), "narrowed": narrowed}
    text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    (folder / DESCRIPTION).write_text(text + "\n", encoding="utf-8")


def load(folder: Path) -> Dataset:
    """Opens what `save` wrote; the features are memory-mapped, and read where they are used.

    Raises:
        FileNotFoundError: When a file is missing.
        ValueError: When a file is damaged or disagrees with dataset.json.
    """
    info, affine = load_info(folder)
    parts = {}
    for part in PARTS:
        features, labels = part_files(folder, part)
        try:
            parts[part] = Split(_array(features, "r"), _array(labels, None), affine.get(part))
        except ValueError as error:
            raise ValueError(f"{folder}: {part} part: {error}") from error
    try:
        return Dataset(info, **parts)
    except ValueError as error:
        raise ValueError(f"{folder}: {error}") from error


def load_info(folder: Path) -> tuple[Info, dict[str, Affine]]:
    """Reads dataset.json.

    Raises:
        FileNotFoundError: When it is missing.
        ValueError: When it isn't a dataset's description.
    """
    file = folder / DESCRIPTION
    _require(file)
    try:
        read = json.loads(file.read_text(encoding="utf-8"))
        columns = tuple(Column(**_tuples(column)) for column in read["info"].pop("columns"))
        info = Info(**_tuples(read["info"]), columns=columns)
        affine = {
            part: Affine(np.array(each["scale"], np.float32), np.array(each["offset"], np.float32))
            for part, each in read["narrowed"].items()
        }
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise ValueError(f"{file}: not a dataset's description ({error})") from error
    return info, affine


def _tuples(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}


def _array(file: Path, mmap_mode: Any) -> np.ndarray:
    _require(file)
    try:
        return np.load(file, mmap_mode=mmap_mode, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f"{file.name} isn't a whole .npy file ({' '.join(str(error).split())})") from error


def _require(file: Path) -> None:
    if not file.is_file():
        raise FileNotFoundError(f"{file}: no such file; a saved dataset has it")

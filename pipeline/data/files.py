"""A dataset's files: dataset.json, and for each part its features and labels."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import ml_dtypes
import numpy as np

from pipeline.data.dataset import PARTS, Affine, Column, Dataset, Info, Split
from pipeline.data.hints import accepted, did_you_mean

DESCRIPTION = "dataset.json"
BLOCK_BYTES = 2**24


def part_files(folder: Path, part: str) -> tuple[Path, Path]:
    """Returns the .npy files of a part's features and labels.

    Raises:
        ValueError: On an unknown part.
    """
    if part not in PARTS:
        raise ValueError(f"part {part!r} of a dataset is unknown; {accepted(PARTS)}{did_you_mean(part, PARTS)}")
    return folder / f"{part}_features.npy", folder / f"{part}_labels.npy"


def records_folder(folder: Path, part: str) -> Path:
    """Returns where a part is whose examples are packed as records, in place of its .npy files."""
    return folder / f"{part}_records"


def save(dataset: Dataset, folder: Path, *, parts: Sequence[str] = PARTS) -> None:
    """Writes dataset.json and two .npy files for each part; the same dataset gives the same bytes.

    Args:
        dataset: Any.
        folder: Made where it is missing.
        parts: Those to write; the others are written as records by who calls.

    Raises:
        OSError: When a file can't be written whole.
    """
    folder.mkdir(parents=True, exist_ok=True)
    save_info(dataset.info, {part: getattr(dataset, part).affine for part in PARTS}, folder)
    for part in parts:
        save_split(getattr(dataset, part), folder, part)


def save_split(split: Split, folder: Path, part: str) -> None:
    """Writes one part's two .npy files.

    Raises:
        OSError: When a file can't be written whole.
    """
    for path, array in zip(part_files(folder, part), (split.features, split.labels), strict=True):
        rows = max(1, BLOCK_BYTES // max(1, array[:1].nbytes))
        with path.open("wb") as file:
            write_header(file, array.dtype, array.shape)
            for start in range(0, len(array), rows):
                # Not numpy's own writing, which hides why the operating system refused it.
                file.write(np.ascontiguousarray(array[start : start + rows]).view(np.uint8).data)


def write_header(file: BinaryIO, dtype: np.dtype, shape: tuple[int, ...]) -> None:
    """Writes the header of a .npy file whose rows are to follow, in C order."""
    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)


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

    A part that is packed as records is unpacked into memory.

    Raises:
        FileNotFoundError: When a file is missing.
        ValueError: When a file is damaged or disagrees with dataset.json.
    """
    info, affine = load_info(folder)
    parts = {}
    for part in PARTS:
        features, labels = part_files(folder, part)
        records = records_folder(folder, part)
        try:
            if records.is_dir():
                from pipeline.data.encoding.records import read_part

                parts[part] = read_part(records)
            else:
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
        array = np.load(file, mmap_mode=mmap_mode, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f"{file.name} isn't a whole .npy file ({' '.join(str(error).split())})") from error
    # The format has no word for bfloat16 and calls it two bytes of anything.
    return array.view(ml_dtypes.bfloat16) if array.dtype == np.dtype("V2") else array


def _require(file: Path) -> None:
    if not file.is_file():
        raise FileNotFoundError(f"{file}: no such file; a saved dataset has it")

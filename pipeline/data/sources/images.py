"""Folders of images: one sub-folder for each class."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from pipeline.data.dataset import PARTS
from pipeline.data.examples import Images, Targets
from pipeline.data.hints import accepted, did_you_mean
from pipeline.data.sources.image_decoding import Encoded, OnError, check_target, decode_all
from pipeline.data.sources.parts import placement

_Classes = dict[str, list[Path]]


def load_image_folder(
    path: Path,
    *,
    size: tuple[int, int],
    channels: int,
    on_error: OnError = "raise",
    on_progress: Callable[[int, int], None] | None = None,
) -> Images:
    """Reads the images as uint8 (n, h, w, c), scale 255; the sorted names of the sub-folders are the classes.

    Or `path` has train/ and test/, and maybe validation/, each with such sub-folders: then examples are placed in
    these parts. Hidden files are ignored. `decode_all` says how images are converted and resized.

    Args:
        path: The folder.
        size: Height and width.
        channels: 1 for grey, 3 for RGB.
        on_error: "skip" leaves unreadable images out and lists them; what's wrong with the folders always raises.
        on_progress: Called with how many images are done, of how many.

    Raises:
        FileNotFoundError: When there is no such folder.
        ValueError: When the folders aren't of this shape, a link leads out of them, or an image can't be read.
    """
    check_target(size, channels, on_error)
    parts = _layout(path)
    index_of = {name: index for index, name in enumerate(parts["train"])}
    files = [(part, name, file) for part, classes in parts.items() for name in classes for file in classes[name]]
    features, kept, skipped = decode_all(
        (Encoded(str(file), file) for _, _, file in files),
        size=size,
        channels=channels,
        on_error=on_error,
        expected=len(files),
        on_progress=on_progress,
    )
    sizes = {(part, name): 0 for part, classes in parts.items() for name in classes}
    for part, name, _ in (files[index] for index in kept):
        sizes[part, name] += 1
    for (part, name), count in sizes.items():
        if not count:
            raise ValueError(f"{parts[part][name][0].parent}: no image can be read; accepted: one or more a class")
    labels = np.array([index_of[files[index][1]] for index in kept], np.int32)
    totals = {part: sum(count for (of, _), count in sizes.items() if of == part) for part in parts}
    return Images(
        features, Targets(labels, "classification", tuple(index_of)), 255.0, placement(totals), tuple(skipped)
    )


def image_files(path: Path) -> list[Path]:
    """Returns the files that `load_image_folder` reads, sorted.

    Raises:
        FileNotFoundError: When there is no such folder.
        ValueError: When the folders aren't of the shape that it reads.
    """
    return sorted(file for classes in _layout(path).values() for files in classes.values() for file in files)


def _layout(path: Path) -> dict[str, _Classes]:
    """Returns the files of each class of each part; a folder without parts is all "train"."""
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such folder")
    if not path.is_dir():
        raise ValueError(f"{path}: is a file; accepted: a folder with a sub-folder for each class")
    root = path.resolve()
    folders = _folders(path, root)
    # A class of trains has images in train/, a training part has folders.
    if "train" not in folders or not any(entry.is_dir() for entry in _visible(folders["train"])):
        return {"train": _classes(path, folders, root, least=2)}
    for name in folders:
        if name not in PARTS:
            raise ValueError(f"{path / name}: beside train/; {accepted(PARTS)}{did_you_mean(name, PARTS)}")
    if "test" not in folders:
        raise ValueError(f"{path}: has train/ but no test/; accepted: both, or a sub-folder for each class only")
    parts = {part: folders[part] for part in PARTS if part in folders}
    # A test part may lack a class.
    classes = {
        part: _classes(folder, _folders(folder, root), root, least=2 if part == "train" else 1)
        for part, folder in parts.items()
    }
    for part, found in classes.items():
        for name in found:
            if name not in classes["train"]:
                raise ValueError(
                    f"{parts[part] / name}: a class that train/ lacks; {accepted(tuple(classes['train']))}"
                    f"{did_you_mean(name, tuple(classes['train']))}"
                )
    return classes


def _classes(folder: Path, folders: dict[str, Path], root: Path, least: int) -> _Classes:
    if len(folders) < least:
        found = f"one sub-folder, {next(iter(folders))}" if folders else "no sub-folder"
        raise ValueError(f"{folder}: {found}; accepted: {least} or more, one a class")
    return {name: _images(each, root) for name, each in folders.items()}


def _visible(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)


def _folders(folder: Path, root: Path) -> dict[str, Path]:
    found = {}
    for entry in _visible(folder):
        _check_link(entry, root)
        if not entry.is_dir():
            raise ValueError(f"{entry.path}: a file beside the sub-folders; accepted: sub-folders only, one a class")
        found[entry.name] = Path(entry.path)
    return found


def _images(folder: Path, root: Path) -> list[Path]:
    files = []
    for entry in _visible(folder):
        _check_link(entry, root)
        if not entry.is_file():
            what = "a folder" if entry.is_dir() else "not a regular file"
            raise ValueError(f"{entry.path}: {what} among a class's images; accepted: images only")
        files.append(Path(entry.path))
    if not files:
        raise ValueError(f"{folder}: holds no image; accepted: one or more a class")
    return files


def _check_link(entry: os.DirEntry[str], root: Path) -> None:
    if not entry.is_symlink():
        return
    try:
        target = Path(entry.path).resolve()
    except (OSError, RuntimeError) as error:
        raise ValueError(f"{entry.path}: a link that leads to itself; accepted: links to what is there") from error
    if not target.is_relative_to(root):
        raise ValueError(f"{entry.path}: a link that leads out of {root}; accepted: links within it")
    if not target.exists():
        raise ValueError(f"{entry.path}: a link to nothing; accepted: links to what is there")

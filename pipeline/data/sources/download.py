"""Downloading the four IDX files, each whole and checked or not there at all."""

import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path

from pipeline.data.hints import accepted, did_you_mean
from pipeline.data.sources.idx import IDX_NAMES, idx_files

_LENGTHS = {"md5": 32, "sha256": 64}

_logger = logging.getLogger(__name__)


def download_idx(folder: Path, base_url: str, known_hashes: Mapping[str, str]) -> list[Path]:
    """Downloads what the folder lacks and returns the four files.

    Args:
        folder: Made when it isn't there.
        base_url: The folder's address, http or https; a file's name is appended to it.
        known_hashes: "md5:..." or "sha256:..." of each file, by its name as it is at that address.

    Raises:
        ConnectionError: When a file can't be had from the network.
        FileNotFoundError: When `known_hashes` doesn't name all four files.
        ValueError: When an argument is malformed, or a file, downloaded or already there, has another hash.
    """
    if not base_url.startswith(("http://", "https://")):
        raise ValueError(f"address {base_url!r}; accepted: one that begins with http:// or https://")
    names = [f"{name}{suffix}" for name in IDX_NAMES for suffix in ("", ".gz")]
    for name, known_hash in known_hashes.items():
        if name not in names:
            raise ValueError(f"file {name!r} isn't an IDX file; {accepted(names)}{did_you_mean(name, names)}")
        _check_form(name, known_hash)
    folder.mkdir(parents=True, exist_ok=True)
    for name, known_hash in known_hashes.items():
        if (folder / name).exists():
            _check_present(folder / name, known_hash)
        else:
            _download(folder, f"{base_url.rstrip('/')}/{name}", name, known_hash)
    return idx_files(folder)


def _check_form(name: str, known_hash: str) -> None:
    algorithm, _, digest = known_hash.partition(":")
    if len(digest) != _LENGTHS.get(algorithm) or not set(digest.lower()) <= set("0123456789abcdef"):
        raise ValueError(f"hash {known_hash!r} of {name}; accepted: md5: and 32 or sha256: and 64 hexadecimal digits")


def _check_present(file: Path, known_hash: str) -> None:
    # A file of another hash may be the user's own, so it is never overwritten.
    algorithm, _, digest = known_hash.partition(":")
    found = hashlib.new(algorithm, file.read_bytes(), usedforsecurity=False).hexdigest()
    if found != digest.lower():
        raise ValueError(
            f"{file}: is there, but its {algorithm} is {found}; "
            f"accepted: {digest}, or no such file, to have it downloaded"
        )


def _download(folder: Path, url: str, name: str, known_hash: str) -> None:
    import pooch
    import requests

    _logger.info("downloading %s", url)
    pooch.get_logger().setLevel(logging.WARNING)
    try:
        pooch.retrieve(url, known_hash=known_hash.lower(), fname=name, path=folder)
    except requests.RequestException as error:
        if error.response is not None:
            error.response.close()  # pooch leaves a refused request's connection open
        raise ConnectionError(f"{url}: can't be downloaded ({_reason(error)}); or put the file in {folder}") from error
    except ValueError as error:
        raise ValueError(f"{url}: what was downloaded has another hash; accepted: {known_hash}") from error


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__

"""One artifact in the store: a folder of files and the manifest that vouches for them."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MANIFEST = "manifest.json"
FILES = "files"
LOG = "stage.log"
CHUNK = 1 << 20


class DamagedError(Exception):
    """An artifact's files are not what its manifest says."""


@dataclass(frozen=True)
class Artifact:
    """A published artifact.

    Attributes:
        folder: Its folder in the store.
        manifest: What it is, what it was made from, what it cost, and a checksum for each file.
    """

    folder: Path
    manifest: Mapping[str, Any]

    @property
    def key(self) -> str:
        """The hash it is stored under."""
        return str(self.manifest["key"])

    @property
    def files(self) -> Path:
        """The folder that the stage filled."""
        return self.folder / FILES

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(entry["bytes"] for entry in self.manifest["files"].values())

    def path(self, name: str) -> Path:
        """Returns the path of one of its files or folders.

        Raises:
            FileNotFoundError: If the artifact holds no such file.
        """
        found = self.files / name
        if not found.exists() or not found.resolve().is_relative_to(self.files.resolve()):
            raise FileNotFoundError(f"artifact {self.key} holds no {name}")
        return found


def canonical(data: Any) -> bytes:
    """Returns the one JSON form of plain data, for hashing."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def digest_file(path: Path) -> str:
    """Returns the SHA-256 of a file's content, as hex digits."""
    sha = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            sha.update(chunk)
    return sha.hexdigest()


def file_entries(folder: Path) -> dict[str, dict[str, Any]]:
    """Returns size and checksum of each file below a folder, by relative path, the manifest left out."""
    return {
        path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, "sha256": digest_file(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }


def content_digest(entries: Mapping[str, Mapping[str, Any]]) -> str:
    """Returns one digest over an artifact's content; its log, which holds times, is not content."""
    content = {name: entry["sha256"] for name, entry in entries.items() if name != LOG}
    return hashlib.sha256(canonical(content)).hexdigest()


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Writes a manifest together with its own checksum."""
    body = {"sha256": hashlib.sha256(canonical(manifest)).hexdigest(), "manifest": manifest}
    (folder / MANIFEST).write_text(json.dumps(body, indent=1, sort_keys=True))


def read_artifact(folder: Path) -> Artifact:
    """Reads an artifact's manifest, without touching its files.

    Raises:
        FileNotFoundError: If there is no manifest.
        DamagedError: If the manifest is not what was written.
    """
    text = (folder / MANIFEST).read_bytes()
    try:
        body = json.loads(text)
        manifest = body["manifest"]
        intact = body["sha256"] == hashlib.sha256(canonical(manifest)).hexdigest()
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedError(f"{MANIFEST} can't be read") from error
    if not intact:
        raise DamagedError(f"{MANIFEST} fails its checksum")
    return Artifact(folder, manifest)


def verify(artifact: Artifact) -> None:
    """Checks every file against its checksum.

    Raises:
        DamagedError: Naming the first file that is missing, added or different.
    """
    expected = artifact.manifest["files"]
    found = file_entries(artifact.folder)
    for name in sorted(expected.keys() | found.keys()):
        if name not in found:
            raise DamagedError(f"{name} is missing")
        if name not in expected:
            raise DamagedError(f"{name} does not belong to it")
        if found[name] != expected[name]:
            raise DamagedError(f"{name} fails its checksum")

"""Keys: a hash of everything that can change an artifact's bytes, and of nothing else."""

import ast
import functools
import hashlib
import importlib.metadata
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.engine.artifact import canonical
from pipeline.engine.stage import Stage, settings_in_key

FORMAT = 2
"""Goes up when the engine itself changes what it puts into an artifact."""

ENGINE = "pipeline.engine"


def identity(
    stage: Stage, inputs: Mapping[str, str], sources: Mapping[str, str], facts: Mapping[str, str]
) -> dict[str, Any]:
    """Returns all that determines a stage's artifact.

    Args:
        stage: The stage with its settings (the seed is one of them).
        inputs: The key of each input artifact, by input name.
        sources: The content digest of each source file, by file name.
        facts: The facts of the run; those count that the stage's artifact states.
    """
    return {
        "format": FORMAT,
        "kind": stage.kind,
        "settings": settings_in_key(stage),
        "inputs": dict(inputs),
        "sources": dict(sources),
        "facts": {name: facts[name] for name in stage.states},
        "code": code_digest(type(stage).__module__),
        "libraries": library_versions(stage.used_libraries),
    }


def key_of(identity: Mapping[str, Any]) -> str:
    """Returns the key of an identity: 128 bits as hex digits."""
    return hashlib.sha256(canonical(identity)).hexdigest()[:32]


def library_versions(names: tuple[str, ...]) -> dict[str, str]:
    """Returns the version of Python and of each named distribution, without importing any."""
    return {"python": platform.python_version(), **{name: _version(name) for name in names}}


@functools.cache
def _version(name: str) -> str:
    return importlib.metadata.version(name)


def code_digest(module: str) -> str:
    """Returns a digest of a module's source and of all modules of its package that it imports, directly or not.

    So a changed technique is never answered from an artifact of the old one. The engine is left out: `FORMAT` speaks
    for it. Files of other kinds beside a module (a page's template) count with it.
    """
    sha = hashlib.sha256()
    for path in _closure(module):
        sha.update(path.name.encode() + b"\0" + _content(path) + b"\0")
    return sha.hexdigest()[:32]


@functools.cache
def _closure(module: str) -> list[Path]:
    package = module.partition(".")[0]
    top = _root() / package
    seen: dict[str, Path] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = _module_path(name)
        if name in seen or path is None or name == ENGINE or name.startswith(f"{ENGINE}."):
            continue
        seen[name] = path
        waiting += [found for found in _imports(path) if found.partition(".")[0] == package]
    beside = {p for path in seen.values() for p in path.parent.iterdir() if p.is_file() and p.suffix != ".py"}
    return sorted({*seen.values(), *(p for p in beside if p.parent != top)})


def _root() -> Path:
    return Path(__file__).resolve().parents[2]


def _module_path(name: str) -> Path | None:
    base = _root().joinpath(*name.split("."))
    candidates = (base.with_suffix(".py"), base / "__init__.py")
    return next((path for path in candidates if path.is_file()), None)


@functools.cache
def _content(path: Path) -> bytes:
    return path.read_bytes()


@functools.cache
def _imports(path: Path) -> list[str]:
    names: list[str] = []
    for node in ast.walk(ast.parse(_content(path))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.append(node.module)
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names

"""A user's own function as a source; what may be imported is listed, and nothing else is."""

import importlib
import inspect
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from pipeline.data.dataset import Task
from pipeline.data.examples import Images, Table
from pipeline.data.hints import accepted, did_you_mean
from pipeline.data.sources.array_examples import examples_from

_SWITCH = "allow_targets"
_RETURNED = "accepted: Images, Table, a tuple (features, labels) of NumPy arrays, or a dict of them named as in a .npz"


def load_function(
    target: str,
    arguments: Mapping[str, Any],
    allowed: Sequence[str],
    *,
    task: Task | None = None,
    scale: float | None = None,
) -> Images | Table:
    """Calls a function of a module and returns what it returns, as images or a table.

    Args:
        target: "package.module.function".
        arguments: By name.
        allowed: Modules and packages that may be imported, each with all below it.
        task: When the function returns arrays; see `load_arrays`.
        scale: The same.

    Raises:
        ValueError: When the target isn't allowed, which is found before anything is imported; when it isn't a plain
            public function of an allowed module; when the arguments don't fit; when it fails; or when it returns
            something else than Images, Table or the arrays of them.
    """
    return _examples(call_function(target, arguments, allowed), target, task, scale)


def call_function(target: str, arguments: Mapping[str, Any], allowed: Sequence[str]) -> Any:
    """Calls a function of a module and returns what it returns.

    Args:
        target: "package.module.function".
        arguments: By name.
        allowed: Modules and packages that may be imported, each with all below it.

    Raises:
        ValueError: As `load_function`, but for what it returns.
    """
    module, name = _split(target, allowed)
    function = _function(_import(module, target), name, target, allowed)
    _check_arguments(function, arguments, target)
    try:
        return function(**arguments)
    except Exception as error:
        raise ValueError(f"{target}: fails: {_said(error)}") from error


def function_file(target: str, allowed: Sequence[str]) -> Path:
    """Returns the source file of the target's module, found without importing anything.

    Raises:
        ValueError: When the target isn't allowed, or its module can't be found as a file of Python source.
    """
    module, _ = _split(target, allowed)
    spec = _spec(module)
    if spec is None:
        raise ValueError(f"{target}: no module {module}; accepted: a module that Python finds on its path")
    if spec.origin is None or not spec.origin.endswith(".py"):
        raise ValueError(f"{target}: {module} has no file of Python source; accepted: a module that has one")
    return Path(spec.origin)


def _split(target: str, allowed: Sequence[str]) -> tuple[str, str]:
    """Returns the module and the function's name; raises ValueError when the module isn't allowed."""
    names = target.split(".")
    if len(names) < 2 or not all(name.isidentifier() for name in names):
        raise ValueError(f"target {target!r}; accepted: package.module.function")
    for name in names:
        if name.startswith("_"):
            raise ValueError(f"target {target!r}: {name} is private; accepted: a public function of a public module")
    module = ".".join(names[:-1])
    if not _is_allowed(module, allowed):
        listed = ", ".join(allowed) or "none"
        raise ValueError(
            f"target {target!r}: module {module} isn't allowed; accepted: modules of {_SWITCH} (now {listed}), "
            f"which {_SWITCH}=[{names[0]}] widens"
        )
    return module, names[-1]


def _is_allowed(module: str, allowed: Sequence[str]) -> bool:
    return any(f"{module}.".startswith(f"{entry}.") for entry in allowed if entry)


def _spec(module: str) -> ModuleSpec | None:
    # importlib.util.find_spec would import the parent packages.
    path: list[str] | None = None
    names = module.split(".")
    for index, name in enumerate(names, start=1):
        spec = _search(".".join(names[:index]), path)
        if index == len(names):
            return spec
        if spec is not None and spec.has_location:
            path = list(spec.submodule_search_locations or ())
        else:
            # A namespace package's own search locations are readable only once its parent is imported.
            path = [folder for each in path or sys.path if Path(folder := str(Path(each, name))).is_dir()]
        if not path:
            return None
    return None


def _search(module: str, path: list[str] | None) -> ModuleSpec | None:
    for finder in sys.meta_path:
        with suppress(KeyError):  # of a namespace package whose parent isn't imported
            spec = finder.find_spec(module, path, None)
            if spec is not None:
                return spec
    return None


def _import(module: str, target: str) -> ModuleType:
    if _spec(module) is None:
        raise ValueError(f"{target}: no module {module}; accepted: a module that Python finds on its path")
    try:
        return importlib.import_module(module)
    except Exception as error:
        raise ValueError(f"{target}: importing {module} fails: {_said(error)}") from error


def _said(error: Exception) -> str:
    return ": ".join(part for part in (type(error).__name__, " ".join(str(error).split())) if part)


def _function(module: ModuleType, name: str, target: str, allowed: Sequence[str]) -> FunctionType:
    found = getattr(module, name, None)
    if found is None:
        names = sorted(each for each, value in vars(module).items() if _is_plain(value, allowed) and each[0] != "_")
        raise ValueError(f"{target}: no such function; {accepted(names)}{did_you_mean(name, names)}")
    if not _is_plain(found, allowed):
        of = f" of {found.__module__}" if _kind(found) == "function" else ""
        raise ValueError(
            f"{target}: is a {_kind(found)}{of}; accepted: a plain function, defined in an allowed module with def"
        )
    return found


def _is_plain(found: object, allowed: Sequence[str]) -> bool:
    # One that an allowed module only imports from elsewhere, such as subprocess.run, isn't allowed.
    return _kind(found) == "function" and _is_allowed(str(found.__module__), allowed)


def _kind(found: object) -> str:
    if not isinstance(found, FunctionType):
        return "class" if isinstance(found, type) else type(found).__name__
    if found.__name__ == "<lambda>":
        return "lambda"
    if inspect.iscoroutinefunction(found) or inspect.isgeneratorfunction(found) or inspect.isasyncgenfunction(found):
        return "generator or coroutine"
    return "function"


def _check_arguments(function: FunctionType, arguments: Mapping[str, Any], target: str) -> None:
    signature = inspect.signature(function)
    try:
        signature.bind(**arguments)
    except TypeError as error:
        names = tuple(signature.parameters)
        near = next((hint for each in arguments if each not in names and (hint := did_you_mean(each, names))), "")
        raise ValueError(f"{target}: {error}; {accepted(names) if names else 'accepted: no argument'}{near}") from error


def _examples(returned: object, target: str, task: Task | None, scale: float | None) -> Images | Table:
    if isinstance(returned, Images | Table):
        if task is not None or scale is not None:
            raise ValueError(f"{target}: returns {type(returned).__name__}, which has a task; accepted: none beside it")
        _check(returned, target)
        return returned
    if isinstance(returned, tuple):
        if len(returned) != 2:
            raise ValueError(f"{target}: returns a tuple of {len(returned)}; {_RETURNED}")
        returned = dict(zip(("features", "labels"), returned, strict=True))
    if not isinstance(returned, dict):
        raise ValueError(f"{target}: returns {type(returned).__name__}; {_RETURNED}")
    return examples_from(returned, where=target, task=task, scale=scale)


def _check(examples: Images | Table, target: str) -> None:
    """Raises ValueError when what a user put together isn't of the right lengths and types."""
    labels = examples.targets.values
    if (str(labels.dtype), labels.ndim) not in (("int32", 1), ("float32", 1), ("uint8", 2)) or not len(labels):
        raise ValueError(
            f"{target}: targets of dtype {labels.dtype} and shape {labels.shape}; "
            "accepted: int32 classes, float32 targets or uint8 rows of 0 and 1"
        )
    if isinstance(examples, Images):
        lengths = {"features": len(examples.features)}
        if examples.features.ndim != 4 or examples.features.dtype not in (np.uint8, np.float32):
            raise ValueError(
                f"{target}: images of dtype {examples.features.dtype} and shape {examples.features.shape}; "
                "accepted: uint8 or float32 of shape (n, h, w, c)"
            )
    else:
        lengths = {f"column {column.name!r}": len(column.values) for column in examples.columns}
        if not lengths:
            raise ValueError(f"{target}: returns a table without columns; accepted: one or more")
    placed = examples.placement
    lengths |= {name: len(each) for name in ("part", "group", "time") if (each := getattr(placed, name)) is not None}
    for what, length in lengths.items():
        if length != len(labels):
            raise ValueError(f"{target}: {what} of {length} for {len(labels)} targets; accepted: as many")

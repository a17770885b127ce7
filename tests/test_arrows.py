"""The arrows of the design: who may import whom."""

import ast
from pathlib import Path

import pytest

import pipeline

ROOT = Path(pipeline.__file__).parent
ROOMS = (
    "data",
    "models",
    "optimizers",
    "training",
    "compression",
    "distribution",
    "measurement",
    "reporting",
    "search",
    "tracking",
)
ENTRY = (
    "__init__",
    "__main__",
    "api",
    "budget",
    "callbacks",
    "compare_command",
    "execution",
    "failures",
    "folders",
    "job",
    "profiling",
    "store_command",
    "watching",
)


def imports(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: a relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


MODULES = sorted(ROOT.rglob("*.py"))


def room_of(path: Path) -> str:
    parts = path.relative_to(ROOT).parts
    return parts[0] if len(parts) > 1 else path.stem


def allowed(room: str) -> tuple[str, ...]:
    if room in ROOMS:
        return (f"pipeline.{room}", "pipeline.keras")
    if room == "engine":
        return ("pipeline.engine",)
    if room == "stages":
        return ("pipeline.stages", "pipeline.engine", "pipeline.keras", *(f"pipeline.{each}" for each in ROOMS))
    if room in ENTRY:
        return (
            "pipeline.engine",
            "pipeline.stages.registry",
            "pipeline.stages.debug",
            "pipeline.distribution.cluster",
            "pipeline.reporting",
            "pipeline.sweeping",
            "pipeline.measurement.profile",
            "pipeline.tracking",
            "pipeline.search",
            *(f"pipeline.{each}" for each in ENTRY),
        )
    if room == "sweeping":
        names = ("engine", "sweeping", "reporting", "distribution.cluster", "failures", "job")
        return tuple(f"pipeline.{each}" for each in names)
    return ()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_arrows_point_one_way(path):
    ours = {name for name in imports(path) if name.partition(".")[0] == "pipeline"}
    wrong = {name for name in ours if not f"{name}.".startswith(tuple(f"{each}." for each in allowed(room_of(path))))}
    assert wrong == set()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_the_command_line_knows_hydra_and_only_one_module_imports_keras_and_one_tfmot(path):
    found = {name.partition(".")[0] for name in imports(path)}
    if room_of(path) not in (*ENTRY, "sweeping"):
        assert not found & {"hydra", "omegaconf"}
    if path.name != "keras.py":
        assert not found & {"tf_keras", "keras"}
        assert not any(name.startswith("tensorflow.keras") for name in imports(path))
    if path.name != "tfmot.py":
        assert "tensorflow_model_optimization" not in found
    if room_of(path) in ("engine", "sweeping", *ENTRY):
        assert not found & {"tensorflow", "numpy", "pandas", "sklearn"}


def test_every_folder_is_a_room_that_this_test_knows():
    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and path.name not in ("__pycache__", "conf")}
    assert folders == {*ROOMS, "budget", "engine", "stages", "sweeping"}


def test_no_file_is_two_subjects():
    long = {str(path): len(path.read_text().splitlines()) for path in MODULES}
    assert {path: lines for path, lines in long.items() if lines > 350} == {}

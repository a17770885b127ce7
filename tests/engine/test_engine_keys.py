import os

import pytest
from engine_stages import Add, Number

from pipeline.engine import keys
from pipeline.engine.keys import code_digest, identity, key_of, library_versions


def key(stage, inputs=None, sources=None):
    return key_of(identity(stage, inputs or {}, sources or {}, {}))


@pytest.fixture(autouse=True)
def _code(monkeypatch):
    """Test modules lie outside the package, so their code has no closure in it."""
    monkeypatch.setattr(keys, "code_digest", lambda module: "code")


def test_the_key_changes_with_settings_inputs_sources_code_and_libraries(monkeypatch):
    stage = Number(value=1)
    base = key(stage)
    assert key(Number(value=1)) == base
    different = {
        "settings": key(Number(value=2)),
        "inputs": key(stage, {"left": "k"}),
        "sources": key(stage, sources={"a.csv": "d"}),
        "kind": key(Add()),
    }
    monkeypatch.setattr(keys, "code_digest", lambda module: "other code")
    different["code"] = key(stage)
    monkeypatch.setattr(keys, "code_digest", lambda module: "code")
    monkeypatch.setattr(keys, "library_versions", lambda names: {"numpy": "0"})
    different["libraries"] = key(stage)
    assert len({base, *different.values()}) == 7


def test_the_key_does_not_depend_on_names_of_stages():
    assert key(Add(inputs={"left": "a", "right": "b"})) == key(Add(inputs={"left": "c", "right": "d"}))


def test_versions_are_read_without_importing():
    versions = library_versions(("numpy", "tensorflow"))
    assert set(versions) == {"python", "numpy", "tensorflow"}
    assert versions["tensorflow"].startswith("2.")


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package like ours, with an engine that must not count and a template that must."""
    files = {
        "shop/stages/sell.py": "def run():\n    from shop.till import till\n    from shop.engine.core import x\n",
        "shop/till/till.py": "import json\nfrom shop.money import coin\n",
        "shop/till/page.j2": "<p>",
        "shop/money.py": "coin = 1\n",
        "shop/engine/core.py": "x = 1\n",
        "shop/other.py": "y = 1\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(keys, "_root", lambda: tmp_path)
    monkeypatch.setattr(keys, "ENGINE", "shop.engine")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("shop/stages/sell.py", True),
        ("shop/till/till.py", True),
        ("shop/till/page.j2", True),
        ("shop/money.py", True),
        ("shop/engine/core.py", False),
        ("shop/other.py", False),
    ],
)
def test_the_code_digest_covers_what_a_stage_imports_and_nothing_else(package, name, counts):
    def digest():
        keys._closure.cache_clear()
        keys._content.cache_clear()
        keys._imports.cache_clear()
        return code_digest("shop.stages.sell")

    before = digest()
    path = package / name
    path.write_text(path.read_text() + "\n")
    after = digest()
    assert (before != after) == counts
    os.utime(path, (0, 0))
    assert digest() == after


def test_real_stages_reach_the_rooms_that_they_import_late():
    names = {path.name for path in keys._closure("pipeline.stages.prune")}
    assert {"prune.py", "pruning.py", "keras.py", "fit.py", "stream.py"} <= names
    assert not names & {"csv.py", "narrow.py", "store.py"}

import pytest
from test_engine_store import flip, publish

from pipeline.engine.errors import PipelineError
from pipeline.engine.maintenance import prune_store, verify_store
from pipeline.store_command import main


@pytest.fixture
def filled(store):
    for number, year in enumerate((2024, 2025, 2026)):
        publish(store, key=str(number) * 32, text="x" * 1000, created=f"{year}-01-01T00:00:00Z")
    return store


def keys(store):
    return [artifact.key[0] for artifact in store.all()]


def test_verify_sets_the_damaged_aside_and_counts(filled):
    flip(filled.artifacts / ("1" * 32))
    outcome = verify_store(filled)
    assert outcome.intact == 2
    assert outcome.damaged == {"1" * 32: "files/folder/file.txt fails its checksum"}
    assert keys(filled) == ["0", "2"]
    assert verify_store(filled).damaged == {}


def test_prune_to_a_size_removes_the_oldest(filled):
    outcome = prune_store(filled, max_bytes=2100)
    assert [key[0] for key in outcome.keys] == ["0"]
    assert outcome.freed_bytes > 1000
    assert keys(filled) == ["1", "2"]


def test_prune_by_age(filled):
    prune_store(filled, max_age_days=1e9)
    assert keys(filled) == ["0", "1", "2"]
    prune_store(filled, max_age_days=0)
    assert keys(filled) == []


def test_prune_removes_left_overs_and_locks_of_what_is_gone(filled):
    with filled.building("f" * 32, lambda: None) as build:
        build.start()
        (build.state / "checkpoint").write_text("half")
    prune_store(filled, max_bytes=0)
    assert list(filled.work.iterdir()) == []
    assert [path.name for path in filled.locks.iterdir()] == ["store.lock"]


def test_prune_refuses_while_a_run_uses_the_store(filled):
    with filled.in_use(), pytest.raises(PipelineError, match="a run is using the store"):
        prune_store(filled, max_bytes=0)
    assert keys(filled) == ["0", "1", "2"]


def test_the_command_lists_verifies_and_prunes(filled, capsys):
    path = ["--path", str(filled.root)]
    assert main([*path, "list"]) == 0
    assert "3 artifacts" in capsys.readouterr().out
    flip(filled.artifacts / ("1" * 32))
    assert main([*path, "verify"]) == 1
    assert "fails its checksum" in capsys.readouterr().out
    assert main([*path, "prune", "--max-size", "0.9K"]) == 0
    assert capsys.readouterr().out.startswith("2 artifacts removed")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["prune", "--max-size", "much"], "much: not a size; accepted: a number with K, M, G or T, such as 500M"),
        (["prune", "--max-age", "old"], "old: not an age; accepted: days, such as 30d"),
    ],
)
def test_wrong_options_are_named(arguments, line, filled, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--path", str(filled.root), *arguments])
    assert caught.value.code == 2
    assert line in capsys.readouterr().err


def test_an_absent_store_is_not_made(tmp_path, capsys):
    assert main(["--path", str(tmp_path / "none"), "list"]) == 1
    assert "no store there" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()

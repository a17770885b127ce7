import json
import shutil

import pytest

from pipeline.engine.artifact import DamagedError, content_digest
from pipeline.engine.errors import ConfigError
from pipeline.engine.store import Store

KEY = "0" * 32


def publish(store, key=KEY, text="content", created="2026-01-01T00:00:00Z"):
    with store.building(key, lambda: None) as build:
        build.start()
        (build.output / "folder").mkdir()
        (build.output / "folder" / "file.txt").write_text(text)
        log = store.root / "stage.log"
        log.write_text("a line")
        manifest = {"stage": "s", "kind": "number", "created": created, "cost": {"core_seconds": 0.0}, "lineage": {}}
        return build.publish(manifest, log)


def test_what_is_published_is_found_again_and_verified(store):
    made = publish(store)
    found = store.open(KEY)
    assert found.path("folder/file.txt").read_text() == "content"
    assert found.key == KEY
    assert found.manifest == made.manifest
    assert found.size == len("content") + len("a line")
    assert list(store.work.iterdir()) == []


def test_nothing_is_found_before_it_is_published(store):
    with store.building(KEY, lambda: None) as build:
        build.start()
        (build.output / "half").write_text("half")
        assert store.find(KEY) is None


def test_an_unfinished_attempt_leaves_its_state_but_not_its_output(store):
    with store.building(KEY, lambda: None) as build:
        build.start()
        (build.output / "half").write_text("half")
        (build.state / "checkpoint").write_text("epoch 3")
    with store.building(KEY, lambda: None) as build:
        build.start()
        assert list(build.output.iterdir()) == []
        assert (build.state / "checkpoint").read_text() == "epoch 3"


def flip(folder):
    path = folder / "files/folder/file.txt"
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.write_bytes(content)


def edit_manifest(folder):
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace('"s"', '"t"'))


@pytest.mark.parametrize(
    ("damage", "line"),
    [
        (flip, "files/folder/file.txt fails its checksum"),
        (lambda folder: (folder / "files/folder/file.txt").unlink(), "files/folder/file.txt is missing"),
        (lambda folder: (folder / "files/extra").touch(), "files/extra does not belong to it"),
        (lambda folder: (folder / "stage.log").write_text("other"), "stage.log fails its checksum"),
        (edit_manifest, "manifest.json fails its checksum"),
        (lambda folder: (folder / "manifest.json").write_text("{"), "manifest.json can't be read"),
        (lambda folder: (folder / "manifest.json").unlink(), "manifest.json is missing"),
    ],
)
def test_every_damage_is_found_and_set_aside(store, damage, line):
    damage(publish(store).folder)
    with pytest.raises(DamagedError) as caught:
        store.open(KEY)
    assert str(caught.value) == line
    aside = store.set_aside(KEY)
    assert aside.is_dir()
    assert aside.parent == store.damaged
    assert store.open(KEY) is None
    assert publish(store).path("folder/file.txt").read_text() == "content"


def test_the_digest_covers_content_and_leaves_out_the_log(store):
    first = publish(store).manifest
    shutil.rmtree(store.artifacts / KEY)
    (store.root / "stage.log").write_text("another time")
    assert publish(store).manifest["digest"] == first["digest"]
    shutil.rmtree(store.artifacts / KEY)
    assert publish(store, text="other").manifest["digest"] != first["digest"]
    assert content_digest(first["files"]) == first["digest"]


def test_an_artifact_gives_no_path_outside_itself(store):
    artifact = publish(store)
    with pytest.raises(FileNotFoundError):
        artifact.path("../manifest.json")
    with pytest.raises(FileNotFoundError, match="holds no absent"):
        artifact.path("absent")


def test_a_manifest_is_plain_json(store):
    body = json.loads((publish(store).folder / "manifest.json").read_text())
    assert body["manifest"]["key"] == KEY


def test_one_process_builds_while_the_other_waits(store, start_python):
    holder = start_python(
        """
        import sys
        from pathlib import Path
        from pipeline.engine.store import Store
        with Store(Path(sys.argv[1])).building("k", lambda: None):
            print("held", flush=True)
            sys.stdin.readline()
        """,
        store.root,
    )
    assert holder.stdout.readline() == "held\n"
    waited = []

    def on_wait():
        waited.append(True)
        holder.stdin.write("go\n")
        holder.stdin.flush()

    with store.building("k", on_wait):
        assert waited == [True]
        assert holder.wait(10) == 0


def test_a_killed_builder_gives_its_lock_back(store, start_python):
    holder = start_python(
        """
        import sys, time
        from pathlib import Path
        from pipeline.engine.store import Store
        with Store(Path(sys.argv[1])).building("k", lambda: None) as build:
            build.start()
            print("held", flush=True)
            time.sleep(60)
        """,
        store.root,
    )
    assert holder.stdout.readline() == "held\n"
    with store.building("k", holder.kill) as build:
        assert build.folder.is_dir()


@pytest.mark.parametrize("path", ["file", "file/below"])
def test_a_folder_that_can_not_be_used_is_one_line(tmp_path, path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"^store.path=.*: not a usable folder") as caught:
        Store(tmp_path / path)
    assert "\n" not in str(caught.value)

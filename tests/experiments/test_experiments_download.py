"""Data that is fetched: a real server on the loopback, real checksums, nothing fetched twice."""

import functools
import gzip
import hashlib
import http.server
import struct
import threading

import numpy as np
import pytest
import yaml


def idx(values: np.ndarray) -> bytes:
    head = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
    return gzip.compress(head + values.astype(np.uint8).tobytes(), mtime=0)


@pytest.fixture
def server(tmp_path):
    """Serves four IDX files and counts requests; gives the address, the files' hashes and the counter."""
    folder = tmp_path / "served"
    folder.mkdir()
    draw = np.random.default_rng(0)
    hashes = {}
    for part, count in (("train", 60), ("t10k", 20)):
        for name, values in (
            (f"{part}-images-idx3-ubyte.gz", draw.integers(0, 256, (count, 6, 6))),
            (f"{part}-labels-idx1-ubyte.gz", np.arange(count) % 2),
        ):
            content = idx(values)
            (folder / name).write_bytes(content)
            hashes[name] = f"md5:{hashlib.md5(content, usedforsecurity=False).hexdigest()}"
    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            super().do_GET()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder)) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{served.server_port}/", hashes, asked
        served.shutdown()


def experiment(folder, address, hashes):
    (folder / "conf/experiment").mkdir(parents=True)
    data = {"path": str(folder / "absent"), "url": address, "download_to": str(folder / "fetched"), "hashes": hashes}
    text = yaml.safe_dump({"name": "mine", "data": {**data, "class_names": ["no", "yes"]}})
    head = "# @package _global_\ndefaults:\n  - /stage@stages.prepare: prepare\n  - override /data: fashion_mnist\n"
    (folder / "conf/experiment/fetch.yaml").write_text(head + "  - _self_\n" + text)
    return "--config-dir", str(folder / "conf"), "+experiment=fetch"


def test_absent_data_is_fetched_once_and_checked(server, cli, tmp_path):
    address, hashes, asked = server
    arguments = experiment(tmp_path, address, hashes)
    first = cli(*arguments)
    assert first.code == 0, first.err
    assert first.statuses == {"prepare": "built"}
    assert len(asked) == 4
    assert cli(*arguments).statuses == {"prepare": "reused"}
    assert len(asked) == 4


def test_a_file_of_another_content_is_refused(server, cli, tmp_path):
    address, hashes, _ = server
    wrong = {**hashes, "t10k-labels-idx1-ubyte.gz": "md5:" + "0" * 32}
    done = cli(*experiment(tmp_path, address, wrong))
    assert done.code == 2
    assert sum(not line.startswith("downloading ") for line in done.err.splitlines()) == 1
    assert "t10k-labels-idx1-ubyte.gz" in done.err
    assert not (tmp_path / "fetched/t10k-labels-idx1-ubyte.gz").exists()


def test_no_server_is_one_line(cli, tmp_path):
    done = cli(*experiment(tmp_path, "http://127.0.0.1:9/", dict.fromkeys(NAMES, "md5:" + "0" * 32)))
    assert done.code == 2
    assert sum(not line.startswith("downloading ") for line in done.err.splitlines()) == 1
    assert "http://127.0.0.1:9/" in done.err


NAMES = [f"{part}-{kind}-ubyte.gz" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]

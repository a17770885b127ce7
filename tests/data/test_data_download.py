import gzip
import hashlib
import logging
import socket
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pipeline.data.sources.download import download_idx
from pipeline.data.sources.idx import IDX_NAMES

FILES = {f"{name}.gz": gzip.compress(name.encode(), mtime=0) for name in IDX_NAMES}
HASHES = {name: f"md5:{hashlib.md5(content).hexdigest()}" for name, content in FILES.items()}
FIRST = f"{IDX_NAMES[0]}.gz"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        logging.debug(args)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_downloads_what_is_lacking(tmp_path, address):
    folder = tmp_path / "new"
    assert download_idx(folder, f"{address}/", HASHES) == [folder / f"{name}.gz" for name in IDX_NAMES]
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == FILES
    (folder / FIRST).unlink()
    before = {file: file.stat().st_mtime_ns for file in folder.iterdir()}
    sha256 = {**HASHES, FIRST: f"sha256:{hashlib.sha256(FILES[FIRST]).hexdigest().upper()}"}
    download_idx(folder, address, sha256)
    assert (folder / FIRST).read_bytes() == FILES[FIRST]
    assert before == {file: file.stat().st_mtime_ns for file in before}


def test_a_whole_folder_needs_no_network(tmp_path):
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    assert len(download_idx(tmp_path, "http://127.0.0.1:1", HASHES)) == 4


def test_wrong_hash_leaves_nothing_behind(tmp_path, address):
    wrong = "md5:" + "0" * 32
    with pytest.raises(
        ValueError, match=f"{FIRST}: what was downloaded has another hash; accepted: {wrong}$"
    ) as caught:
        download_idx(tmp_path, address, {**HASHES, FIRST: wrong})
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_never_overwrites_a_file_of_another_hash(tmp_path, address):
    (tmp_path / FIRST).write_bytes(b"mine")
    with pytest.raises(ValueError, match=f"{FIRST}: is there, but its md5 is .*; accepted: .* or no such file"):
        download_idx(tmp_path, address, HASHES)
    assert (tmp_path / FIRST).read_bytes() == b"mine"


def test_no_network_and_no_such_file(tmp_path, address):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{unused.getsockname()[1]}"
        for base, said in [(closed, "refused"), (f"{address}/none", "404")]:
            with pytest.raises(ConnectionError, match=f"^{base}/{FIRST}: can't be downloaded .*{said}") as caught:
                download_idx(tmp_path, base, HASHES)
            assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("base", "hashes", "said"),
    [
        ("ftp://x", HASHES, "address 'ftp://x'; accepted: one that begins with http:// or https://"),
        ("http://x", {"train-image-idx3-ubyte": HASHES[FIRST]}, r"did you mean train-images-idx3-ubyte\?"),
        ("http://x", {FIRST: "8d4fb7"}, "hash '8d4fb7' of .*; accepted: md5: and 32"),
        ("http://x", {FIRST: "md5:" + "g" * 32}, "accepted: md5: and 32"),
    ],
)
def test_bad_arguments(tmp_path, base, hashes, said):
    with pytest.raises(ValueError, match=said):
        download_idx(tmp_path, base, hashes)


def test_hashes_must_name_all_files(tmp_path, address):
    with pytest.raises(FileNotFoundError, match="missing train-labels-idx1-ubyte"):
        download_idx(tmp_path, address, {FIRST: HASHES[FIRST]})

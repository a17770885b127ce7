"""Files that hold arrays, or only seem to."""

import io
import random
import zipfile

import numpy as np
import pytest

from pipeline.data.sources.arrays import load_arrays

ROWS = np.random.default_rng(0).standard_normal((6, 2))
CLASSES = np.array([0, 1, 2, 0, 1, 2])


def saved(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def archive(how=zipfile.ZIP_DEFLATED, **members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", how) as packed:
        for name, content in members.items():
            packed.writestr(name, content)
    return stream.getvalue()


BOTH = {"x.npy": saved(ROWS), "y.npy": saved(CLASSES)}
PACKED = archive(**BOTH)


def damaged(content: bytes) -> bytes:
    """An archive with other bytes in its first member's data."""
    return content[:60] + b"\xff" * 12 + content[72:]


def of_every_member(local: int, value: bytes) -> bytes:
    """PACKED with a field of each member's header changed, here and in the directory, where it lies 2 bytes further."""
    changed = bytearray(PACKED)
    for mark, place in ((b"PK\x03\x04", local), (b"PK\x01\x02", local + 2)):
        at = changed.find(mark)
        while at >= 0:
            changed[at + place : at + place + len(value)] = value
            at = changed.find(mark, at + 4)
    return bytes(changed)


CLAIMING = saved(ROWS).replace(b"(6, 2)", b"(9999999999, 2)").replace(b" " * 9, b"", 1)

MAGIC = b"\x93NUMPY\x01\x00"
SIGNS = (9000).to_bytes(2, "little") + b"-" * 8998 + b"1\n"
"""A header that takes more recursion to parse than Python allows."""

FILES = {
    "empty": (b"", "is neither NumPy's .npy nor .npz"),
    "text": (b"1,2,3\n", "is neither NumPy's .npy nor .npz"),
    "pickle": (b"\x80\x04K\x01.", "is neither NumPy's .npy nor .npz"),
    "cut npz": (PACKED[:-30], "damaged or cut short"),
    "damaged npz": (PACKED[:60] + b"\xff\xff\xff\xff" + PACKED[64:], "damaged or cut short"),
    "damaged bzip2 npz": (damaged(archive(zipfile.ZIP_BZIP2, **BOTH)), "damaged or cut short"),
    "damaged lzma npz": (damaged(archive(zipfile.ZIP_LZMA, **BOTH)), "damaged or cut short"),
    "npz of another packing than it says": (of_every_member(8, b"\x0c"), "damaged or cut short"),
    "cut member": (archive(**{"x.npy": saved(ROWS)[:-9], "y.npy": saved(CLASSES)}), "damaged or cut short"),
    "encrypted npz": (of_every_member(6, b"\x01"), "packed in a way that is not read .*encrypted"),
    "unknown compression": (of_every_member(8, b"\x63"), "packed in a way that is not read .*compression"),
    "not a member": (archive(**{"x.npy": b"1,2,3", "y.npy": saved(CLASSES)}), "x.*NumPy array"),
    "cut npy": (saved(ROWS)[:-8], "damaged or cut short"),
    "cut header": (saved(ROWS)[:20], "damaged or cut short"),
    "header without an end": (saved(ROWS).replace(b"}", b" ", 1), "damaged or cut short"),
    "header of many signs": (MAGIC + SIGNS, "damaged, or larger than memory"),
    "member of many signs": (archive(**{"x.npy": MAGIC + SIGNS}), "damaged, or larger than memory"),
    "claims too much": (CLAIMING, "damaged or cut short"),
    "object npy": (saved(np.array([None])), "Python objects, which only pickle reads"),
}


@pytest.mark.parametrize("case", FILES)
def test_bad_files_are_told_in_one_line(tmp_path, case):
    content, said = FILES[case]
    file = tmp_path / "file"
    file.write_bytes(content)
    np.save(tmp_path / "y.npy", CLASSES)
    labels = None if content[:2] == b"PK" else tmp_path / "y.npy"
    with pytest.raises(ValueError, match=said) as caught:
        load_arrays(file, labels=labels)
    assert str(caught.value).startswith(str(file))
    assert "accepted: " in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [saved(ROWS), PACKED], ids=["npy", "npz"])
def test_whatever_bytes_are_changed_it_is_told_in_one_line(tmp_path, content):
    draw, file, told = random.Random(0), tmp_path / "file", []
    np.save(tmp_path / "y.npy", CLASSES)
    for _ in range(400):
        changed = bytearray(content)
        for _ in range(draw.randint(1, 3)):
            changed[draw.randrange(6, len(changed))] = draw.randrange(256)
        file.write_bytes(changed[: draw.choice([len(changed), draw.randrange(7, len(changed))])])
        try:
            load_arrays(file, labels=None if content[:2] == b"PK" else tmp_path / "y.npy")
        except ValueError as error:
            told.append(str(error))
    assert len(told) > 200
    assert [line for line in told if not line.startswith(str(file)) or "\n" in line] == []


def test_nothing_of_a_pickle_is_run(tmp_path):
    class Attack:
        def __reduce__(self):
            return (tmp_path.joinpath("ran").touch, ())

    np.save(tmp_path / "x.npy", np.array([Attack()], object), allow_pickle=True)
    np.save(tmp_path / "y.npy", CLASSES)
    np.savez(tmp_path / "data.npz", x=np.array([Attack()], object), y=CLASSES)
    for read in (
        lambda: load_arrays(tmp_path / "x.npy", labels=tmp_path / "y.npy"),
        lambda: load_arrays(tmp_path / "data.npz"),
    ):
        with pytest.raises(ValueError, match="only pickle reads"):
            read()
    assert not (tmp_path / "ran").exists()


def test_bad_paths(tmp_path):
    file = tmp_path / "data.npz"
    np.savez(file, x=ROWS, y=CLASSES)
    np.save(tmp_path / "x.npy", ROWS)
    with pytest.raises(FileNotFoundError, match=r"none\.npz: no such file"):
        load_arrays(tmp_path / "none.npz")
    with pytest.raises(ValueError, match="is a folder; accepted"):
        load_arrays(tmp_path)
    with pytest.raises(ValueError, match=r"holds one array; accepted: a \.npz, or a \.npy with another one"):
        load_arrays(tmp_path / "x.npy")
    with pytest.raises(ValueError, match=r"holds several arrays; accepted: a \.npz without"):
        load_arrays(file, labels=tmp_path / "x.npy")
    with pytest.raises(ValueError, match=r"data\.npz: holds several arrays; accepted: a \.npy of labels"):
        load_arrays(tmp_path / "x.npy", labels=file)

import io
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from pipeline.data.examples import FREE
from pipeline.data.sources.images import image_files, load_image_folder

GENERATOR = np.random.default_rng(0)
GREY = GENERATOR.integers(0, 256, (6, 8), np.uint8)
COLOUR = GENERATOR.integers(0, 256, (6, 8, 3), np.uint8)


def encoded(pixels, kind="PNG", **options):
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def write(folder, files):
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return folder


def load(folder, **options):
    return load_image_folder(folder, **{"size": (6, 8), "channels": 3, **options})


def one(tmp_path, content, **options):
    """Returns the pixels of one image, read beside another class's."""
    return load(write(tmp_path, {"a/image": content, "b/b.png": encoded(COLOUR)}), **options).features[0]


def test_sub_folders_are_classes_in_the_order_of_their_names(tmp_path):
    write(tmp_path, {"oak/2.png": encoded(COLOUR), "oak/1.png": encoded(255 - COLOUR), "ash/x.bmp": encoded(GREY)})
    write(tmp_path, {".hidden/x": b"", "oak/.DS_Store": b"?", ".gitignore": b"*"})
    images = load(tmp_path)
    np.testing.assert_array_equal(images.features, [np.dstack([GREY] * 3), 255 - COLOUR, COLOUR])
    np.testing.assert_array_equal(images.targets.values, [0, 1, 1])
    assert (images.targets.task, images.targets.names, images.scale) == ("classification", ("ash", "oak"), 255.0)
    assert (images.features.dtype, images.targets.values.dtype) == (np.uint8, np.int32)
    assert (images.placement.part, images.skipped) == (None, ())
    assert image_files(tmp_path) == [tmp_path / name for name in ("ash/x.bmp", "oak/1.png", "oak/2.png")]


@pytest.mark.parametrize(
    ("parts", "placed"),
    [(("train", "test"), [FREE] * 2 + [2] * 2), (("train", "validation", "test"), [0] * 2 + [1] * 2 + [2] * 2)],
)
def test_folders_of_parts_place_their_images(tmp_path, parts, placed):
    for part in parts:
        write(tmp_path, {f"{part}/{name}/x.png": encoded(GREY) for name in "ab"})
    images = load(tmp_path, channels=1)
    assert images.placement.part.tolist() == placed
    assert images.targets.values.tolist() == [0, 1] * len(parts)
    assert images.targets.names == ("a", "b")


def test_a_class_called_train_is_one(tmp_path):
    images = load(write(tmp_path, {f"{name}/x.png": encoded(GREY) for name in ("train", "tram")}))
    assert (images.targets.names, images.placement.part) == (("train", "tram"), None)


def test_a_test_part_may_lack_a_class(tmp_path):
    write(tmp_path, {f"{name}/x.png": encoded(GREY) for name in ("train/a", "train/b", "test/b")})
    assert load(tmp_path).targets.values.tolist() == [0, 1, 1]


def halves(alpha):
    return np.dstack([COLOUR, np.full((6, 8), alpha, np.uint8)])


GREY_OF_COLOUR = np.asarray(Image.fromarray(COLOUR).convert("L"))
PALETTE = Image.fromarray(COLOUR).quantize(16)
SIXTEEN = (GREY.astype(np.uint16) * 257, GREY)

CONVERTED = {
    "grey": (encoded(GREY), 1, GREY),
    "grey as colour": (encoded(GREY), 3, np.dstack([GREY] * 3)),
    "colour as grey": (encoded(COLOUR), 1, GREY_OF_COLOUR),
    "BMP": (encoded(COLOUR, "BMP"), 3, COLOUR),
    "WebP": (encoded(COLOUR, "WEBP", lossless=True), 3, COLOUR),
    "palette": (encoded(PALETTE), 3, np.asarray(PALETTE.convert("RGB"))),
    "one bit": (encoded(Image.fromarray(GREY > 99)), 1, np.where(GREY > 99, 255, 0)),
    "16 bits": (encoded(SIXTEEN[0]), 1, SIXTEEN[1]),
    "16 bits as colour": (encoded(SIXTEEN[0]), 3, np.dstack([SIXTEEN[1]] * 3)),
    "opaque": (encoded(halves(255)), 3, COLOUR),
    "transparent": (encoded(halves(0)), 3, np.full((6, 8, 3), 255)),
    "half transparent": (encoded(halves(128)), 3, np.round(255 + (COLOUR - 255.0) * 128 / 255)),
    "transparent palette": (encoded(PALETTE, transparency=bytes(16)), 3, np.full((6, 8, 3), 255)),
    "animation": (
        encoded(Image.fromarray(GREY), "GIF", save_all=True, append_images=[Image.fromarray(255 - GREY)]),
        1,
        GREY,
    ),
}


@pytest.mark.parametrize("case", CONVERTED)
def test_modes_become_the_asked_channels(tmp_path, case):
    content, channels, wanted = CONVERTED[case]
    found = one(tmp_path, content, channels=channels)
    # Pillow's blending rounds by an integer approximation.
    tolerance = 1 if case == "half transparent" else 0
    np.testing.assert_allclose(found, wanted.reshape(6, 8, channels), atol=tolerance)


@pytest.mark.parametrize("mode", ["RGB", "CMYK", "L"])
def test_jpeg_modes(tmp_path, mode):
    smooth = np.dstack([np.add.outer(np.arange(16) * 8, np.arange(16) * factor) for factor in (1, 4, 7)])
    image = Image.fromarray(smooth.astype(np.uint8)).convert(mode)
    found = one(tmp_path, encoded(image, "JPEG", quality=95, subsampling=0), size=(16, 16))
    np.testing.assert_allclose(found, np.asarray(image.convert("RGB")), atol=8)


@pytest.mark.parametrize(
    ("orientation", "undo"),
    [
        (1, lambda x: x),
        (2, lambda x: x[:, ::-1]),
        (3, lambda x: x[::-1, ::-1]),
        (4, lambda x: x[::-1]),
        (5, lambda x: x.transpose(1, 0, 2)),
        (6, lambda x: np.rot90(x, -1)),
        (7, lambda x: np.rot90(x, 2).transpose(1, 0, 2)),
        (8, lambda x: np.rot90(x)),
    ],
)
def test_the_orientation_of_exif_is_applied(tmp_path, orientation, undo):
    exif = Image.Exif()
    exif[0x0112] = orientation
    wanted = undo(COLOUR)
    np.testing.assert_array_equal(one(tmp_path, encoded(COLOUR, exif=exif), size=wanted.shape[:2]), wanted)


def test_damaged_exif_is_no_orientation(tmp_path):
    np.testing.assert_array_equal(one(tmp_path, encoded(COLOUR, exif=b"Exif\0\0II*\0\xff\xff")), COLOUR)


def test_resizing_averages_what_it_shrinks(tmp_path):
    stripes = np.zeros((64, 64), np.uint8)
    stripes[:, ::2] = 255
    found = one(tmp_path, encoded(stripes), size=(8, 8), channels=1)
    # Without averaging, each pixel would be 0 or 255.
    assert np.abs(found.astype(int) - 127).max() < 20
    flat = one(tmp_path, encoded(np.full((3, 5, 3), 77, np.uint8)), size=(9, 4))
    assert (flat == 77).all()


def test_the_order_is_that_of_the_names_whatever_ends_first(tmp_path):
    sizes = GENERATOR.integers(1, 300, 300)
    write(
        tmp_path,
        {
            f"{'ab'[index % 2]}/{index:03}.png": encoded(np.full((side, side), index % 256, np.uint8))
            for index, side in enumerate(sizes)
        },
    )
    told = []
    images = load(tmp_path, size=(2, 2), channels=1, on_progress=lambda done, total: told.append((done, total)))
    order = [*range(0, 300, 2), *range(1, 300, 2)]
    assert images.features[:, 0, 0, 0].tolist() == [index % 256 for index in order]
    assert told == [(done, 300) for done in range(1, 301)]


def bomb(side):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    rows = zlib.compress(b"\0" * (side // 8 + 1) * 8)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


LARGE = GENERATOR.integers(0, 256, (64, 64, 3), np.uint8)
BAD_CRC = bytearray(encoded(LARGE))
BAD_CRC[60] ^= 255

UNREADABLE = {
    "cut JPEG": (encoded(LARGE, "JPEG")[:-900], "damaged or cut short"),
    "cut PNG": (encoded(LARGE)[:-900], "damaged or cut short"),
    "cut WebP": (encoded(LARGE, "WEBP")[:-900], "accepted: JPEG, PNG, WebP"),
    "cut BMP": (encoded(LARGE, "BMP")[:-900], "damaged or cut short"),
    "cut GIF": (encoded(LARGE, "GIF")[:1200], "damaged or cut short"),
    "damaged PNG": (bytes(BAD_CRC), "damaged or cut short"),
    "header only": (encoded(LARGE, "JPEG")[:20], "accepted: JPEG, PNG, WebP"),
    "text": (b"not an image", "isn't an image that can be read"),
    "empty": (b"", "isn't an image that can be read"),
    "page": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "accepted: JPEG, PNG, WebP, BMP or GIF"),
    "TIFF": (encoded(LARGE, "TIFF"), "accepted: JPEG, PNG, WebP, BMP or GIF"),
    "bomb": (bomb(10_000), "is more than 89478485 pixels"),
    "great bomb": (bomb(30_000), "is more than 89478485 pixels"),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_unreadable_image(tmp_path, case):
    content, said = UNREADABLE[case]
    write(tmp_path, {"a/1.png": encoded(GREY), "a/2.png": content, "a/3.png": encoded(COLOUR), "b/1": encoded(GREY)})
    with pytest.raises(ValueError, match=said) as caught:
        load(tmp_path)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'a/2.png'}: ")
    assert "accepted: " in message
    assert "\n" not in message
    images = load(tmp_path, on_error="skip")
    assert [f"{each.where}: {each.why}" for each in images.skipped] == [message]
    assert images.targets.values.tolist() == [0, 0, 1]
    np.testing.assert_array_equal(images.features[1], COLOUR)


GOOD = {f"{name}/x.png": encoded(GREY) for name in ("a", "b")}
PARTED = {f"{part}/{name}": content for part in ("train", "test") for name, content in GOOD.items()}


def link(target):
    return lambda file: file.symlink_to(target)


FOLDERS = {
    "no classes": ({}, [], r"^{root}: no sub-folder; accepted: 2 or more"),
    "one class": ({"a/x.png": GOOD["a/x.png"]}, [], r"one sub-folder, a; accepted: 2 or more"),
    "empty class": (GOOD, [("c", os.mkdir)], r"^{root}/c: holds no image"),
    "hidden only": ({**GOOD, "c/.x.png": encoded(GREY)}, [], r"^{root}/c: holds no image"),
    "file beside": ({**GOOD, "notes.txt": b"?"}, [], r"^{root}/notes.txt: a file beside the sub-folders"),
    "folder within": ({**GOOD, "a/more/x.png": encoded(GREY)}, [], r"^{root}/a/more: a folder among a class's images"),
    "pipe": (GOOD, [("a/pipe", os.mkfifo)], r"^{root}/a/pipe: not a regular file"),
    "no test": ({f"train/{name}": content for name, content in GOOD.items()}, [], r"train/ but no test/"),
    "other part": (
        {**PARTED, "validatoin/a/x": b""},
        [],
        r"^{root}/validatoin: .*accepted: train, validation, test; did you mean validation\?",
    ),
    "unseen class": (
        {**PARTED, "test/bb/x.png": encoded(GREY)},
        [],
        r"^{root}/test/bb: a class that train/ lacks; accepted: a, b; did you mean b\?",
    ),
    "file beside a part's": ({**PARTED, "test/x.png": encoded(GREY)}, [], r"^{root}/test/x.png: a file beside"),
    "link out": (GOOD, [("a/out.png", link("/etc/hostname"))], r"^{root}/a/out.png: a link that leads out of"),
    "folder link out": (GOOD, [("c", link("/etc"))], r"^{root}/c: a link that leads out of"),
    "relative link out": (GOOD, [("a/out.png", link("../../beside.png"))], r"a link that leads out of"),
    "dangling link": (GOOD, [("a/out.png", link("none.png"))], r"^{root}/a/out.png: a link to nothing"),
    "circular link": (GOOD, [("a/out.png", link("out.png"))], r"^{root}/a/out.png: a link that leads to itself"),
}


@pytest.mark.parametrize("on_error", ["raise", "skip"])
@pytest.mark.parametrize("case", FOLDERS)
def test_wrong_folders(tmp_path, case, on_error):
    files, made, said = FOLDERS[case]
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "beside.png").write_bytes(encoded(GREY))
    write(root, files)
    for name, make in made:
        make(root / name)
    for read in (lambda: load(root, on_error=on_error), lambda: image_files(root)):
        with pytest.raises(ValueError, match=said.replace("{root}", str(root))) as caught:
            read()
        assert "accepted: " in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_link_within_the_folder_is_followed(tmp_path):
    write(tmp_path, GOOD)
    (tmp_path / "a/y.png").symlink_to("../b/x.png")
    assert load(tmp_path).targets.values.tolist() == [0, 0, 1]


def test_a_class_without_a_readable_image(tmp_path):
    write(tmp_path, {**GOOD, "b/x.png": b"?"})
    with pytest.raises(ValueError, match=f"^{tmp_path / 'b'}: no image can be read"):
        load(tmp_path, on_error="skip")
    write(tmp_path, {"a/x.png": b"?"})
    with pytest.raises(ValueError, match=r"a/x\.png: isn't an image .* none of 2 images is readable; accepted"):
        load(tmp_path, on_error="skip")


def test_bad_arguments(tmp_path):
    write(tmp_path, GOOD)
    with pytest.raises(FileNotFoundError, match="none: no such folder"):
        load(tmp_path / "none")
    with pytest.raises(ValueError, match="is a file; accepted: a folder"):
        load(tmp_path / "a/x.png")
    for bad, said in [
        ({"size": (0, 8)}, r"size \(0, 8\)"),
        ({"size": (8,)}, r"size \(8,\)"),
        ({"size": (8.5, 8)}, r"size \(8.5, 8\)"),
        ({"channels": 4}, "channels 4"),
        ({"on_error": "ignore"}, "on_error 'ignore'"),
    ]:
        with pytest.raises(ValueError, match=f"{said}.*; accepted: "):
            load(tmp_path, **bad)

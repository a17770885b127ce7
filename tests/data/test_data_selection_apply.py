"""Keeping what was selected, of tables and of images."""

import re
from dataclasses import replace

import numpy as np
import pytest

from pipeline.data.dataset import PARTS, Affine, Dataset, Split
from pipeline.data.files import load, save
from pipeline.data.selection.apply import apply
from pipeline.data.selection.select import select


def test_apply_keeps_columns_in_every_part(cancer):
    selection = select(cancer.train, cancer.info, method="anova_f", top=5)
    affine = Affine(np.arange(30, dtype=np.float32) + 1, np.arange(30, dtype=np.float32))
    narrow = replace(cancer, train=Split(cancer.train.features.astype(np.uint8), cancer.train.labels, affine))
    kept = apply(narrow, selection)
    assert kept.info.columns == tuple(cancer.info.columns[index] for index in selection.kept)
    assert kept.info.feature_shape == (5,)
    assert (kept.info.dtype, kept.train.features.dtype) == ("float32", np.uint8)
    for part in PARTS:
        before, after = getattr(narrow, part), getattr(kept, part)
        np.testing.assert_array_equal(after.features, before.features[:, selection.kept])
        np.testing.assert_array_equal(after.labels, before.labels)
        everything = slice(None)
        np.testing.assert_array_equal(after.decoded(everything), before.decoded(everything)[:, selection.kept])


def test_one_affine_for_all_columns_stays(cancer):
    selection = select(cancer.train, cancer.info, method="anova_f", top=5)
    affine = Affine(np.float32(2) * np.ones((), np.float32), np.ones((), np.float32))
    kept = apply(replace(cancer, train=replace(cancer.train, affine=affine)), selection)
    assert kept.train.affine is affine


def test_apply_turns_images_into_a_table_of_pixels(digits):
    selection = select(digits.train, digits.info, method="chi_square", top=20)
    kept = apply(digits, selection)
    assert (kept.info.kind, kept.info.dtype, kept.info.scale, kept.info.feature_shape) == (
        "table",
        "float32",
        1.0,
        (20,),
    )
    assert kept.info.feature_names == selection.kept_names
    for part in PARTS:
        images, rows = getattr(digits, part).features, getattr(kept, part).features
        assert rows.dtype == np.float32
        for position, name in enumerate(kept.info.feature_names):
            row, column = map(int, re.fullmatch(r"pixel_(\d)_(\d)", name).groups())
            np.testing.assert_array_equal(rows[:, position], images[:, row, column, 0])
        assert getattr(kept, part).labels is getattr(digits, part).labels
    train = kept.train.features.astype(np.float64)
    np.testing.assert_allclose([column.mean for column in kept.info.columns], train.mean(axis=0))
    np.testing.assert_allclose([column.variance for column in kept.info.columns], train.var(axis=0))
    assert {column.kind for column in kept.info.columns} == {"numeric"}


def test_pixels_that_no_training_image_uses_go_first(digits):
    found = select(digits.train, digits.info, method="variance", threshold=0)
    dark = (digits.train.features.reshape(1000, 64) == 0).all(axis=0)
    assert dark.any()
    assert set(range(64)) - set(found.kept) == set(np.flatnonzero(dark))


def test_a_constant_pixel_has_variance_one(digits):
    selection = select(digits.train, digits.info, method="variance", top=64)
    first = apply(digits, selection).info.columns[0]
    assert (first.name, first.mean, first.variance) == ("pixel_0_0", 0.0, 1.0)


def test_channels_have_names_of_their_own(digits):
    colours = {
        part: Split(np.repeat(split.features, 3, axis=-1) // np.uint8([1, 2, 17]), split.labels)
        for part, split in ((part, getattr(digits, part)) for part in PARTS)
    }
    dataset = Dataset(replace(digits.info, feature_shape=(8, 8, 3)), **colours)
    found = select(dataset.train, dataset.info, method="variance", threshold=0)
    assert found.names[:4] == ("pixel_0_0_0", "pixel_0_0_1", "pixel_0_0_2", "pixel_0_1_0")
    assert not any(name.endswith("_2") for name in found.kept_names)
    kept = apply(dataset, found)
    position = found.kept_names.index("pixel_3_4_1")
    np.testing.assert_array_equal(kept.test.features[:, position], dataset.test.features[:, 3, 4, 1])


def test_memory_mapped_and_narrowed_images(digits, tmp_path):
    affine = Affine(np.array(0.5, np.float32), np.array(1.0, np.float32))
    narrowed = replace(digits, train=replace(digits.train, affine=affine))
    save(narrowed, tmp_path)
    mapped = load(tmp_path)
    assert isinstance(mapped.train.features, np.memmap)
    selection = select(mapped.train, mapped.info, method="anova_f", top=9)
    assert selection.kept.tolist() == select(narrowed.train, narrowed.info, method="anova_f", top=9).kept.tolist()
    kept = apply(mapped, selection)
    expected = digits.train.features.reshape(1000, 64)[:, selection.kept] * 0.5 + 1
    np.testing.assert_array_equal(kept.train.features, expected)
    assert kept.train.affine is None
    save(kept, tmp_path / "kept")
    assert load(tmp_path / "kept").info == kept.info


def test_a_selection_of_other_columns_is_refused(cancer, digits):
    selection = select(cancer.train, cancer.info, method="variance", top=3)
    said = (
        "a selection from 30 columns (mean radius, mean texture, mean perimeter, ...) for a dataset of 64 columns (pix"
    )
    with pytest.raises(ValueError, match=re.escape(said)):
        apply(digits, selection)

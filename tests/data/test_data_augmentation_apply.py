import numpy as np
import pytest
from augmentation_cases import SHAPES, augmented, pictures, seed_of

from pipeline.data.augmentation.apply import augment, seeds_of
from pipeline.data.augmentation.mixup import draw_partners, draw_shares
from pipeline.data.augmentation.noise import draw_noise
from pipeline.data.augmentation.policy import Augmentation
from pipeline.keras import tf

IMAGES = [
    {"flip": True},
    {"flip_vertical": True},
    {"crop": 2},
    {"rotate": 20.0},
    {"translate": 0.2},
    {"scale": 0.2},
    {"brightness": 0.3},
    {"contrast": 0.3},
    {"cutout": 3},
    {"mixup": 0.5},
    {"cutmix": 1.0},
    {"rand_augment": 2, "magnitude": 8},
    {"flip": True, "flip_vertical": True, "crop": 2, "rotate": 5.0, "rand_augment": 1, "cutout": 2, "mixup": 0.2},
    {"flip": True, "crop": 2, "translate": 0.1, "scale": 0.1, "brightness": 0.1, "contrast": 0.1, "cutmix": 1.0},
]
named = pytest.mark.parametrize("fields", IMAGES, ids="-".join)


def targets_of(count, classes=4):
    return np.eye(classes, dtype=np.float32)[np.arange(count) % classes]


@named
def test_the_seed_decides(fields):
    images, targets = pictures(SHAPES[0]), targets_of(32)

    def result(*numbers):
        found, labels = augmented(images, targets, seed_of(*numbers), **fields)
        return found.tobytes() + labels.tobytes()

    assert result(1, 2) == result(1, 2)
    assert len({result(1, 2), result(2, 1), result(1, 3)}) == 3


@named
@pytest.mark.parametrize(("shape", "dtype"), [(SHAPES[1], "float32"), (SHAPES[2], "uint8")])
def test_shape_dtype_and_range_are_kept_in_a_graph_of_unknown_batch(fields, shape, dtype):
    images, targets = pictures(shape, dtype), targets_of(shape[0])
    augmentation = Augmentation(**fields)
    traced = tf.function(
        lambda images, targets, seed: augment(images, targets, seed, augmentation, scale=255.0),
        input_signature=[
            tf.TensorSpec((None, *shape[1:]), dtype),
            tf.TensorSpec((None, 4), tf.float32),
            tf.TensorSpec((2,), tf.int64),
        ],
        autograph=False,
    )
    found, labels = traced(images, targets, seed_of())
    assert (found.dtype, found.shape, labels.shape) == (dtype, shape, targets.shape)
    assert found.numpy().min() >= 0
    assert found.numpy().max() <= 255 + 1e-3
    np.testing.assert_allclose(labels.numpy().sum(axis=1), 1, atol=1e-6)
    first, second = (output.as_list() for output in traced.get_concrete_function().output_shapes)
    assert (first, second) == ([None, *shape[1:]], [None, 4])


@pytest.mark.parametrize("fields", IMAGES[-2:], ids="-".join)
def test_the_result_does_not_depend_on_the_place_in_a_map(fields):
    images, targets = tf.constant(pictures(SHAPES[0])), tf.constant(targets_of(32))

    def one(index):
        return augment(images, targets, tf.stack([index, index]), Augmentation(**fields), scale=255.0)

    parallel = tf.data.Dataset.range(3).map(one, num_parallel_calls=4)
    for index, (found, labels) in enumerate(parallel):
        alone, labels_alone = one(tf.constant(index, tf.int64))
        # A graph may fuse multiplications and additions that eager calls round in between.
        np.testing.assert_allclose(np.int32(found), np.int32(alone), rtol=0, atol=1)
        np.testing.assert_allclose(labels, labels_alone, atol=1e-6)


def test_an_operation_changes_no_draw_of_another():
    images = pictures((64, 8, 8, 1))
    flipped, _ = augmented(images, flip=True)
    both, _ = augmented(images, flip=True, cutout=4)
    np.testing.assert_array_equal(both[both > 0], flipped[both > 0])
    _, plain = augmented(images, targets_of(64), mixup=0.4)
    _, more = augmented(images, targets_of(64), mixup=0.4, crop=2, rand_augment=1, flip=True)
    np.testing.assert_array_equal(plain, more)


def test_nothing_on_returns_what_it_got():
    images, targets = tf.constant(pictures(SHAPES[0])), tf.constant([1, 2])
    found, labels = augment(images, targets, seed_of(), Augmentation(magnitude=9), scale=255.0)
    assert found is images
    assert labels is targets


def test_targets_that_are_not_mixed_are_untouched():
    targets = tf.constant(np.arange(32, dtype=np.int32))
    augmentation = Augmentation(flip=True, cutout=2, rand_augment=1)
    assert augment(tf.constant(pictures(SHAPES[0])), targets, seed_of(), augmentation, scale=255.0)[1] is targets


DEVIATIONS = np.array([2.0, 0.0, 0.5], np.float32)


def rows(count=500):
    values = np.random.default_rng(0).normal(size=(count, 3)) * 3
    values[:, 1] = np.arange(count) % 7
    return values.astype(np.float32)


def changed(table, targets=0.0, **fields):
    found, labels = augment(
        tf.constant(table), tf.constant(targets), seed_of(), Augmentation(**fields), scale=1.0, deviations=DEVIATIONS
    )
    return found.numpy(), labels.numpy()


def test_noise_is_gaussian_and_leaves_categorical_columns_alone():
    table = rows(20_000)
    added = draw_noise(20_000, seeds_of(seed_of())["noise"], tf.constant(DEVIATIONS), 0.1).numpy()
    found, _ = changed(table, noise=0.1)
    np.testing.assert_array_equal(found, table + added)
    np.testing.assert_array_equal(found[:, 1], table[:, 1])
    # Four standard errors of a mean and of a standard deviation: a sound draw passes with probability 0.9998.
    for column in (0, 2):
        scaled = added[:, column] / (0.1 * DEVIATIONS[column])
        assert abs(scaled.mean()) < 4 / np.sqrt(20_000)
        assert abs(scaled.std() - 1) < 4 / np.sqrt(40_000)


def test_mixup_of_a_table_takes_codes_from_the_larger_share():
    table, targets, seeds = rows(), targets_of(500), seeds_of(seed_of())
    partners = draw_partners(500, seeds["partners"]).numpy()
    shares = draw_shares(500, seeds["mixup"], 1.0).numpy()
    found, labels = changed(table, targets, mixup=1.0)
    for index, (partner, share) in enumerate(zip(partners, shares, strict=True)):
        numeric = share * table[index, [0, 2]] + (1 - share) * table[partner, [0, 2]]
        np.testing.assert_allclose(found[index, [0, 2]], numeric, atol=1e-5)
        assert found[index, 1] == table[index if share >= 0.5 else partner, 1]
        np.testing.assert_allclose(labels[index], share * targets[index] + (1 - share) * targets[partner], atol=1e-6)


def test_a_table_of_integers_becomes_float32():
    found, _ = changed(np.ones((5, 3), np.int8), noise=0.1)
    assert found.dtype == np.float32
    assert (found[:, 0] != np.round(found[:, 0])).all()


def test_a_table_without_deviations_is_refused():
    with pytest.raises(ValueError, match=r"^the augmentation of a table has no deviations; accepted: one for each"):
        augment(tf.constant(rows()), tf.constant(0.0), seed_of(), Augmentation(noise=0.1), scale=1.0)

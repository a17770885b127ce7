import numpy as np
import pytest

from pipeline.data.augmentation import augment, draw
from pipeline.keras import tf


def slowly(images, mirrored, down, right, shift):
    """One image at a time: pad, cut out, mirror."""
    results = []
    for image, mirror, y, x in zip(images, mirrored, down, right, strict=True):
        padded = np.pad(image, [(shift, shift), (shift, shift), (0, 0)])
        cut = padded[shift - y : shift - y + image.shape[0], shift - x : shift - x + image.shape[1]]
        results.append(cut[:, ::-1] if mirror else cut)
    return np.stack(results)


def pictures(dtype, shape=(64, 7, 5, 3)):
    return np.random.default_rng(0).integers(1, 100, shape).astype(dtype)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int32", "float16", "float32", "float64"])
@pytest.mark.parametrize(("flip", "shift"), [(True, 2), (False, 4), (True, 0), (False, 0)])
def test_agrees_with_one_image_at_a_time(dtype, flip, shift):
    images, seed = pictures(dtype), tf.constant([3, 9], tf.int64)
    mirrored, down, right = (values.numpy() for values in draw(64, seed, shift))
    found = augment(tf.constant(images), seed, flip=flip, shift=shift)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, slowly(images, mirrored & flip, down, right, shift))


def test_each_image_has_its_own_draw_of_the_right_odds():
    mirrored, down, right = (values.numpy() for values in draw(9000, tf.constant([1, 2]), 1))
    assert mirrored.mean() == pytest.approx(0.5, abs=0.03)
    pairs, counts = np.unique(np.stack([mirrored, down, right]), axis=1, return_counts=True)
    assert pairs.shape[1] == 2 * 3 * 3
    assert counts.min() > 400
    assert counts.max() < 600


@pytest.mark.parametrize("dtype", [tf.int32, tf.int64])
def test_the_seed_decides(dtype):
    images = tf.constant(pictures("uint8"))

    def result(*seed):
        return augment(images, tf.constant(seed, dtype), flip=True, shift=2).numpy().tobytes()

    assert result(1, 2) == result(1, 2)
    assert len({result(1, 2), result(2, 1), result(1, 3)}) == 3


def test_works_on_batches_of_unknown_size():
    traced = tf.function(
        lambda images, seed: augment(images, seed, flip=True, shift=2),
        input_signature=[tf.TensorSpec((None, 7, 5, 3), tf.uint8), tf.TensorSpec((2,), tf.int64)],
        autograph=False,
    )
    images, seed = pictures("uint8"), tf.constant([3, 9], tf.int64)
    np.testing.assert_array_equal(traced(images, seed), augment(tf.constant(images), seed, flip=True, shift=2))
    assert traced.get_concrete_function().output_shapes.as_list() == [None, 7, 5, 3]


@pytest.mark.parametrize(
    ("shape", "shift", "said"),
    [
        ((4, 7, 5, 3), 5, r"shift 5 of images of shape \(7, 5, 3\); accepted: 0 to 4"),
        ((4, 7, 5, 3), -1, "shift -1 of images .*; accepted: 0 to 4"),
        ((4, 7), 1, r"features of shape \(4, 7\) can't be augmented; accepted: \(batch, h, w, c\)"),
    ],
)
def test_bad_arguments(shape, shift, said):
    with pytest.raises(ValueError, match=said) as caught:
        augment(tf.zeros(shape), tf.constant([0, 0]), flip=False, shift=shift)
    assert "\n" not in str(caught.value)

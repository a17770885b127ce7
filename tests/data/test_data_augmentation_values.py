import numpy as np
import pytest
from augmentation_cases import SHAPES, SIGNIFICANCE, augmented, pictures, seed_of
from scipy.stats import beta, binomtest, chisquare, kstest

from pipeline.data.augmentation.apply import seeds_of
from pipeline.data.augmentation.boxes import draw_rectangles, draw_squares
from pipeline.data.augmentation.light import draw_light
from pipeline.data.augmentation.mixup import draw_partners, draw_shares


def soft(count, classes=3):
    return np.eye(classes, dtype=np.float32)[np.random.default_rng(1).integers(0, classes, count)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize(("brightness", "contrast"), [(0.5, 0.0), (0.0, 0.9), (0.3, 0.4)])
def test_light(shape, dtype, brightness, contrast):
    images, seeds = pictures(shape, dtype), seeds_of(seed_of())
    of_each = seeds["brightness"], seeds["contrast"]
    added, factors = draw_light(shape[0], of_each, brightness=brightness * 255, contrast=contrast)
    expected = []
    for image, plus, factor in zip(images, added.numpy(), factors.numpy(), strict=True):
        mean = image.astype(float).mean()
        expected.append(np.clip(mean + (image - mean) * factor + plus, 0, 255))
    found, _ = augmented(images, brightness=brightness, contrast=contrast)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, rtol=0, atol=0.501 if dtype == "uint8" else 1e-3)


def test_light_is_drawn_uniformly():
    added, factors = draw_light(5000, (seed_of(1, 0), seed_of(1, 1)), brightness=50.0, contrast=0.4)
    assert kstest(added.numpy(), "uniform", (-50, 100)).pvalue > SIGNIFICANCE
    assert kstest(factors.numpy(), "uniform", (0.6, 0.8)).pvalue > SIGNIFICANCE


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["uint8", "float32", "int32"])
@pytest.mark.parametrize("side", [1, 4, 5])
def test_cutout(shape, dtype, side):
    images, seeds = pictures(shape, dtype), seeds_of(seed_of())
    boxes = draw_squares(shape[0], seeds["cutout"], height=shape[1], width=shape[2], side=side).numpy()
    expected = images.copy()
    for image, (top, bottom, left, right) in zip(expected, boxes, strict=True):
        image[top:bottom, left:right] = 0
    found, _ = augmented(images, cutout=side)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, expected)


def test_cutouts_centre_is_any_pixel_and_its_square_ends_at_the_border():
    boxes = draw_squares(20_000, seed_of(), height=6, width=4, side=1).numpy()
    _, counts = np.unique(boxes[:, [0, 2]], axis=0, return_counts=True)
    assert len(counts) == 24
    assert chisquare(counts).pvalue > SIGNIFICANCE
    top, bottom, left, right = draw_squares(2000, seed_of(), height=6, width=4, side=4).numpy().T
    assert (top.min(), bottom.max(), left.min(), right.max()) == (0, 6, 0, 4)
    assert set(bottom - top) == {2, 3, 4}
    assert set(right - left) == {2, 3, 4}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_mixup(shape, dtype):
    images, targets, seeds, count = pictures(shape, dtype), soft(shape[0]), seeds_of(seed_of()), shape[0]
    partners = draw_partners(count, seeds["partners"]).numpy()
    shares = draw_shares(count, seeds["mixup"], 0.4).numpy()
    found, labels = augmented(images, targets, mixup=0.4)
    assert found.dtype == dtype
    for index, (partner, share) in enumerate(zip(partners, shares, strict=True)):
        mixed = share * images[index].astype(float) + (1 - share) * images[partner]
        np.testing.assert_allclose(found[index], mixed, rtol=0, atol=0.501 if dtype == "uint8" else 1e-3)
        np.testing.assert_allclose(labels[index], share * targets[index] + (1 - share) * targets[partner], atol=1e-6)


@pytest.mark.parametrize("alpha", [0.01, 0.2, 1.0, 8.0])
def test_shares_are_of_the_beta_distribution(alpha):
    shares = draw_shares(5000, seed_of(), alpha).numpy()
    assert np.isfinite(shares).all()
    if alpha >= 0.2:
        assert kstest(shares, "beta", (alpha, alpha)).pvalue > SIGNIFICANCE
    else:
        # Nearly all mass is at 0 and 1, nearer than float32 can tell apart.
        outer = beta(alpha, alpha).cdf(0.01)
        for count in ((shares < 0.01).sum(), (shares > 0.99).sum()):
            assert binomtest(int(count), len(shares), outer).pvalue > SIGNIFICANCE


def test_partners_are_a_permutation():
    partners = [draw_partners(64, seed_of(1, number)).numpy() for number in range(200)]
    assert all(sorted(of_one) == list(range(64)) for of_one in partners)
    counts = np.bincount(np.concatenate([(of_one - np.arange(64)) % 64 for of_one in partners]), minlength=64)
    assert chisquare(counts).pvalue > SIGNIFICANCE


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_cutmix_has_the_labels_of_its_pixels(shape, dtype):
    images, targets, seeds, count = pictures(shape, dtype), soft(shape[0]), seeds_of(seed_of()), shape[0]
    partners = draw_partners(count, seeds["partners"]).numpy()
    boxes = draw_rectangles(count, seeds["cutmix"], height=shape[1], width=shape[2], alpha=1.0).numpy()
    found, labels = augmented(images, targets, cutmix=1.0)
    assert found.dtype == dtype
    for index, (partner, (top, bottom, left, right)) in enumerate(zip(partners, boxes, strict=True)):
        mixed, share_of_pixel = images[index].copy(), np.ones(shape[1:3])
        mixed[top:bottom, left:right] = images[partner, top:bottom, left:right]
        share_of_pixel[top:bottom, left:right] = 0
        own = share_of_pixel.mean()
        np.testing.assert_array_equal(found[index], mixed)
        np.testing.assert_allclose(labels[index], own * targets[index] + (1 - own) * targets[partner], atol=1e-6)


def test_rectangles_have_the_drawn_share_where_no_border_cuts_them():
    boxes = draw_rectangles(20_000, seed_of(), height=2000, width=1000, alpha=1.0).numpy()
    top, bottom, left, right = boxes.T
    assert (top.min(), bottom.max(), left.min(), right.max()) == (0, 2000, 0, 1000)
    whole = (top > 0) & (bottom < 2000) & (left > 0) & (right < 1000)
    assert np.abs((bottom - top)[whole] - 2 * (right - left)[whole]).max() <= 4
    # The root of a uniform share has density 2 s, and its box is whole with probability (1 - s)**2.
    side = (bottom - top)[whole] / 2000
    assert kstest(side, lambda s: 6 * s**2 - 8 * s**3 + 3 * s**4).pvalue > SIGNIFICANCE


def test_a_regressions_targets_are_mixed_too():
    images, targets = pictures((8, 6, 6, 1)), np.arange(8, dtype=np.float32)
    seeds = seeds_of(seed_of())
    partners, share = draw_partners(8, seeds["partners"]).numpy(), draw_shares(8, seeds["mixup"], 1.0).numpy()
    _, mixed = augmented(images, targets, mixup=1.0)
    np.testing.assert_allclose(mixed, share * targets + (1 - share) * targets[partners], rtol=1e-6)

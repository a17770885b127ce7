"""A batch changed at random as an `Augmentation` says."""

from pipeline.data.augmentation.boxes import cutmix, cutout, draw_rectangles, draw_squares
from pipeline.data.augmentation.flip import draw_flips, draw_moves, move_columns, move_rows
from pipeline.data.augmentation.light import draw_light, light
from pipeline.data.augmentation.mixup import draw_partners, draw_shares, mixup
from pipeline.data.augmentation.noise import draw_noise
from pipeline.data.augmentation.policy import Augmentation
from pipeline.data.augmentation.rand_augment import draw_operations, rand_augment
from pipeline.data.augmentation.warp import draw_warps, warp
from pipeline.keras import tf

# A draw's place in this list decides its seed: new ones go at the end.
_DRAWS = (
    "flip",
    "flip_vertical",
    "crop",
    "rotate",
    "translate",
    "scale",
    "rand_augment",
    "brightness",
    "contrast",
    "cutout",
    "mixup",
    "cutmix",
    "partners",
    "noise",
)


def augment(
    features: tf.Tensor,
    targets: tf.Tensor,
    seed: tf.Tensor,
    augmentation: Augmentation,
    *,
    scale: float,
    deviations: tf.Tensor | None = None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Changes each example of a batch with a draw of its own; the same seed gives the same result.

    Images are, in this order: mirrored, cropped, warped (rotate, translate and scale at once), put through RandAugment,
    changed in contrast and brightness, cut out, and mixed. They keep their dtype. Mirroring, cropping, Cutout and
    CutMix move whole pixels and are exact; if anything else is on, it is done in float32, and integers are rounded
    once, at the end.

    Args:
        features: Images of shape (batch, h, w, c), all but the batch known, any numeric dtype, values 0 to `scale`; or
            tables of shape (batch, columns).
        targets: Float32 rows of shape (batch, k), or float32 numbers of shape (batch,), if the augmentation mixes; else
            anything, and returned as it is.
        seed: Shape (2,), int64.
        augmentation: What to do; it must have passed `check`.
        scale: The greatest value of an image.
        deviations: Of a table, each column's standard deviation, float32, shape (columns,); 0 for categorical columns,
            which noise leaves alone, and which mixup takes from the row of the larger share.

    Returns:
        Features, of the same shape, and targets. Images keep their dtype; a changed table is float32, in which integers
        have room for noise and blends.

    Raises:
        ValueError: When a table has no deviations.
    """
    if not augmentation.active:
        return features, targets
    seeds = seeds_of(seed)
    if len(features.shape) == 4:
        return _augment_images(features, targets, seeds, augmentation, scale)
    if deviations is None:
        raise ValueError("the augmentation of a table has no deviations; accepted: one for each column")
    return _augment_table(tf.cast(features, tf.float32), targets, seeds, augmentation, deviations)


def seeds_of(seed: tf.Tensor) -> dict[str, tf.Tensor]:
    """Returns a seed for each draw, so that one that is switched on changes no other."""
    return dict(zip(_DRAWS, tf.unstack(tf.random.experimental.stateless_split(seed, len(_DRAWS))), strict=True))


def _augment_images(
    stored: tf.Tensor, targets: tf.Tensor, seeds: dict[str, tf.Tensor], on: Augmentation, scale: float
) -> tuple[tf.Tensor, tf.Tensor]:
    count, (height, width) = tf.shape(stored)[0], stored.shape[1:3]
    images = _flip_and_crop(stored, seeds, on)
    inexact = any((on.rotate, on.translate, on.scale, on.rand_augment, on.brightness, on.contrast, on.mixup))
    if inexact:
        images = _change_values(tf.cast(images, tf.float32), seeds, on, scale)
    if on.cutout:
        images = cutout(images, draw_squares(count, seeds["cutout"], height=height, width=width, side=on.cutout))
    if on.mixes:
        partners = draw_partners(count, seeds["partners"])
        if on.mixup:
            images, targets = mixup(images, targets, partners, draw_shares(count, seeds["mixup"], on.mixup))
        else:
            boxes = draw_rectangles(count, seeds["cutmix"], height=height, width=width, alpha=on.cutmix)
            images, targets = cutmix(images, targets, partners, boxes)
    if inexact:
        images = tf.cast(tf.round(images) if stored.dtype.is_integer else images, stored.dtype)
    return images, targets


def _flip_and_crop(images: tf.Tensor, seeds: dict[str, tf.Tensor], on: Augmentation) -> tf.Tensor:
    count = tf.shape(images)[0]
    down, right = draw_moves(count, seeds["crop"], on.crop) if on.crop else (None, None)
    upended = draw_flips(count, seeds["flip_vertical"]) if on.flip_vertical else None
    mirrored = draw_flips(count, seeds["flip"]) if on.flip else None
    return move_columns(move_rows(images, upended, down, on.crop), mirrored, right, on.crop)


def _change_values(images: tf.Tensor, seeds: dict[str, tf.Tensor], on: Augmentation, scale: float) -> tf.Tensor:
    count = tf.shape(images)[0]
    if on.rotate or on.translate or on.scale:
        warp_seeds = seeds["rotate"], seeds["translate"], seeds["scale"]
        sides = images.shape[1], images.shape[2]
        transforms = draw_warps(count, warp_seeds, sides, rotate=on.rotate, translate=on.translate, scale=on.scale)
        images = warp(images, transforms)
    if on.rand_augment:
        choices, signs = draw_operations(count, seeds["rand_augment"], on.rand_augment)
        images = rand_augment(images, choices, signs, magnitude=on.magnitude, scale=scale)
    if on.brightness or on.contrast:
        light_seeds = seeds["brightness"], seeds["contrast"]
        added, factor = draw_light(count, light_seeds, brightness=on.brightness * scale, contrast=on.contrast)
        images = tf.clip_by_value(light(images, added, factor), 0.0, scale)
    return images


def _augment_table(
    rows: tf.Tensor, targets: tf.Tensor, seeds: dict[str, tf.Tensor], on: Augmentation, deviations: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    count = tf.shape(rows)[0]
    if on.noise:
        rows += draw_noise(count, seeds["noise"], deviations, on.noise)
    if on.mixup:
        partners, share = draw_partners(count, seeds["partners"]), draw_shares(count, seeds["mixup"], on.mixup)
        rows, targets = mixup(rows, targets, partners, share, categorical=deviations == 0)
    return rows, targets

import re
from dataclasses import replace

import numpy as np
import pytest

from pipeline.data.dataset import PARTS
from pipeline.data.examples import FREE, Images, Placement, Targets
from pipeline.data.splitting.assign import assign
from pipeline.data.splitting.check import check_parts
from pipeline.data.splitting.take import take_images

TRAIN, VALIDATION, TEST = range(3)


def classes(*counts):
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts)).astype(np.int32)
    return Targets(labels, "classification", tuple(f"class{index}" for index in range(len(counts))))


def numbers(count):
    return Targets(np.random.default_rng(0).normal(size=count).astype(np.float32), "regression", ("price",))


def several(count, labels=3):
    values = np.random.default_rng(0).integers(0, 2, (count, labels)).astype(np.uint8)
    return Targets(values, "multi_label", tuple("abcdefghij"[:labels]))


def split(targets, placement=Placement(), **options):  # noqa: B008
    parts = assign(targets, placement, **{"validation": 0.1, "test": 0.2, "seed": 3, **options})
    assert parts.dtype == np.int8
    assert parts.shape == (len(targets.values),)
    return parts


def sizes(parts):
    return np.bincount(parts, minlength=3).tolist()


GROUPS = np.repeat(np.arange(20), 5)
TIME = np.random.default_rng(1).permutation(100).astype(np.float64)


@pytest.mark.parametrize(
    ("targets", "placement", "rule"),
    [
        (classes(60, 40), Placement(), "stratified"),
        (numbers(100), Placement(), "random"),
        (several(100), Placement(), "random"),
        (classes(60, 40), Placement(time=TIME), "time"),
        (classes(60, 40), Placement(group=GROUPS, time=TIME), "grouped"),
        (classes(60, 40), Placement(part=np.full(100, FREE, np.int8), time=TIME), "time"),
        (classes(60, 40), Placement(part=np.repeat([0, 1, 2], [80, 10, 10]).astype(np.int8), group=GROUPS), "given"),
    ],
)
def test_auto_takes_the_first_rule_that_the_source_allows(targets, placement, rule):
    np.testing.assert_array_equal(split(targets, placement), split(targets, placement, by=rule))


@pytest.mark.parametrize("rule", ["random", "stratified", "grouped"])
def test_the_seed_decides(rule):
    targets, placement = classes(60, 40), Placement(group=GROUPS)
    np.testing.assert_array_equal(split(targets, placement, by=rule), split(targets, placement, by=rule))
    assert (split(targets, placement, by=rule) != split(targets, placement, by=rule, seed=4)).any()


def test_random_gives_each_example_every_part_equally_often():
    targets, seeds = numbers(50), 600
    found = np.array([split(targets, seed=seed) for seed in range(seeds)])
    assert sizes(found[0]) == [35, 5, 10]
    for part, share in ((TRAIN, 0.7), (VALIDATION, 0.1), (TEST, 0.2)):
        # The seeds are fixed; a right split fails at one choice of them in a thousand. A part of fixed size varies less
        # than independent draws do, which the factor corrects.
        times = (found == part).sum(axis=0)
        statistic = ((times - seeds * share) ** 2 / (seeds * share * (1 - share))).sum() * 49 / 50
        assert statistic < 85.35  # chi-square, 49 degrees of freedom, 0.999


@pytest.mark.parametrize("validation", [0.1, 0.25])
def test_a_given_test_part_stays_and_validation_is_a_share_of_the_rest(validation):
    targets = classes(300, 60, 40)
    part = np.where(np.arange(400) >= 300, TEST, FREE).astype(np.int8)
    parts = split(targets, Placement(part=part), validation=validation, test=0.9)
    np.testing.assert_array_equal(parts == TEST, part == TEST)
    rest = np.bincount(targets.values[:300])
    drawn = np.bincount(targets.values[parts == VALIDATION], minlength=3)
    assert (np.abs(drawn - rest * validation) <= 1).all()


def test_what_the_source_lacks_is_drawn_from_free_examples_first_then_from_training():
    targets = classes(60, 40)
    some_free = np.repeat([TRAIN, FREE, TEST], [50, 30, 20]).astype(np.int8)
    parts = split(targets, Placement(part=some_free))
    assert sizes(parts) == [77, 3, 20]
    assert (parts[:50] == TRAIN).all()
    no_free = np.repeat([TRAIN, VALIDATION], [80, 20]).astype(np.int8)
    parts = split(targets, Placement(part=no_free))
    assert sizes(parts) == [64, 20, 16]
    assert (parts[80:] == VALIDATION).all()


def test_free_examples_that_no_part_needs_are_trained_on():
    part = np.repeat([FREE, TRAIN, VALIDATION, TEST], 25).astype(np.int8)
    np.testing.assert_array_equal(split(classes(50, 50), Placement(part=part)), np.where(part == FREE, TRAIN, part))


def test_free_examples_go_by_the_next_rule():
    part = np.where(np.arange(100) < 20, TEST, FREE).astype(np.int8)
    parts = split(classes(60, 40), Placement(part=part, group=GROUPS), validation=0.25)
    assert sizes(parts) == [60, 20, 20]
    assert all(len(set(parts[group == GROUPS])) == 1 for group in range(20))


def test_every_other_rule_overrides_what_the_source_gives():
    part = np.where(np.arange(100) < 50, TEST, FREE).astype(np.int8)
    assert sizes(split(classes(60, 40), Placement(part=part), by="stratified")) == [70, 10, 20]


ALL_FREE = Placement(part=np.full(100, FREE, np.int8))


@pytest.mark.parametrize(
    ("targets", "placement", "options", "said"),
    [
        (numbers(100), Placement(), {"by": "groups"}, "by='groups' is unknown; accepted: auto, random, stratified, "),
        (numbers(100), Placement(), {"by": "groups"}, "did you mean grouped?"),
        (numbers(100), Placement(), {"validation": 0}, "validation share 0; accepted: more than 0 and less than 1"),
        (numbers(100), Placement(), {"test": 1.0}, "test share 1.0; accepted: more than 0 and less than 1"),
        (numbers(100), Placement(), {"test": float("nan")}, "test share nan; accepted"),
        (
            numbers(100),
            Placement(),
            {"validation": 0.5, "test": 0.5},
            "validation share 0.5 and test share 0.5 leave nothing to train on; accepted: less than 1 in all",
        ),
        (numbers(3), Placement(), {}, "3 examples are too few for 3 parts at these shares; accepted: 4"),
        (numbers(100), Placement(), {"seed": -1}, "seed -1; accepted: 0 to 4294967295"),
        (numbers(100), Placement(), {"seed": 2**32}, "seed 4294967296; accepted"),
        (numbers(100), Placement(), {"by": "grouped"}, "by=grouped: the source doesn't know the group of its"),
        (numbers(100), Placement(), {"by": "time"}, "by=time: the source doesn't know the time of its"),
        (numbers(100), ALL_FREE, {"by": "given"}, "by=given: the source doesn't know the part of its"),
        (numbers(100), Placement(), {"by": "stratified"}, "the targets are of a regression; accepted: by=random"),
        (several(100), Placement(), {"by": "stratified"}, "the targets are of a multi_label; accepted: by=random"),
        (
            classes(50, 2, 50),
            Placement(),
            {},
            "class 'class1' has too few examples to share out, 2, for each of 3 parts to have one at these shares; "
            "accepted: 4 or more, or by=random",
        ),
        (replace(classes(50, 50), names=("a", "b", "c")), Placement(), {}, "class 'c' has too few examples to share"),
        (numbers(6), Placement(group=np.array([1, 1, 1, 7, 7, 7])), {}, "2 groups are too few for 3 parts; accepted"),
        (numbers(6), Placement(time=np.array([1, 1, 1, 7, 7, 7])), {}, "by=time: 2 different times for 3 parts"),
        (
            numbers(4),
            Placement(time=np.array([1, np.nan, 2, np.nan])),
            {},
            "by=time: 2 of 4 examples have no time (NaN), first example 1; accepted: a time for each",
        ),
        (numbers(2), Placement(part=np.array([0, 3], np.int8)), {}, "part 3 of example 1; accepted: 0 to 2 (train, "),
        (numbers(2), Placement(part=np.array([0, -2], np.int8)), {}, "part -2 of example 1; accepted: 0 to 2 (train, "),
        (numbers(2), Placement(part=np.array([1, 1], np.int8)), {}, "gives every example to validation or test"),
    ],
)
def test_what_cannot_be_split(targets, placement, options, said):
    with pytest.raises(ValueError, match=re.escape(said)) as caught:
        split(targets, placement, **options)
    assert "\n" not in str(caught.value)


SOUND = np.array([0, 0, 0, 1, 2, 2], np.int8)


def labelled(*labels):
    return Targets(np.array(labels, np.int32), "classification", ("a", "b", "c"))


@pytest.mark.parametrize(
    ("targets", "group", "parts", "said"),
    [
        (labelled(0, 1, 0, 1, 0, 1), None, [0, 0, 0, 0, 2, 2], "validation part: none of 6 examples; accepted"),
        (labelled(0, 1, 0, 1, 0, 1), None, [1, 1, 1, 1, 2, 2], "train part: none of 6 examples; accepted"),
        (
            labelled(0, 1, 0, 1, 0, 1),
            [5, 6, 7, 6, 8, 7],
            SOUND,
            "2 of 4 groups are on both sides, as group 6 with example 1 in train and example 3 in validation; accepted",
        ),
        (
            labelled(0, 1, 0, 1, 2, 2),
            None,
            SOUND,
            "class 'c': examples in the test part, 2, and none in the training part; accepted: one or more to train on",
        ),
        (labelled(0, 0, 0, 2, 1, 1), None, SOUND, "class 'c': examples in the validation part, 1, and none"),
        (
            Targets(np.array([[1, 0]] * 5 + [[1, 1]], np.uint8), "multi_label", ("red", "round")),
            None,
            SOUND,
            "label 'round': examples in the test part, 1, and none in the training part",
        ),
    ],
)
def test_parts_that_cannot_be_learned_from(targets, group, parts, said):
    placement = Placement(group=None if group is None else np.array(group, np.int64))
    with pytest.raises(ValueError, match=re.escape(said)) as caught:
        check_parts(targets, placement, np.array(parts, np.int8))
    assert "\n" not in str(caught.value)


def test_sound_parts_pass():
    check_parts(labelled(0, 1, 0, 1, 0, 1), Placement(group=np.array([1, 1, 2, 3, 4, 4])), SOUND)
    check_parts(numbers(6), Placement(), SOUND)


def test_images_are_taken_in_their_order():
    features = np.arange(6 * 4, dtype=np.uint8).reshape(6, 2, 2, 1)
    targets = labelled(0, 1, 2, 0, 1, 2)
    parts = np.array([2, 0, 1, 0, 2, 0], np.int8)
    dataset = take_images(Images(features, targets, 255.0), parts)
    for index, part in enumerate(PARTS):
        np.testing.assert_array_equal(getattr(dataset, part).features, features[parts == index])
        np.testing.assert_array_equal(getattr(dataset, part).labels, targets.values[parts == index])
    info = dataset.info
    assert (info.kind, info.task, info.feature_shape, info.dtype) == ("image", "classification", (2, 2, 1), "uint8")
    assert (info.class_names, info.scale, info.columns) == (("a", "b", "c"), 255.0, ())
    assert (info.target_mean, info.target_variance) == (0.0, 1.0)


def test_a_target_has_the_moments_of_the_training_part():
    values = np.array([1e6, 1e6 + 1, 1e6 + 3, 1e6, -9, 50], np.float32)
    images = Images(np.zeros((6, 2, 2, 1), np.float32), Targets(values, "regression", ("price",)), 1.0)
    info = take_images(images, np.array([0, 0, 0, 0, 1, 2], np.int8)).info
    assert (info.target_mean, info.target_variance) == (1e6 + 1, 1.5)
    info = take_images(images, np.array([0, 1, 1, 0, 1, 2], np.int8)).info
    assert (info.target_mean, info.target_variance) == (1e6, 1.0)


def test_an_empty_part_is_refused():
    images = Images(np.zeros((6, 2, 2, 1), np.uint8), labelled(0, 1, 2, 0, 1, 2), 255.0)
    with pytest.raises(ValueError, match="0 labels for 0 examples"):
        take_images(images, np.zeros(6, np.int8))

import dataclasses

import pytest

from pipeline.data.augmentation.policy import Augmentation, check
from pipeline.data.dataset import Column, Info

IMAGES = Info("image", "classification", (28, 20, 1), "uint8", ("a", "b"), scale=255.0)
NUMERIC = Column("age", "numeric")
TABLE = Info("table", "classification", (2,), "float32", ("a", "b"), (NUMERIC, Column("city", "categorical", ("x",))))
CODES = Info("table", "regression", (1,), "float32", ("y",), (Column("city", "categorical", ("x",)),))

ON = {
    "flip": True,
    "flip_vertical": True,
    "crop": 4,
    "rotate": 15.0,
    "translate": 0.1,
    "scale": 0.1,
    "brightness": 0.2,
    "contrast": 0.2,
    "cutout": 8,
    "mixup": 0.2,
    "cutmix": 1.0,
    "rand_augment": 2,
    "noise": 0.1,
}


def test_nothing_is_on_by_default():
    assert not Augmentation().active
    assert not Augmentation().mixes
    assert not Augmentation(magnitude=10).active
    assert {field.name for field in dataclasses.fields(Augmentation)} == {*ON, "magnitude"}


@pytest.mark.parametrize("name", ON)
def test_each_field_works_alone_on_its_kind_of_data(name):
    augmentation = Augmentation(**{name: ON[name]})
    assert augmentation.active
    assert augmentation.mixes == (name in ("mixup", "cutmix"))
    check(augmentation, TABLE if name == "noise" else IMAGES)
    if name == "mixup":
        check(augmentation, TABLE)
    else:
        kind, wrong = ("images", IMAGES) if name == "noise" else ("tables", TABLE)
        with pytest.raises(ValueError, match=f"^{name} .* can't be done to {kind}; accepted: "):
            check(augmentation, wrong)


@pytest.mark.parametrize(
    ("fields", "info", "said"),
    [
        ({"crop": 20}, IMAGES, r"crop 20; accepted: 0 to 19"),
        ({"crop": -1}, IMAGES, r"crop -1; accepted: 0 to 19"),
        ({"cutout": 21}, IMAGES, r"cutout 21; accepted: 0 to 20"),
        ({"rotate": 180.5}, IMAGES, r"rotate 180.5; accepted: 0 to 180.0"),
        ({"translate": 1.1}, IMAGES, r"translate 1.1; accepted: 0 to 1.0"),
        ({"scale": 1.0}, IMAGES, r"scale 1.0; accepted: 0 to 0.9"),
        ({"brightness": float("nan")}, IMAGES, r"brightness nan; accepted: 0 to 1.0"),
        ({"contrast": -0.1}, IMAGES, r"contrast -0.1; accepted: 0 to 1.0"),
        ({"mixup": float("inf")}, TABLE, r"mixup inf; accepted: 0 to 100.0"),
        ({"cutmix": -1.0}, IMAGES, r"cutmix -1.0; accepted: 0 to 100.0"),
        ({"rand_augment": 11}, IMAGES, r"rand_augment 11; accepted: 0 to 10"),
        ({"magnitude": 11}, IMAGES, r"magnitude 11; accepted: 0 to 10"),
        ({"noise": -0.1}, TABLE, r"noise -0.1; accepted: 0 to 10.0"),
        ({"mixup": 0.2, "cutmix": 1.0}, IMAGES, r"mixup 0.2 and cutmix 1.0; accepted: one of them"),
        ({"noise": 0.1}, CODES, r"noise needs a numeric column, and there is none; accepted: 0"),
        ({"mixup": 0.1}, CODES, r"mixup needs a numeric column, and there is none; accepted: 0"),
    ],
)
def test_what_cannot_be_done_is_refused(fields, info, said):
    with pytest.raises(ValueError, match=f"^{said}$"):
        check(Augmentation(**fields), info)


def test_a_magnitude_without_rand_augment_is_accepted():
    check(Augmentation(magnitude=7), IMAGES)

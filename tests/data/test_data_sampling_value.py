import re
from functools import partial

import numpy as np
import pytest

from pipeline.data.sampling.forgetting import forgetting_counts, forgetting_scores
from pipeline.data.sampling.most_valuable import most_valuable
from pipeline.data.sampling.proxy_scores import el2n_scores, loss_scores

LABELS = np.array([0, 1, 0, 1, 0, 1, 0, 0], np.int32)
SCORES = np.array([3, 1, 2, np.inf, 2, 0, 2, 5])


def test_forgetting_by_hand():
    columns = ["1111", "0000", "1010", "0101", "0111", "1000", "1001"]
    correct = np.array([[character == "1" for character in column] for column in columns]).T
    counts, never_learned = forgetting_counts(correct)
    assert counts.tolist() == [0, 0, 2, 1, 0, 1, 1]
    assert counts.dtype == np.int64
    assert never_learned.tolist() == [False, True, False, False, False, False, False]
    assert forgetting_scores(correct).tolist() == [0, np.inf, 2, 1, 0, 1, 1]


def test_forgetting_against_a_slow_count():
    correct = np.random.default_rng(0).random((20, 300)) < np.random.default_rng(1).random(300)
    counts, never_learned = forgetting_counts(correct)
    for example in range(300):
        history = "".join("1" if right else "0" for right in correct[:, example])
        assert counts[example] == history.count("10")
        assert never_learned[example] == ("1" not in history)


def test_proxy_scores_against_a_slow_computation():
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(5), 200).astype(np.float32)
    labels = rng.integers(0, 5, 200).astype(np.int32)
    one_hot = np.eye(5)[labels]
    np.testing.assert_allclose(el2n_scores(probabilities, labels), np.linalg.norm(probabilities - one_hot, axis=1))
    expected = [-np.log(float(row[label])) for row, label in zip(probabilities, labels, strict=True)]
    np.testing.assert_allclose(loss_scores(probabilities, labels), expected)


def test_a_certain_mistake_has_a_finite_loss():
    probabilities = np.array([[1, 0], [1, 0]], np.float32)
    right, wrong = loss_scores(probabilities, np.array([0, 1], np.int32))
    assert right == 0
    assert 80 < wrong < 100
    assert el2n_scores(probabilities, np.array([0, 1], np.int32)).tolist() == [0, np.sqrt(2)]


@pytest.mark.parametrize(
    ("keep", "by_class", "fraction", "kept"),
    [
        ("hard", False, 0.5, [0, 2, 3, 7]),  # 2, 4 and 6 tie: the first
        ("easy", False, 0.5, [1, 2, 4, 5]),
        ("hard", True, 0.4, [0, 3, 7]),
        ("easy", True, 0.4, [2, 4, 5]),
        ("hard", True, 1, list(range(8))),
    ],
)
def test_the_hardest_or_easiest_are_kept(keep, by_class, fraction, kept):
    found = most_valuable(SCORES, LABELS, fraction, keep=keep, by_class=by_class)
    assert found.tolist() == kept
    assert found.dtype == np.int64


@pytest.mark.parametrize("keep", ["hard", "easy"])
@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5, 0.9])
def test_each_class_keeps_its_share_and_none_left_out_is_more_wanted(fraction, keep):
    rng = np.random.default_rng(0)
    labels = rng.choice(4, 1000, p=[0.6, 0.3, 0.08, 0.02]).astype(np.int32)
    scores = rng.integers(0, 6, 1000).astype(np.float64) + labels  # rare classes are harder
    kept = most_valuable(scores, labels, fraction, keep=keep)
    assert (np.abs(np.bincount(labels[kept]) - np.bincount(labels) * fraction) <= 1).all()
    left = np.setdiff1d(np.arange(1000), kept)
    sign = 1 if keep == "hard" else -1
    for index in range(4):
        inside, outside = kept[labels[kept] == index], left[labels[left] == index]
        border = (sign * scores[inside]).min()
        assert (sign * scores[outside]).max() <= border
        tied = outside[sign * scores[outside] == border]
        last = inside[sign * scores[inside] == border].max()
        assert (tied > last).all()


GOOD = np.full((8, 2), 0.5)
CORRECT = np.ones((3, 8), bool)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            partial(forgetting_counts, CORRECT[:1]),
            "correct is bool of shape (1, 8); accepted: bool of shape (epochs, n)",
        ),
        (partial(forgetting_counts, CORRECT * 1.0), "correct is float64 of shape (3, 8); accepted: bool"),
        (partial(forgetting_scores, CORRECT[0]), "correct is bool of shape (8,); accepted"),
        (partial(loss_scores, GOOD[:7], LABELS), "probabilities of shape (7, 2) for 8 examples of classes 0 to 1"),
        (partial(loss_scores, GOOD[:, :1], LABELS), "probabilities of shape (8, 1) for 8 examples of classes 0 to 1"),
        (partial(el2n_scores, GOOD * 3, LABELS), "probabilities of 8 examples, first example 0, aren't 0 or more"),
        (partial(el2n_scores, GOOD * np.nan, LABELS), "accepted: the output of a softmax"),
        (partial(el2n_scores, GOOD, LABELS.astype(np.float32)), "a proxy's score needs one class for each example"),
        (
            partial(most_valuable, SCORES, LABELS, 0.5, keep="hardest"),
            "keep='hardest' is unknown; accepted: hard, easy",
        ),
        (
            partial(most_valuable, SCORES[:3], LABELS, 0.5),
            "scores of shape (3,) for 8 examples; accepted: one for each",
        ),
        (partial(most_valuable, SCORES * np.nan, LABELS, 0.5), "score of 8 examples is NaN, first example 0; accepted"),
        (partial(most_valuable, SCORES, LABELS, 0), "fraction 0; accepted: more than 0, at most 1"),
        (partial(most_valuable, SCORES, LABELS.astype(np.float32), 0.5), "by_class=true needs one class"),
    ],
)
def test_what_cannot_be_valued(call, said):
    with pytest.raises(ValueError, match=re.escape(said)) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_other_targets_are_valued_without_classes():
    assert most_valuable(SCORES, LABELS.astype(np.float32), 0.25, by_class=False).tolist() == [3, 7]

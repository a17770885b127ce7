import numpy as np
import pytest
from compression_cases import classes, digits_model, random_batch, regression_model
from odd_models import Subclassed
from real_data import digits

from pipeline.compression.distillation import (
    DistillationLoss,
    distillation_objective,
    gives_probabilities,
    label_accuracy,
    taught_rows,
    teach,
)
from pipeline.keras import keras, tf
from pipeline.models.cnn import cnn
from pipeline.models.inputs import image_input
from pipeline.training import determinism
from pipeline.training.objective import objective

NOISE = np.random.default_rng(0)
TEACHER, STUDENT = (NOISE.normal(0, 3, size=(6, 4)).astype(np.float32) for _ in range(2))
LABELS = np.array([0, 3, 1, 1, 0, 2], np.int32)
WEIGHTS = np.array([0, 1, 2, 1, 1, 3], np.float32)
EYE = np.eye(4)
SETTINGS = [(1.0, 0.5), (2.0, 0.3), (4.0, 0.9), (20.0, 0.7), (0.5, 1.0), (4.0, 1.0), (4.0, 0.0)]


def softmax(logits):
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)


def cross_entropy():
    return -np.log(softmax(STUDENT.astype(float))[np.arange(6), LABELS])


def by_hand(temperature, alpha):
    p, q = (softmax(each.astype(float) / temperature) for each in (TEACHER, STUDENT))
    divergence = (p * np.log(p / q)).sum(axis=1)
    return alpha * temperature**2 * divergence + (1 - alpha) * cross_entropy()


def identity(**compiled):
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Rescaling(1.0)(inputs))
    model.compile("sgd", **compiled)
    return model


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize(("temperature", "alpha"), SETTINGS)
def test_loss_and_accuracy_are_those_computed_by_hand(temperature, alpha, weights):
    rows = taught_rows(LABELS, TEACHER)
    model = identity(**distillation_objective(temperature, alpha))
    found = model.evaluate(STUDENT, rows, sample_weight=weights, verbose=0, return_dict=True)
    losses = by_hand(temperature, alpha) * (1 if weights is None else weights)
    assert found["loss"] == pytest.approx(losses.mean(), rel=1e-5)
    assert found["accuracy"] == pytest.approx(np.average(STUDENT.argmax(1) == LABELS, weights=weights))


@pytest.mark.parametrize(("temperature", "alpha"), SETTINGS)
def test_gradients_are_those_of_the_paper_and_keep_their_size_at_high_temperatures(temperature, alpha):
    logits = tf.constant(STUDENT)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = tf.reduce_sum(DistillationLoss(temperature, alpha).call(taught_rows(LABELS, TEACHER), logits))
    q, p = (softmax(each.astype(float) / temperature) for each in (STUDENT, TEACHER))
    wanted = alpha * temperature * (q - p) + (1 - alpha) * (softmax(STUDENT.astype(float)) - EYE[LABELS])
    np.testing.assert_allclose(tape.gradient(loss, logits).numpy(), wanted, atol=2e-5)


def test_a_student_that_says_what_its_teacher_says_costs_nothing():
    rows = taught_rows(LABELS, STUDENT)
    np.testing.assert_allclose(DistillationLoss(3.0, 1.0).call(rows, tf.constant(STUDENT)), 0, atol=1e-6)
    shifted = tf.constant(STUDENT + 5)
    np.testing.assert_allclose(DistillationLoss(3.0, 1.0).call(rows, shifted), 0, atol=1e-5)


@pytest.mark.parametrize("alpha", [0.0, 0.4, 1.0])
def test_labels_alone_are_judged_as_without_a_teacher(alpha):
    found = identity(**distillation_objective(5.0, alpha)).evaluate(STUDENT, LABELS, verbose=0)
    assert found == identity(**objective("classification")).evaluate(STUDENT, LABELS, verbose=0)
    assert found[0] == pytest.approx(cross_entropy().mean(), rel=1e-6)


def test_the_accuracy_reads_the_label_and_not_the_teacher():
    logits = tf.constant(EYE[[0, 1, 2]], tf.float32)
    rows = taught_rows([0, 1, 3], EYE[[3, 3, 2]])
    assert label_accuracy(rows, logits).numpy().tolist() == [1, 1, 0]


@pytest.mark.parametrize(
    ("temperature", "alpha", "line"),
    [
        (0.0, 0.5, "temperature 0.0; accepted: above 0"),
        (float("nan"), 0.5, "temperature nan; accepted: above 0"),
        (1.0, -0.1, "alpha -0.1; accepted: 0 to 1"),
        (1.0, 1.1, "alpha 1.1; accepted: 0 to 1"),
    ],
)
def test_settings_out_of_range_are_refused(temperature, alpha, line):
    with pytest.raises(ValueError, match=f"^{line}$"):
        DistillationLoss(temperature, alpha)


def small(seed):
    determinism.start(seed)
    return cnn(*image_input((8, 8, 1), scale=16.0), 10, filters=[8], units=32, dropout=0.0)


def test_with_alpha_1_the_student_comes_to_say_what_the_teacher_says_even_where_it_is_wrong():
    """The labels that the student gets are wrong; the teacher's are not."""
    features = digits().train.features.astype(np.float32)
    said = teach([digits_model()], 10)(features)[0]
    student = small(1)
    student.compile(keras.optimizers.Adam(0.01), **distillation_objective(2.0, 1.0))
    wrong = (digits().train.labels + 1) % 10
    losses = student.fit(features, taught_rows(wrong, said), 64, 12, verbose=0).history["loss"]
    assert losses[-1] < 0.1 * losses[0]
    assert np.mean(classes(student.predict(features, verbose=0)) == classes(said.numpy())) > 0.95


def test_one_teacher_gives_its_own_logits_and_is_left_as_it_was():
    model, batch = digits_model(), random_batch(digits_model())
    before = model.get_weights()
    logits, each = teach([model], 10)(batch)
    np.testing.assert_allclose(logits, model(batch, training=False), rtol=1e-5, atol=1e-5)
    assert len(each) == 1
    assert all(np.array_equal(one, two) for one, two in zip(before, model.get_weights(), strict=True))


def test_an_ensemble_gives_the_geometric_mean_of_its_softened_distributions():
    models = [digits_model(), small(1), small(2)]
    logits, each = teach(models, 10)(random_batch(models[0]))
    np.testing.assert_allclose(logits, np.mean([one.numpy() for one in each], axis=0), rtol=1e-5, atol=1e-5)
    for temperature in (1.0, 4.0):
        product = np.prod([softmax(one.numpy().astype(float) / temperature) for one in each], axis=0) ** (1 / 3)
        wanted = product / product.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(softmax(logits.numpy().astype(float) / temperature), wanted, atol=1e-5)


@pytest.mark.parametrize("end", [keras.layers.Softmax, lambda: keras.layers.Activation("softmax")])
def test_a_teacher_that_ends_in_a_softmax_teaches_the_same(end):
    model = digits_model()
    soft = keras.Sequential([model, end()])
    nested = keras.Sequential([keras.Input((8, 8, 1)), keras.Sequential([model, end()])])
    assert [gives_probabilities(each) for each in (model, soft, nested)] == [False, True, True]
    batch = random_batch(model)
    (plain, _), (taken, _) = (teach([each], 10)(batch) for each in (model, soft))
    for temperature in (1.0, 5.0):
        np.testing.assert_allclose(
            softmax(plain.numpy() / temperature), softmax(taken.numpy() / temperature), atol=1e-5
        )
    assert np.isfinite(taken).all()


def test_probabilities_of_0_have_finite_logits():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Softmax()(inputs))
    logits = teach([model], 4)(np.array([[1000.0, 0, 0, 0]], np.float32))[0].numpy()
    assert logits == pytest.approx(np.array([[0, -87.3, -87.3, -87.3]]), abs=0.1)


def test_what_can_not_teach_is_refused():
    with pytest.raises(ValueError, match=r"^no teacher; accepted: one or more$"):
        teach([], 10)
    line = r"^teacher cnn gives outputs of shape \(None, 10\), and the data has 3 classes; accepted: \(None, 3\)$"
    with pytest.raises(ValueError, match=line):
        teach([digits_model()], 3)
    with pytest.raises(ValueError, match=r"outputs of shape \(None, 1\), and the data has 2 classes"):
        teach([regression_model()], 2)
    with pytest.raises(ValueError, match=r"is subclassed; accepted: a functional or sequential model, built$"):
        teach([Subclassed()], 10)

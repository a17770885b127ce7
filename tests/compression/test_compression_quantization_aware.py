"""What is left of zeros and shared values in the 8-bit file, counted there."""

import numpy as np
import pytest
from collaborative_cases import (
    CLUSTERS,
    KERNELS,
    accuracy,
    clustered,
    features,
    half_pruned,
    most_values,
    pruned,
    pruned_and_clustered,
    small_model,
    stored_kernels,
    zeros,
)
from compression_cases import fitted, interpreter
from real_data import digits
from tensorflow_model_optimization.python.core.quantization.keras.default_8bit.default_8bit_quantize_scheme import (
    Default8BitQuantizeScheme,
)

from pipeline.compression import quantization_aware as room
from pipeline.compression.export import keras_outputs
from pipeline.compression.quantization_aware import quantization_aware
from pipeline.compression.weight_form import kernel_forms
from pipeline.measurement.outputs import tflite_outputs
from pipeline.models.files import load_model, save_model, weights_digest
from pipeline.optimizers import SGD
from pipeline.training import determinism
from pipeline.training.objective import objective

EXAMPLES = digits().train.features[:100]


def trained(model, path, **options):
    """Trains for an epoch, writes the file, and returns the training and the file's kernels."""
    aware = quantization_aware(model, EXAMPLES, **options)
    fitted(aware.model, digits(), 1)
    path.write_bytes(aware.to_tflite())
    return aware, stored_kernels(model, path)


def same_class(one, two):
    return float(np.mean(one.argmax(-1) == two.argmax(-1)))


@pytest.fixture
def plain_scheme(monkeypatch):
    """TFMOT's own scheme in place of the one that keeps what it finds."""
    monkeypatch.setattr(room, "PreservingScheme", lambda quantize_input: Default8BitQuantizeScheme())


def test_the_file_is_int8_computes_what_was_trained_and_leaves_the_model_alone(tmp_path):
    before = weights_digest(small_model()), small_model().get_config()
    aware, kernels = trained(small_model(), tmp_path / "model.tflite", input_type="uint8")
    assert (weights_digest(small_model()), small_model().get_config()) == before
    assert {kind for kind, _ in kernels.values()} == {"INT8"}
    made = interpreter((tmp_path / "model.tflite").read_bytes())
    ends = (*made.get_input_details(), *made.get_output_details())
    assert [np.dtype(end["dtype"]).name for end in ends] == ["uint8", "uint8"]
    types = {np.dtype(each["dtype"]).name for each in made.get_tensor_details() if len(each["shape"]) > 1}
    assert types == {"int8", "uint8"}
    given = tflite_outputs(tmp_path / "model.tflite", features())
    assert same_class(given, keras_outputs(aware.model, features())) > 0.99
    assert same_class(given, keras_outputs(aware.strip(), features())) > 0.96
    assert accuracy(given) > accuracy(keras_outputs(small_model(), features())) - 0.03
    assert aware.kept() == {}


def test_before_any_step_it_computes_almost_what_the_model_does():
    aware = quantization_aware(small_model(), EXAMPLES)
    given, expected = keras_outputs(aware.model, features()), keras_outputs(small_model(), features())
    assert same_class(given, expected) > 0.97
    assert np.abs(given - expected).mean() < 0.03 * np.abs(expected).max()


def test_plain_training_after_pruning_loses_the_zeros(plain_scheme, tmp_path):
    _, kernels = trained(half_pruned(), tmp_path / "model.tflite")
    assert max(zeros(kernels).values()) < 0.3


def test_after_pruning_the_file_has_the_zeros(tmp_path):
    aware, kernels = trained(half_pruned(), tmp_path / "model.tflite")
    assert min(zeros(kernels).values()) >= 0.49
    assert list(aware.kept()) == KERNELS
    stripped = aware.strip()
    assert min(form.sparsity for form in kernel_forms(stripped).values()) >= 0.49
    assert same_class(tflite_outputs(tmp_path / "model.tflite", features()), keras_outputs(stripped, features())) > 0.96
    save_model(stripped, tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(keras_outputs(loaded, features()), keras_outputs(stripped, features()))


def test_plain_training_after_clustering_leaves_many_values(plain_scheme, tmp_path):
    _, kernels = trained(clustered(), tmp_path / "model.tflite")
    found = most_values(kernels)
    assert min(found["dense"], found["logits"]) > 50


def test_after_clustering_the_file_has_the_few_values(tmp_path):
    aware, kernels = trained(clustered(), tmp_path / "model.tflite")
    assert max(most_values(kernels).values()) <= CLUSTERS
    assert not any("kernel:0" in weight.name for weight in aware.model.trainable_weights)
    moved = [
        np.mean(aware.strip().get_layer(name).kernel.numpy() != clustered().get_layer(name).kernel.numpy())
        for name in KERNELS
    ]
    assert min(moved) > 0.9


def test_after_pruning_and_clustering_the_file_has_both(tmp_path):
    _, kernels = trained(pruned_and_clustered(), tmp_path / "model.tflite")
    assert min(zeros(kernels).values()) >= 0.49
    assert max(most_values(kernels).values()) <= CLUSTERS
    assert accuracy(tflite_outputs(tmp_path / "model.tflite", features())) > 0.85


def test_a_layer_that_was_not_pruned_does_not_end_the_keeping_in_those_behind_it(tmp_path):
    model = pruned(small_model(), exclude=["conv_1"])
    aware, kernels = trained(model, tmp_path / "model.tflite")
    assert list(aware.kept()) == ["dense", "logits"]
    found = zeros(kernels)
    assert min(found["dense"], found["logits"]) >= 0.49
    assert found["conv_1"] < 0.2


def test_an_excluded_layer_is_in_float32_in_the_file(tmp_path):
    aware, kernels = trained(half_pruned(), tmp_path / "model.tflite", exclude=["dense"])
    assert {name: kind for name, (kind, _) in kernels.items()} == {
        "conv_1": "INT8",
        "dense": "FLOAT32",
        "logits": "INT8",
    }
    assert list(aware.kept()) == ["conv_1", "logits"]
    given = tflite_outputs(tmp_path / "model.tflite", features())
    assert same_class(given, keras_outputs(aware.strip(), features())) > 0.96


def test_the_same_training_gives_the_same_bytes(tmp_path):
    contents = []
    for _ in range(2):
        model = pruned_and_clustered()
        determinism.start(5)
        trained(model, tmp_path / "model.tflite")
        contents.append((tmp_path / "model.tflite").read_bytes())
    assert contents[0] == contents[1]


def test_plain_sgd_does_not_throw_shared_values_off():
    aware = quantization_aware(pruned_and_clustered(), EXAMPLES)
    aware.model.compile(SGD(0.02, momentum=0.9), **objective("classification"))
    data = digits().train
    history = aware.model.fit(data.features.astype(np.float32), data.labels, 32, verbose=0).history
    assert history["loss"][-1] < 0.8

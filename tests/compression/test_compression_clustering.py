import numpy as np
import pytest
import tensorflow_model_optimization as tfmot
from collaborative_cases import (
    CLUSTERS,
    KERNELS,
    accuracy,
    clustered,
    features,
    half_pruned,
    pruned,
    pruned_and_clustered,
    small_model,
)
from compression_cases import compiled, fitted
from odd_models import Subclassed, nested
from real_data import digits

from pipeline.compression.clustering import INITIALIZATIONS, clusterable, clusterable_layers, distinct_weights, strip
from pipeline.compression.keep_sparsity import KeepSparsity
from pipeline.compression.weight_form import kernel_forms
from pipeline.keras import keras
from pipeline.models.files import load_model, save_model, weights_digest
from pipeline.optimizers import SGD
from pipeline.training.objective import objective


def test_each_layer_ends_with_as_many_values_as_clusters_and_classifies_as_before():
    assert distinct_weights(clustered(), KERNELS) == dict.fromkeys(KERNELS, CLUSTERS)
    assert accuracy(clustered()(features()).numpy()) > accuracy(small_model()(features()).numpy()) - 0.06
    pairs = zip(clustered().layers, small_model().layers, strict=True)
    assert all((one.name, type(one)) == (two.name, type(two)) for one, two in pairs)


@pytest.mark.parametrize("initialization", list(INITIALIZATIONS))
def test_every_initialization_has_its_number_of_values_from_the_start(initialization):
    made = strip(clusterable(small_model(), 6, initialization=initialization))
    assert max(distinct_weights(made, KERNELS).values()) == 6
    sparse = strip(clusterable(half_pruned(), 6, initialization=initialization))
    forms = kernel_forms(sparse)
    assert max(form.distinct for form in forms.values()) <= 6
    assert min(form.sparsity for form in forms.values()) >= 0.5


def test_layers_have_numbers_of_their_own_or_none():
    made = strip(clusterable(small_model(), 16, exclude=["conv_1"], per_layer={"logits": 4}))
    conv = len(np.unique(small_model().get_layer("conv_1").kernel))
    assert distinct_weights(made, KERNELS) == {"conv_1": conv, "dense": 16, "logits": 4}
    assert clusterable_layers(small_model(), 16, exclude=["conv_1"], per_layer={"logits": 4}) == {
        "dense": 16,
        "logits": 4,
    }


def test_a_layer_with_no_more_weights_than_clusters_is_passed_over():
    assert list(clusterable_layers(small_model(), 72)) == ["dense", "logits"]
    assert list(clusterable_layers(half_pruned(), 36)) == ["dense", "logits"]
    with pytest.raises(ValueError, match="cnn: no layer to cluster; accepted: Dense and Conv2D layers with more than"):
        clusterable(small_model(), 100_000)


def test_zeros_of_a_pruned_model_stay_and_zero_is_one_of_the_values():
    forms = kernel_forms(pruned_and_clustered())
    assert {name: form.distinct for name, form in forms.items()} == dict.fromkeys(KERNELS, CLUSTERS)
    for name, form in forms.items():
        assert form.sparsity >= 0.5
        was_zero = half_pruned().get_layer(name).kernel.numpy() == 0
        assert (pruned_and_clustered().get_layer(name).kernel.numpy()[was_zero] == 0).all()


def test_plain_clustering_of_a_pruned_model_would_move_its_zeros():
    layer = pruned(small_model()).get_layer("dense")
    wrapped = tfmot.clustering.keras.cluster_weights(layer, CLUSTERS)
    inputs = keras.Input(layer.input.shape[1:])
    model = compiled(keras.Sequential([inputs, wrapped]))
    model.fit(np.ones((64, layer.kernel.shape[0])) * 2, np.arange(64) % 24, 8, verbose=0)
    assert np.mean(strip(model).layers[-1].kernel.numpy() == 0) == 0


def test_a_pruned_layer_that_is_not_clustered_keeps_its_zeros_through_the_callback():
    wrapped = clusterable(half_pruned(), CLUSTERS, exclude=["dense"])
    keep = KeepSparsity(wrapped)
    assert keep.layers == ["dense"]
    made = strip(fitted(wrapped, digits(), 1, keep))
    assert kernel_forms(made)["dense"].sparsity == 0.5
    assert kernel_forms(made)["dense"].distinct > 100


def test_the_model_is_left_alone_and_the_result_survives_its_file(tmp_path):
    before = (weights_digest(small_model()), small_model().get_config())
    fitted(clusterable(small_model(), 4), digits(), 1)
    assert (weights_digest(small_model()), small_model().get_config()) == before
    assert not any("Cluster" in type(layer).__name__ for layer in small_model().layers)
    save_model(clustered(), tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(features()[:9]), clustered()(features()[:9]))


def still_trains(wrapped):
    """Whether batch normalization moves and Dropout drops."""
    norm = wrapped.get_layer(next(layer.name for layer in wrapped.layers if "norm_1" in layer.name))
    before = [weight.numpy() for weight in norm.weights if "moving" in weight.name]
    fitted(wrapped, digits(), 1)
    after = [weight.numpy() for weight in norm.weights if "moving" in weight.name]
    moved = all((one != two).all() for one, two in zip(before, after, strict=True))
    one, two = (wrapped(features()[:20], training=True).numpy() for _ in range(2))
    return moved, bool((one != two).any())


def test_batch_norm_and_dropout_go_on_training():
    assert still_trains(clusterable(small_model(), CLUSTERS)) == (True, True)


def test_of_a_whole_model_tfmot_would_stop_both():
    copy = keras.models.clone_model(small_model())
    copy.set_weights(small_model().get_weights())
    assert still_trains(tfmot.clustering.keras.cluster_weights(copy, CLUSTERS)) == (False, False)


def test_plain_sgd_does_not_throw_the_values_off():
    wrapped = clusterable(small_model(), CLUSTERS)
    wrapped.compile(SGD(0.05, momentum=0.9), **objective("classification"))
    data = digits().train
    history = wrapped.fit(data.features.astype(np.float32), data.labels, 32, verbose=0).history
    assert history["loss"][-1] < 1.0


@pytest.mark.parametrize(
    ("build", "options", "said"),
    [
        (Subclassed, {}, "subclassed: clustering takes functional and sequential models, not a subclassed one"),
        (nested, {}, "inner: clustering does not take a model inside a model; flatten it first"),
        (small_model, {"exclude": ["x"]}, "exclude names x, which is no layer to cluster; accepted: conv_1, dense, l"),
        (small_model, {"per_layer": {"norm_1": 4}}, "per_layer names norm_1, which is no layer to cluster; accepted"),
        (small_model, {"per_layer": {"dense": 2}}, "2 clusters for dense; accepted: 3 or more"),
        (small_model, {"initialization": "best"}, "initialization=best; accepted: linear, density, random, kmeans"),
        (small_model, {"exclude": KERNELS}, "cnn: no layer to cluster; accepted: Dense and Conv2D layers with more"),
    ],
)
def test_what_cannot_be_clustered_is_refused_with_one_line(build, options, said):
    with pytest.raises(ValueError, match=f"^{said}"):
        clusterable(build(), CLUSTERS, **options)

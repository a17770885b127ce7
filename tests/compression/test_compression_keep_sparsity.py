import numpy as np
from collaborative_cases import KERNELS, copied, half_pruned, pruned, small_model
from compression_cases import fitted
from real_data import digits

from pipeline.compression.keep_sparsity import KeepSparsity
from pipeline.compression.weight_form import kernel_forms, weight_form
from pipeline.keras import keras


def zeros(model):
    return {name: model.get_layer(name).kernel.numpy() == 0 for name in KERNELS}


def test_plain_fine_tuning_loses_the_zeros_and_the_callback_keeps_these_very_ones():
    before = zeros(half_pruned())
    lost = fitted(copied(half_pruned()), digits(), 1)
    assert max(form.sparsity for form in kernel_forms(lost).values()) < 0.3
    kept = copied(half_pruned())
    start = [weight.copy() for weight in kept.get_weights()]
    keep = KeepSparsity(kept)
    assert keep.layers == KERNELS
    fitted(kept, digits(), 1, keep)
    for name, places in zeros(kept).items():
        np.testing.assert_array_equal(places, before[name])
    changed = [np.mean(new != old) for new, old in zip(kept.get_weights(), start, strict=True) if new.size > 10]
    assert min(changed) > 0.4


def test_a_layer_that_was_not_pruned_is_left_to_train():
    model = pruned(small_model(), exclude=["dense"])
    keep = KeepSparsity(model)
    assert keep.layers == ["conv_1", "logits"]
    assert KeepSparsity(small_model()).layers == []


def test_both_halves_of_a_separable_convolution_are_watched():
    layers = [keras.Input((8, 8, 2)), keras.layers.SeparableConv2D(4, 3, name="separable"), keras.layers.Flatten()]
    model = keras.Sequential(layers)
    depthwise, pointwise, bias = model.layers[0].get_weights()
    model.layers[0].set_weights([depthwise * (np.arange(9).reshape(3, 3, 1, 1) % 2), pointwise, bias])
    assert KeepSparsity(model).layers == ["separable"]


def test_the_form_of_a_kernel():
    noise = np.random.default_rng(0)
    dense = noise.normal(size=(40, 20))
    few = np.sign(dense) * np.where(np.abs(dense) > 1, 0.5, 0.25)
    plain, sparse = weight_form(dense), weight_form(np.where(np.abs(dense) < 0.5, 0, dense))
    shared, both = weight_form(few), weight_form(np.where(np.abs(dense) < 0.5, 0, few))
    assert [(each.sparse, each.clustered) for each in (plain, sparse, shared, both)] == [
        (False, False),
        (True, False),
        (False, True),
        (True, True),
    ]
    assert [each.distinct for each in (plain, shared, both)] == [800, 4, 5]
    assert sparse.sparsity == np.mean(np.abs(dense) < 0.5)


def test_a_small_kernel_is_not_clustered_for_having_few_weights():
    assert not weight_form(np.arange(1.0, 9.0)).clustered
    assert not weight_form(np.zeros(100)).clustered
    assert weight_form(np.zeros(100)).sparse

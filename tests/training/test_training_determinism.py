import numpy as np
import pytest
import tensorflow_model_optimization as tfmot
from training_cases import build

from pipeline.keras import keras, tf
from pipeline.training.determinism import SeedEachEpoch, random_generators, start


def seeded(model, seed, epoch):
    callback = SeedEachEpoch(seed)
    callback.set_model(model)
    callback.on_epoch_begin(epoch)
    return [generator.state.numpy().tolist() for generator in random_generators(model)]


def dropouts():
    layers = [keras.Input((50,)), keras.layers.Dropout(0.5), keras.layers.GaussianNoise(1.0), keras.layers.Dense(2)]
    return keras.Sequential(layers)


def test_start_gives_the_same_first_weights_and_names():
    first, second, other = (build(seed)[0] for seed in (1, 1, 2))
    for one, two in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    assert any((one != two).any() for one, two in zip(first.get_weights(), other.get_weights(), strict=True))
    names = []
    for _ in range(2):
        start(1)
        names.append([layer.name for layer in dropouts().layers])
    assert names[0] == names[1] == ["dropout", "gaussian_noise", "dense"]


def test_every_random_layer_has_its_own_seed_that_depends_on_seed_and_epoch():
    start(0)
    model = dropouts()
    states = [seeded(model, seed, epoch) for seed in (0, 1) for epoch in (0, 1)]
    assert [len(each) for each in states] == [2, 2, 2, 2]
    assert len({str(state) for each in states for state in each}) == 8
    model(np.ones((3, 50), np.float32), training=True)
    assert seeded(model, 0, 1) == states[1]


def test_the_largest_seed_and_a_late_epoch_fit():
    start(0)
    assert len(seeded(dropouts(), 2**31 - 1, 100_000)) == 2


def test_reseeding_reaches_a_traced_function():
    start(0)
    model = dropouts()
    drop = tf.function(lambda: model.layers[0](tf.ones((1, 50)), training=True))
    seeded(model, 5, 0)
    first, second = drop().numpy(), drop().numpy()
    seeded(model, 5, 0)
    np.testing.assert_array_equal(drop(), first)
    assert (first != second).any()


@pytest.mark.parametrize("pruned", [False, True])
def test_dropout_is_found(pruned):
    model = build(0, pruned=pruned)[0]
    (found,) = random_generators(model)
    assert found is model.get_layer("dropout")._random_generator._generator


def test_dropout_is_found_inside_a_pruning_wrapper():
    start(0)
    model = tfmot.sparsity.keras.prune_low_magnitude(
        keras.Sequential([keras.Input((5,)), keras.layers.Dense(4), keras.layers.Dropout(0.5)])
    )
    assert type(model.layers[1]).__name__ == "PruneLowMagnitude"
    assert random_generators(model) == [model.layers[1].layer._random_generator._generator]

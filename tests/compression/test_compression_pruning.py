import numpy as np
import pytest
import tensorflow_model_optimization as tfmot
from compression_cases import compiled, digits_model, fitted, mixed_model
from odd_models import Subclassed, nested, used_twice
from real_data import digits, mixed

from pipeline.compression.pruning import kernel_sparsity, prunable, prunable_layers, strip
from pipeline.compression.pruning_schedules import UPDATES, polynomial_schedule
from pipeline.keras import keras
from pipeline.models.files import weights_digest

KERNELS = ["conv_1", "conv_2", "dense", "logits"]


def fixed_schedule(sparsity=0.5, steps=6):
    return polynomial_schedule(steps, initial_sparsity=0.0, final_sparsity=sparsity, end=1.0)


def prune(model, schedule, *, epochs=1, **options):
    wrapped = prunable(model, schedule, **options)
    fitted(wrapped, digits(), epochs, tfmot.sparsity.keras.UpdatePruningStep())
    return wrapped, strip(wrapped)


def small(steps, schedule):
    """A tiny model pruned for that many steps of one example each."""
    keras.utils.set_random_seed(0)
    layers = [keras.Input((20,)), keras.layers.Dense(10, name="hidden"), keras.layers.Dense(3, name="logits")]
    model = keras.Sequential(layers)
    wrapped = compiled(prunable(model, schedule))
    rows = np.random.default_rng(0).normal(size=(steps, 20)).astype(np.float32)
    wrapped.fit(rows, np.arange(steps) % 3, 1, verbose=0, callbacks=[tfmot.sparsity.keras.UpdatePruningStep()])
    return strip(wrapped)


@pytest.mark.parametrize(
    ("steps", "end", "final"),
    [(1, 1.0, 0.5), (2, 0.5, 0.9), (3, 1.0, 0.5), (7, 0.5, 0.9), (53, 0.9, 0.5), (150, 0.75, 0.9), (260, 0.8, 0.5)],
)
def test_the_final_sparsity_is_reached(steps, end, final):
    pruned = small(steps, polynomial_schedule(steps, initial_sparsity=0.0, final_sparsity=final, end=end))
    names = prunable_layers(pruned)
    kept = {name: round(float(np.prod(pruned.get_layer(name).kernel.shape)) * (1 - final)) for name in names}
    zeros = kernel_sparsity(pruned, names)
    expected = {name: 1 - kept[name] / float(np.prod(pruned.get_layer(name).kernel.shape)) for name in names}
    assert zeros == pytest.approx(expected, abs=1e-6)
    assert all((pruned.get_layer(name).bias.numpy() != 0).any() for name in names)


def test_a_span_that_is_no_multiple_of_the_frequency_does_not_reach_it():
    schedule = tfmot.sparsity.keras.PolynomialDecay(0.0, 0.5, begin_step=0, end_step=15, frequency=10)
    assert max(kernel_sparsity(small(18, schedule), ["hidden", "logits"]).values()) < 0.499


@pytest.mark.parametrize("end", [0.01, 0.29, 0.5, 0.7, 0.99, 1.0])
def test_the_span_is_a_multiple_of_the_frequency_and_ends_in_time(end):
    for steps in (*range(1, 260), 1000, 4321, 100_000, 1_234_567):
        schedule = polynomial_schedule(steps, initial_sparsity=0.1, final_sparsity=0.8, end=end)
        assert schedule.begin_step == 0
        assert schedule.end_step % schedule.frequency == 0
        assert 1 <= schedule.end_step <= max(1, steps * end)
        assert schedule.end_step < 2 * UPDATES * schedule.frequency
        assert schedule.end_step > 0.97 * (steps * end - 2) - 1


def test_sparsity_goes_from_the_initial_to_the_final_one():
    schedule = polynomial_schedule(200, initial_sparsity=0.1, final_sparsity=0.8, end=0.5)
    at = [schedule(np.int64(step)) for step in (0, schedule.end_step // 2, schedule.end_step, 200)]
    middle = 0.8 - 0.7 * (1 - (schedule.end_step // 2) / schedule.end_step) ** 3
    assert [float(sparsity) for _, sparsity in at] == pytest.approx([0.1, middle, 0.8, 0.8])
    assert [bool(turn) for turn, _ in at][2:] == [True, False]


def test_the_model_is_left_alone_and_can_be_pruned_again():
    model = digits_model()
    before = (weights_digest(model), model.get_config(), [id(layer) for layer in model.layers])
    sparsities = []
    for sparsity in (0.5, 0.8):
        _, pruned = prune(model, fixed_schedule(sparsity))
        sparsities.append(min(kernel_sparsity(pruned, KERNELS).values()))
        assert (weights_digest(model), model.get_config(), [id(layer) for layer in model.layers]) == before
        assert not any("Prune" in type(layer).__name__ for layer in model.layers)
        shared = {id(weight) for weight in model.weights} & {id(weight) for weight in pruned.weights}
        assert not shared
    assert sparsities == pytest.approx([0.5, 0.8], abs=0.01)
    twice = prune(pruned, fixed_schedule(0.9))[1]
    assert min(kernel_sparsity(twice, KERNELS).values()) == pytest.approx(0.9, abs=0.01)
    assert max(kernel_sparsity(model, KERNELS).values()) == 0


def test_stripped_the_model_is_the_same_but_for_its_zeros():
    model = digits_model()
    wrapped, pruned = prune(model, fixed_schedule(0.6), exclude=["logits"])
    assert pruned.get_config() == {**model.get_config(), "name": pruned.name}
    assert [type(layer) for layer in pruned.layers] == [type(layer) for layer in model.layers]
    assert kernel_sparsity(pruned, ["logits"]) == {"logits": 0.0}
    assert prunable_layers(model, ["logits"]) == ["conv_1", "conv_2", "dense"]
    batch = digits().test.features[:50].astype(np.float32)
    np.testing.assert_array_equal(wrapped(batch, training=False), pruned(batch, training=False))
    for name in ("conv_1", "conv_2", "dense"):
        layer = wrapped.get_layer(f"prune_low_magnitude_{name}")
        mask = next(weight.numpy() for weight in layer.weights if "mask" in weight.name)
        np.testing.assert_array_equal(pruned.get_layer(name).kernel.numpy() == 0, mask == 0)
    accuracy = np.mean(pruned(digits().test.features.astype(np.float32)).numpy().argmax(1) == digits().test.labels)
    assert accuracy > 0.85


def test_of_a_table_with_categories_the_kernels_are_pruned_and_the_vectors_are_not():
    model = mixed_model()
    wrapped = prunable(model, fixed_schedule(steps=40))
    fitted(wrapped, mixed(), 1, tfmot.sparsity.keras.UpdatePruningStep())
    pruned = strip(wrapped)
    assert kernel_sparsity(pruned, prunable_layers(model)) == pytest.approx({"dense_1": 0.5, "logits": 0.5}, abs=0.01)
    for layer in pruned.layers:
        if isinstance(layer, keras.layers.Embedding):
            assert (layer.embeddings.numpy()[1:] != 0).all()
    assert np.mean(pruned(mixed().test.features).numpy().argmax(1) == mixed().test.labels) > 0.9


def test_batch_norm_and_dropout_go_on_training():
    wrapped = prunable(digits_model(), fixed_schedule())
    norm = wrapped.get_layer("norm_1")
    before = [norm.moving_mean.numpy(), norm.moving_variance.numpy()]
    fitted(wrapped, digits(), 1, tfmot.sparsity.keras.UpdatePruningStep())
    assert (norm.moving_mean.numpy() != before[0]).all()
    assert (norm.moving_variance.numpy() != before[1]).all()
    batch = digits().test.features[:5].astype(np.float32)
    hidden = keras.Model(wrapped.input, wrapped.get_layer("dropout").get_output_at(-1))
    assert (hidden(batch, training=True).numpy() != hidden(batch, training=False).numpy()).any()


def test_separable_depthwise_and_transposed_convolutions():
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(4, 3, name="conv"),
            layers.SeparableConv2D(4, 3, name="separable"),
            layers.DepthwiseConv2D(3, name="depthwise"),
            layers.Conv2DTranspose(4, 2, name="transposed"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(10, name="dense"),
        ]
    )
    assert prunable_layers(model) == ["conv", "transposed", "dense"]
    pruned = prune(model, fixed_schedule())[1]
    assert kernel_sparsity(pruned, ["conv", "transposed", "dense"]) == pytest.approx(
        {"conv": 0.5, "transposed": 0.5, "dense": 0.5}, abs=0.02
    )
    for name in ("separable", "depthwise"):
        for weight in pruned.get_layer(name).get_weights()[:-1]:
            assert (weight != 0).all()


def test_a_layer_used_twice_is_pruned_once():
    wrapped = compiled(prunable(used_twice(), fixed_schedule(steps=2)))
    assert [layer.name for layer in wrapped.layers].count("prune_low_magnitude_twice") == 1


def functional():
    inputs = keras.Input((4,), name="x")
    return keras.Model(inputs, keras.layers.Dense(2, name="only")(inputs), name="model")


@pytest.mark.parametrize(
    ("build", "exclude", "said"),
    [
        (Subclassed, [], "subclassed: pruning takes functional and sequential models, not a subclassed one"),
        (nested, [], "inner: pruning does not take a model inside a model; flatten it first"),
        (functional, ["only"], "model: no layer to prune; accepted: Dense and Conv2D layers that are not excluded"),
        (functional, ["onyl"], "exclude names onyl, which is no layer; accepted: x, only, Dense, Conv2D"),
    ],
)
def test_what_cannot_be_pruned_is_refused_with_one_line(build, exclude, said):
    keras.backend.clear_session()
    with pytest.raises(ValueError, match=f"^{said}$"):
        prunable(build(), fixed_schedule(), exclude=exclude)

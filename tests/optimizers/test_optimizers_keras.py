"""Inside Keras: `fit`, files, mixed precision, XLA, custom loops, and two Horovod ranks."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from optimizer_cases import OURS, far

from pipeline.keras import keras, tf

STATES = {
    "sgd": ("sgd", {"momentum": 0.875, "nesterov": True}),
    "sgd, int8": ("sgd", {"momentum": 0.875, "state_dtype": "int8"}),
    "adam": ("adam", {"amsgrad": True, "weight_decay": 0.01}),
    "adam, bfloat16": ("adam", {"state_dtype": "bfloat16", "use_ema": True}),
    "adam, int8": ("adam", {"state_dtype": "int8"}),
    "adam, two at a time": ("adam", {"gradient_accumulation_steps": 2}),
}
states = pytest.mark.parametrize(("kind", "options"), STATES.values(), ids=STATES)


@pytest.fixture(autouse=True)
def seeded():
    keras.backend.clear_session()
    keras.utils.set_random_seed(0)


def network(units=300):
    layers = keras.layers
    return keras.Sequential(
        [layers.Input((256,)), layers.Dense(units, "relu"), layers.BatchNormalization(), layers.Dense(3)]
    )


def batches(count=4):
    noise = np.random.default_rng(0)
    inputs = noise.normal(size=(16 * count, 256)).astype("float32")
    return tf.data.Dataset.from_tensor_slices((inputs, inputs[:, :3].argmax(1))).batch(16)


def compiled(kind, options, **settings):
    model = network()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(OURS[kind](0.01, **options), loss, **settings)
    return model


@states
def test_a_saved_model_goes_on_as_if_it_had_not_been_saved(kind, options, tmp_path):
    model = compiled(kind, options)
    model.fit(batches(), epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert type(again.optimizer) is OURS[kind]
    for each in (model, again):
        each.fit(batches(), epochs=1, verbose=0)
    assert far(again.get_weights(), model.get_weights()) == 0
    assert int(again.optimizer.iterations) == int(model.optimizer.iterations)


@states
def test_a_checkpoint_restores_the_state(kind, options, tmp_path):
    model, other = compiled(kind, options), compiled(kind, options)
    model.fit(batches(), epochs=2, verbose=0)
    path = tf.train.Checkpoint(model=model, optimizer=model.optimizer).write(str(tmp_path / "state"))
    other.optimizer.build(other.trainable_variables)
    tf.train.Checkpoint(model=other, optimizer=other.optimizer).read(path).assert_existing_objects_matched()
    for each in (model, other):
        each.fit(batches(), epochs=1, verbose=0)
    assert far(other.get_weights(), model.get_weights()) == 0


@pytest.mark.parametrize("kind", OURS)
@pytest.mark.parametrize("own", [{}, {"state_dtype": "bfloat16"}, {"state_dtype": "int8"}], ids=str)
def test_a_step_that_xla_compiles_does_what_the_kernels_do(kind, own):
    options = {**own, **({"momentum": 0.875} if kind == "sgd" else {"amsgrad": True})}
    ends = []
    for settings in ({"jit_compile": False}, {"jit_compile": True}):
        keras.utils.set_random_seed(0)
        model = compiled(kind, options, **settings)
        model.fit(batches(), epochs=2, verbose=0, shuffle=False)
        ends.append(model.get_weights())
    # Rounded at random, a difference in the last bit becomes another draw.
    assert far(*ends) < {"bfloat16": 2e-2, "int8": 0.2}.get(own.get("state_dtype"), 1e-4)


@pytest.mark.parametrize("kind", OURS)
@pytest.mark.parametrize("jit_compile", [True, False])
def test_the_optimizers_own_jit_compile_changes_nothing_without_a_gpu(kind, jit_compile):
    model = compiled(kind, {"jit_compile": jit_compile})
    history = model.fit(batches(), epochs=3, verbose=0).history["loss"]
    assert history[-1] < history[0]
    assert model.optimizer.jit_compile is False


@states
def test_mixed_precision_with_loss_scaling_follows_float32(kind, options):
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        model = network()
        scaled = keras.mixed_precision.LossScaleOptimizer(OURS[kind](0.01, **options))
        model.compile(scaled, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        history = model.fit(batches(), epochs=6, verbose=0).history["loss"]
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert history[-1] < 0.7 * history[0]
    assert all(each.dtype == tf.float32 for each in model.trainable_variables)
    assert float(scaled.loss_scale) > 1


@states
def test_a_custom_loop_does_what_fit_does(kind, options):
    model = compiled(kind, options)
    first = model.get_weights()
    model.fit(batches(), epochs=1, verbose=0, shuffle=False)
    fitted = [each.numpy() for each in model.trainable_variables]
    model.set_weights(first)
    optimizer, loss = OURS[kind](0.01, **options), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer.build(model.trainable_variables)
    for inputs, labels in batches():
        with tf.GradientTape() as tape:
            value = loss(labels, model(inputs, training=True))
        optimizer.minimize(value, model.trainable_variables, tape)
    optimizer.finalize_variable_values(model.trainable_variables)
    # A graph and eager steps may differ in a last bit, which turns a random rounding of narrow state here and there.
    bound = 1e-2 if "state_dtype" in options else 1e-4
    assert far([each.numpy() for each in model.trainable_variables], fitted) < bound


RANKS = """
import json, sys
import numpy as np
from pipeline.keras import keras, tf
from pipeline.optimizers import SGD, Adam
ranks, rank, wrap = int(sys.argv[1]), 0, lambda optimizer: optimizer
if ranks > 1:
    import horovod.tensorflow.keras as hvd
    hvd.init()
    assert hvd.size() == ranks
    rank, wrap = hvd.rank(), hvd.DistributedOptimizer
noise = np.random.default_rng(0)
inputs = noise.normal(size=(320, 256)).astype("float32")
labels = inputs[:, :3].argmax(1)
own = np.arange(320).reshape(-1, ranks, 16 // ranks)[:, rank].ravel()
for place, (kind, options) in enumerate(json.loads(sys.argv[2])):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Input((256,)), keras.layers.Dense(300, "relu"), keras.layers.Dense(3)])
    optimizer = wrap({"sgd": SGD, "adam": Adam}[kind](0.01, **options))
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    data = tf.data.Dataset.from_tensor_slices((inputs[own], labels[own])).batch(16 // ranks)
    model.fit(data, epochs=3, verbose=0)
    if rank == 0:
        np.savez(f"{sys.argv[3]}/{ranks}-{place}.npz", *model.get_weights())
"""
TOGETHER = [
    ("sgd", {"momentum": 0.875, "weight_decay": 0.125, "weight_decay_exclusions": ["bias"]}),
    ("adam", {}),
    ("adam", {"clipnorm": 0.25, "gradient_accumulation_steps": 2}),
]
HOROVODRUN = Path(sys.executable).with_name("horovodrun")


@pytest.mark.skipif(not HOROVODRUN.is_file(), reason="Horovod is not installed: uv sync --extra horovod")
def test_two_ranks_take_the_steps_of_one_on_the_joint_batch(tmp_path):
    script = tmp_path / "train.py"
    script.write_text(RANKS)
    for ranks in (1, 2):
        launcher = [] if ranks == 1 else [str(HOROVODRUN), "-np", "2", "-H", "localhost:2"]
        command = [*launcher, sys.executable, script, str(ranks), json.dumps(TOGETHER), tmp_path]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr[-2000:]
    for place, case in enumerate(TOGETHER):
        with np.load(tmp_path / f"1-{place}.npz") as one, np.load(tmp_path / f"2-{place}.npz") as two:
            assert far([two[name] for name in two.files], [one[name] for name in one.files]) < 2e-6, case

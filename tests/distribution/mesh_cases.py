"""What the tests of model parallelism train, in one process of several logical devices.

python mesh_cases.py FOLDER    writes FOLDER/results.json
"""

import json
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np

STEPS, BATCH, SEED = 10, 16, 3
MESHES = {"1x2": (1, 2), "2x1": (2, 1), "2x2": (2, 2)}
EQUAL = [
    ("mlp", "sgd", "2x2"),
    ("cnn", "adam", "2x2"),
    ("cnn", "sgd", "1x2"),
    ("mlp", "adamw", "2x1"),
]
LAYOUTS = {
    "by units, by channels": {
        "hidden_1/kernel": (None, "model"),
        "hidden_1/bias": ("model",),
        "conv_2/kernel": (None, None, "model", None),
    },
    "by inputs, by filters over both axes": {
        "hidden_1/kernel": ("model", None),
        "conv_2/kernel": (None, None, "batch", "model"),
        "conv_2/bias": ("model",),
    },
    "over both axes": {"hidden_1/kernel": ("batch", "model"), "conv_2/bias": ("batch",)},
    "over both axes, turned": {"hidden_1/kernel": ("model", "batch"), "hidden_1/bias": ("batch",)},
    "over the batch axis, biases alone": {"hidden_1/bias": ("model",), "logits/kernel": ("batch", None)},
}
GOALS = ("layers", "weights", "soft", "multi_label", "regression", "distillation")
SCHEDULES = {
    "step": {"factor": 0.5, "every": 0.2},
    "exponential": {"final": 0.1},
    "cosine": {"final": 0.1},
    "cosine_restarts": {"cycles": 3, "lengthen": 2.0, "decay": 0.5},
    "polynomial": {"power": 2.0, "final": 0.1},
    "one_cycle": {"start": 0.1, "rise": 0.3, "final": 0.1},
}


@cache
def digits():
    import real_data

    part = real_data.digits().train
    count = STEPS * BATCH
    return part.features[:count].astype(np.float32), part.labels[:count].astype(np.int32)


def mlp(dropout=0.2):
    from pipeline.keras import keras

    features = keras.Input((8, 8, 1))
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 16)(features))
    x = keras.layers.Dense(32, activation="relu", name="hidden_1")(x)
    x = keras.layers.Dense(16, activation="relu", name="hidden_2")(x)
    x = keras.layers.Dropout(dropout)(x)
    return keras.Model(features, keras.layers.Dense(10, name="logits")(x), name="mlp")


def cnn(dropout=0.2):
    from pipeline.keras import keras

    features = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(8, 3, padding="same", use_bias=False, name="conv_1")(
        keras.layers.Rescaling(1 / 16)(features)
    )
    x = keras.layers.BatchNormalization(momentum=0.9, name="norm_1")(x)
    x = keras.layers.MaxPooling2D()(keras.layers.ReLU()(x))
    x = keras.layers.Conv2D(16, 3, strides=2, padding="same", activation="relu", name="conv_2")(x)
    x = keras.layers.Dense(32, activation="relu", name="hidden_1")(keras.layers.Flatten()(x))
    x = keras.layers.Dropout(dropout)(x)
    return keras.Model(features, keras.layers.Dense(10, name="logits")(x), name="cnn")


def optimizer(name):
    from pipeline.optimizers import SGD, Adam

    return {
        "sgd": lambda: SGD(0.03, momentum=0.9, nesterov=True),
        "adam": lambda: Adam(0.003),
        "adamw": lambda: Adam(0.003, weight_decay=0.01, weight_decay_exclusions=["bias"], global_clipnorm=1.0),
    }[name]()


def engine(mesh=None, layouts=(), preset="dense_conv"):
    from pipeline.distribution.model_parallel import ModelParallel
    from pipeline.distribution.single import Single

    if mesh is None:
        return Single()
    batch, model = MESHES[mesh]
    return ModelParallel(batch=batch, model=model, layouts=layouts, preset=preset)


class Interruption(Exception):  # noqa: N818
    pass


def train(make, given, on, folder, *, stop=None, validated=False, epochs=1, steps=50):
    """Trains with the pipeline's own `fit`; returns the model and the history."""
    from pipeline.keras import keras, tf
    from pipeline.training import determinism
    from pipeline.training.fit import fit

    class Stop(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == stop:
                raise Interruption

    determinism.start(SEED)
    model = make()
    whole = tf.data.Dataset.from_tensor_slices(digits()).batch(BATCH)
    history = fit(
        model,
        lambda epoch: whole.repeat().take((epochs - epoch) * steps),
        (lambda: whole.unbatch().take(41).batch(BATCH)) if validated else None,
        optimizer=given,
        epochs=epochs,
        steps_per_epoch=steps,
        seed=SEED,
        state=folder,
        on_progress=lambda *_: None,
        distribution=on,
        callbacks=[Stop()],
    )
    return model, history


def farthest(one, other):
    return max(float(np.abs(a - b).max()) for a, b in zip(one.get_weights(), other.get_weights(), strict=True))


def equal(folder):
    """The largest difference of a weight after 50 steps, for each model, optimizer and mesh."""
    makes, alone, found = {"mlp": mlp, "cnn": cnn}, {}, {}
    for model, name, mesh in EQUAL:
        if (model, name) not in alone:
            alone[model, name] = train(makes[model], optimizer(name), engine(), folder / f"{model}-{name}")[0]
        trained, _ = train(makes[model], optimizer(name), engine(mesh), folder / f"{model}-{name}-{mesh}")
        found[f"{model} {name} {mesh}"] = farthest(trained, alone[model, name])
    return found


def resumed(folder):
    """A training that is interrupted after two epochs and goes on, beside one that isn't; both judged each epoch."""
    on = engine("2x2")
    through, history = train(cnn, optimizer("adam"), on, folder / "through", validated=True, epochs=4, steps=STEPS)
    with suppress(Interruption):
        train(cnn, optimizer("adam"), on, folder / "cut", stop=2, validated=True, epochs=4, steps=STEPS)
    kept = sorted(path.name for path in (folder / "cut" / "checkpoints").iterdir())
    again, later = train(cnn, optimizer("adam"), on, folder / "cut", validated=True, epochs=4, steps=STEPS)
    alone, plain = train(cnn, optimizer("adam"), engine(), folder / "alone", validated=True, epochs=4, steps=STEPS)
    return {
        "kept": kept,
        "same history": later == history,
        "difference": farthest(again, through),
        "from single": farthest(again, alone),
        "metrics from single": max(abs(a[k] - b[k]) for a, b in zip(history, plain, strict=True) for k in a),
        "metrics": sorted(history[0]),
        "memory": again.optimizer.memory(),
        "trained bytes": sum(4 * each.shape.num_elements() for each in again.trainable_variables),
        "iterations": int(again.optimizer.iterations),
    }


def parts():
    """Of some variables of a placed and built model: the shape of what lies on each device."""
    from pipeline.keras import tf

    placed, adam = engine("2x2").place(cnn(), optimizer("adam"))
    adam.build(placed.trainable_variables)
    unpack = tf.experimental.dtensor.unpack
    found = {
        f"{layer.name}/{each.name.rpartition('/')[2][:-2]}": each for layer in placed.layers for each in layer.weights
    }
    found |= {each.name[:-2]: each for each in adam.variables}
    return {
        name: [list(part.shape) for part in unpack(each.read_value())]
        for name, each in found.items()
        if each.shape.rank
    }


def short(make, mesh, *, layouts=(), preset="dense_conv", goal=None, arrays=None, given=None, steps=3):
    """The largest difference of a weight, and of a metric, after a few steps on a mesh and on one device."""
    from pipeline.keras import tf
    from pipeline.optimizers import SGD
    from pipeline.training import determinism
    from pipeline.training.objective import objective

    trained, told = [], []
    for on in (engine(mesh, layouts, preset), engine()):
        determinism.start(SEED)
        model = make()
        placed, rule = on.place(model, given() if given else SGD(0.1))
        with on.scope():
            placed.compile(rule, **(goal() if goal else objective("classification")))
        rule.build(placed.trainable_variables)
        batches = tf.data.Dataset.from_tensor_slices(arrays or digits()).take(BATCH).batch(BATCH)
        told.append(placed.fit(batches.repeat(steps), verbose=0).history)
        on.finish(placed, model)
        trained.append(model)
    metrics = max(abs(told[0][name][-1] - told[1][name][-1]) for name in told[1])
    return {"weights": farthest(*trained), "metrics": metrics}


def layouts():
    found = {}
    for name, rules in LAYOUTS.items():
        found[name] = short(lambda: cnn(dropout=0.0), "2x2", layouts=list(rules.items()), preset=None)
    return found


def many_layers():
    """A model of all layers that aren't in the others."""
    from pipeline.keras import keras

    kinds = keras.layers
    features = keras.Input((8, 8, 1))
    scaled = kinds.Normalization(mean=[4.0], variance=[9.0])(features)
    one, other = kinds.Conv2D(4, 3, padding="same")(scaled), kinds.Conv2D(4, 1)(kinds.ZeroPadding2D(1)(scaled))
    both = kinds.Add()([kinds.Activation("tanh")(one), kinds.MaxPooling2D(3, strides=1)(other)])
    images = kinds.Concatenate()([kinds.Multiply()([both, one]), kinds.Softmax()(both)])
    codes = kinds.Cropping1D((10, 50))(kinds.Reshape((64, 1))(features))
    dense = kinds.Dense(16)(kinds.Flatten()(scaled))
    parts = [
        kinds.GlobalAveragePooling2D()(images),
        kinds.GlobalMaxPooling2D()(images),
        kinds.Flatten()(kinds.Embedding(17, 4)(codes)),
        kinds.BatchNormalization()(dense),
        kinds.Dense(16, activation="softmax")(dense),
    ]
    x = kinds.Dense(8, activation="relu", kernel_regularizer="l2")(kinds.Concatenate()(parts))
    return keras.Model(features, kinds.Dense(10)(x))


def goals():
    from pipeline.compression.distillation import distillation_objective
    from pipeline.keras import keras
    from pipeline.training.objective import objective

    noise = np.random.default_rng(SEED)
    (features, labels), n = digits(), STEPS * BATCH
    weights = noise.random(n).astype(np.float32) * (noise.random(n) > 0.2)
    logits = noise.normal(size=(n, 10)).astype(np.float32)
    shares = noise.dirichlet(np.ones(10), n).astype(np.float32)
    several = noise.integers(0, 2, (n, 10)).astype(np.float32)
    numbers = noise.normal(size=n).astype(np.float32)

    def plain():
        return mlp(dropout=0.0)

    def number():
        inputs = keras.Input((8, 8, 1))
        x = keras.layers.Dense(16, activation="relu")(keras.layers.Flatten()(inputs))
        return keras.Model(inputs, keras.layers.Rescaling(2.0, 3.0)(keras.layers.Dense(1)(x)))

    taught = np.concatenate([labels[:, None].astype(np.float32), logits], axis=1)
    chosen = {
        "weights": (plain, lambda: objective("classification"), (features, labels, weights)),
        "soft": (plain, lambda: objective("classification", soft=True), (features, shares, weights)),
        "multi_label": (plain, lambda: objective("multi_label"), (features, several, weights)),
        "regression": (number, lambda: objective("regression", target_variance=4.0), (features / 16, numbers)),
        "distillation": (plain, lambda: distillation_objective(3.0, 0.5), (features, taught)),
        "layers": (many_layers, None, None),
    }
    return {name: short(make, "2x2", goal=goal, arrays=arrays) for name, (make, goal, arrays) in chosen.items()}


def schedules():
    """The largest difference of a weight after nine steps along a schedule of eight, for a gradient of ones."""
    from pipeline.keras import keras, tf
    from pipeline.optimizers import SGD
    from pipeline.optimizers.schedules import build_schedule

    features = keras.Input((2,))
    model = keras.Model(features, keras.layers.Dense(2, use_bias=False)(features))

    def reached(on, schedule):
        model.set_weights([np.zeros((2, 2), np.float32)])
        placed, rule = on.place(model, SGD(schedule))
        (kernel,) = placed.trainable_variables
        rule.build([kernel])
        step = tf.function(lambda: rule.apply_gradients([(kernel * 0.0 + 1.0, kernel)]))
        for _ in range(9):
            step()
        on.finish(placed, model)
        return model.get_weights()[0]

    found = {}
    for name, settings in SCHEDULES.items():
        schedule = build_schedule(name, 0.1, 8, warm_up=0.25, **settings)
        found[name] = float(np.abs(reached(engine("1x2"), schedule) - reached(engine(), schedule)).max())
    return found


def too_late():
    """What an engine of more devices says once TensorFlow has started."""
    from pipeline.distribution.model_parallel import ModelParallel

    try:
        ModelParallel(batch=2, model=4, preset="dense_conv")
    except ValueError as error:
        return str(error)
    return "nothing"


def main(folder):
    engine("2x2")  # claims the devices of the largest mesh
    results = {
        "equal": equal(folder),
        "resumed": resumed(folder),
        "parts": parts(),
        "layouts": layouts(),
        "goals": goals(),
        "schedules": schedules(),
        "too late": too_late(),
    }
    (folder / "results.json").write_text(json.dumps(results))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    main(Path(sys.argv[1]))

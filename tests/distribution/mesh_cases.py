"""What the tests of model parallelism train, in one process of several logical devices.

    python mesh_cases.py FOLDER    writes FOLDER/results.json
"""

import json
import sys
from functools import cache
from pathlib import Path

import numpy as np

STEPS, EPOCHS, BATCH, SEED = 10, 5, 16, 3
MESHES = {"1x2": (1, 2), "2x1": (2, 1), "2x2": (2, 2)}
MODELS = ("mlp", "cnn")
OPTIMIZERS = ("sgd", "adam", "adamw")
EQUAL = [
    *((model, optimizer, mesh) for model in MODELS for optimizer in ("sgd", "adam") for mesh in MESHES),
    ("mlp", "adamw", "2x2"),
]
LAYOUTS = {
    "dense by unit": {"hidden_1/kernel": (None, "model"), "hidden_1/bias": ("model",)},
    "dense by input": {"hidden_1/kernel": ("model", None)},
    "dense over the batch axis": {"hidden_1/kernel": ("batch", None)},
    "dense over both": {"hidden_1/kernel": ("batch", "model")},
    "dense over both, turned": {"hidden_1/kernel": ("model", "batch"), "hidden_1/bias": ("batch",)},
    "bias alone": {"hidden_1/bias": ("model",)},
    "convolution by channel": {"conv_2/kernel": (None, None, "model", None)},
    "convolution over both": {"conv_2/kernel": (None, None, "batch", "model"), "conv_2/bias": ("model",)},
}
LAYERS = (
    "Activation", "Add", "Concatenate", "Embedding", "GlobalAveragePooling2D", "GlobalMaxPooling2D", "Multiply",
    "Normalization", "Softmax", "ZeroPadding2D", "BatchNormalization of features", "softmax inside",
)  # fmt: skip
GOALS = ("weights", "soft", "multi_label", "regression", "distillation", "regularization")
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


def mlp():
    from pipeline.keras import keras

    features = keras.Input((8, 8, 1))
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 16)(features))
    x = keras.layers.Dense(32, activation="relu", name="hidden_1")(x)
    x = keras.layers.Dense(16, activation="relu", name="hidden_2")(x)
    x = keras.layers.Dropout(0.2)(x)
    return keras.Model(features, keras.layers.Dense(10, name="logits")(x), name="mlp")


def cnn():
    from pipeline.keras import keras

    features = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(8, 3, padding="same", use_bias=False, name="conv_1")(
        keras.layers.Rescaling(1 / 16)(features)
    )
    x = keras.layers.BatchNormalization(momentum=0.9, name="norm_1")(x)
    x = keras.layers.MaxPooling2D()(keras.layers.ReLU()(x))
    x = keras.layers.Conv2D(16, 3, strides=2, padding="same", activation="relu", name="conv_2")(x)
    x = keras.layers.Dense(32, activation="relu", name="hidden_1")(keras.layers.Flatten()(x))
    x = keras.layers.Dropout(0.2)(x)
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


def train(make, given, on, folder, *, stop=None, validated=False, epochs=EPOCHS):
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
        lambda epoch: whole.repeat(epochs - epoch),
        whole.unbatch().take(41).batch(BATCH) if validated else None,
        optimizer=given,
        epochs=epochs,
        steps_per_epoch=STEPS,
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
    through, history = train(cnn, optimizer("adam"), on, folder / "through", validated=True, epochs=4)
    try:
        train(cnn, optimizer("adam"), on, folder / "cut", stop=2, validated=True, epochs=4)
    except Interruption:
        pass
    kept = sorted(path.name for path in (folder / "cut" / "checkpoints").iterdir())
    again, later = train(cnn, optimizer("adam"), on, folder / "cut", validated=True, epochs=4)
    alone, plain = train(cnn, optimizer("adam"), engine(), folder / "alone", validated=True, epochs=4)
    return {
        "kept": kept,
        "same history": later == history,
        "difference": farthest(again, through),
        "from single": farthest(again, alone),
        "metrics from single": max(abs(a[k] - b[k]) for a, b in zip(history, plain, strict=True) for k in a),
        "metrics": sorted(history[0]),
        "memory": again.optimizer.memory() == alone.optimizer.memory(),
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
        name: [list(part.shape) for part in unpack(each.read_value())] for name, each in found.items() if each.shape.rank
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
        told.append(placed.fit(batches.repeat(steps), validation_data=batches, verbose=0).history)
        on.finish(placed, model)
        trained.append(model)
    metrics = max(abs(told[0][name][-1] - told[1][name][-1]) for name in told[1])
    return {"weights": farthest(*trained), "metrics": metrics}


def layouts():
    found = {}
    for name, rules in LAYOUTS.items():
        given = [(pattern, split) for pattern, split in rules.items() if split is not None]
        found[name] = short(cnn_without_chance, "2x2", layouts=given, preset=None)
    return found


def cnn_without_chance():
    from pipeline.keras import keras

    return keras.models.clone_model(
        cnn(),
        clone_function=lambda layer: (
            keras.layers.Dropout(0.0) if isinstance(layer, keras.layers.Dropout) else type(layer).from_config(layer.get_config())
        ),
    )


def layer_model(name):
    from pipeline.keras import keras

    kinds = keras.layers
    features = keras.Input((8, 8, 1))
    scaled = kinds.Rescaling(1 / 16)(features)
    convolved = kinds.Conv2D(4, 3, padding="same")(scaled)
    flat = kinds.Flatten()(scaled)
    x = {
        "Activation": lambda: kinds.Activation("tanh")(convolved),
        "Add": lambda: kinds.Add()([convolved, kinds.Conv2D(4, 1)(scaled)]),
        "Concatenate": lambda: kinds.Concatenate()([convolved, scaled]),
        "Embedding": lambda: kinds.Embedding(17, 4)(kinds.Cropping1D((0, 60))(kinds.Reshape((64, 1))(features))),
        "GlobalAveragePooling2D": lambda: kinds.GlobalAveragePooling2D()(convolved),
        "GlobalMaxPooling2D": lambda: kinds.GlobalMaxPooling2D()(convolved),
        "Multiply": lambda: kinds.Multiply()([convolved, kinds.Conv2D(4, 1)(scaled)]),
        "Normalization": lambda: kinds.Normalization(mean=[4.0], variance=[9.0])(features),
        "Softmax": lambda: kinds.Softmax()(convolved),
        "ZeroPadding2D": lambda: kinds.ZeroPadding2D()(convolved),
        "BatchNormalization of features": lambda: kinds.BatchNormalization()(kinds.Dense(16)(flat)),
        "softmax inside": lambda: kinds.Dense(16, activation="softmax")(flat),
    }[name]()
    return keras.Model(features, kinds.Dense(10)(kinds.Dense(16, activation="relu")(kinds.Flatten()(x))))


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

    def number():
        x = mlp_without_chance()
        return keras.Model(x.input, keras.layers.Rescaling(2.0, 3.0)(keras.layers.Dense(1)(x.layers[-2].output)))

    def regular():
        inputs = keras.Input((8, 8, 1))
        x = keras.layers.Dense(16, kernel_regularizer="l2")(keras.layers.Flatten()(inputs))
        return keras.Model(inputs, keras.layers.Dense(10)(x))

    taught = np.concatenate([labels[:, None].astype(np.float32), logits], axis=1)
    chosen = {
        "weights": (mlp_without_chance, lambda: objective("classification"), (features, labels, weights)),
        "soft": (mlp_without_chance, lambda: objective("classification", soft=True), (features, shares, weights)),
        "multi_label": (mlp_without_chance, lambda: objective("multi_label"), (features, several, weights)),
        "regression": (number, lambda: objective("regression", target_variance=4.0), (features, numbers)),
        "distillation": (mlp_without_chance, lambda: distillation_objective(3.0, 0.5), (features, taught)),
        "regularization": (regular, None, (features / 16, labels)),
    }
    return {name: short(make, "2x2", goal=goal, arrays=arrays) for name, (make, goal, arrays) in chosen.items()}


def mlp_without_chance():
    from pipeline.keras import keras

    model = mlp()
    return keras.Model(model.input, model.get_layer("logits")(model.get_layer("hidden_2").output))


def schedules():
    from pipeline.optimizers import SGD
    from pipeline.optimizers.schedules import build_schedule

    return {
        name: short(
            mlp_without_chance,
            "1x2",
            steps=7,
            given=lambda name=name, settings=settings: SGD(build_schedule(name, 0.1, 6, warm_up=0.25, **settings)),
        )
        for name, settings in SCHEDULES.items()
    }


def too_late():
    """What an engine of more devices says once TensorFlow has started."""
    try:
        engine_of_eight = MESHES["2x4"] = (2, 4)
        engine("2x4")
    except ValueError as error:
        return str(error)
    return engine_of_eight


def main(folder):
    engine("2x2")  # claims the devices of the largest mesh
    results = {
        "equal": equal(folder),
        "resumed": resumed(folder),
        "parts": parts(),
        "layouts": layouts(),
        "layers": {name: short(lambda name=name: layer_model(name), "2x2") for name in LAYERS},
        "goals": goals(),
        "schedules": schedules(),
        "too late": too_late(),
    }
    (folder / "results.json").write_text(json.dumps(results))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    main(Path(sys.argv[1]))

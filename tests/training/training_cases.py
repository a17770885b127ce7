"""A small training that has all that could make a resumed one differ: Dropout, batch norm, augmentation, a schedule."""

import hashlib
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import real_data
import tensorflow_model_optimization as tfmot

from pipeline.compression.pruning import prunable
from pipeline.compression.pruning_schedules import polynomial_schedule
from pipeline.distribution.single import Single
from pipeline.keras import keras, tf
from pipeline.models.cnn import cnn
from pipeline.models.files import weights_digest
from pipeline.models.inputs import image_input
from pipeline.optimizers import SGD, Adam
from pipeline.optimizers.schedules import cosine
from pipeline.training import determinism
from pipeline.training.fit import fit

RATES = {"adam": 0.006, "sgd": 0.03, "narrow": 0.006}
SEED, EPOCHS, BATCH = 3, 5, 16
OPTIMIZERS = {
    "adam": lambda rate: Adam(rate, use_ema=True),
    "sgd": lambda rate: SGD(rate, momentum=0.9, nesterov=True),
    "narrow": lambda rate: Adam(rate, state_dtype="bfloat16", gradient_accumulation_steps=2),
}


class Interruption(Exception):  # noqa: N818
    """Stands for whatever ends a process in the middle of an epoch."""


@dataclass(frozen=True)
class Outcome:
    """What must not depend on interruptions."""

    history: tuple
    weights: str
    optimizer: str
    iterations: int


@cache
def data():
    """Two hundred digits to train on, forty to judge by, and how many batches the former are."""
    digits = real_data.digits()
    parts = [(each.features[:count], each.labels[:count]) for each, count in ((digits.train, 200), (digits.test, 40))]
    return *parts, -(-200 // BATCH)


def shuffled(seed, first_epoch, last_epoch):
    """The batches of some epochs, which depend on the seed and the epoch alone; half the images are flipped."""
    (features, labels), _, steps = data()

    def batches():
        for epoch in range(first_epoch, last_epoch):
            noise = np.random.default_rng((seed, epoch))
            order, flip = noise.permutation(len(labels)), noise.random(len(labels)) < 0.5
            images = np.where(flip[:, None, None, None], features[order, :, ::-1], features[order]).astype(np.float32)
            for at in range(0, steps * BATCH, BATCH):
                yield images[at : at + BATCH], labels[order][at : at + BATCH]

    spec = (tf.TensorSpec((None, 8, 8, 1), tf.float32), tf.TensorSpec((None,), tf.int32))
    return tf.data.Dataset.from_generator(batches, output_signature=spec)


def in_order(part):
    features, labels = part
    return tf.data.Dataset.from_tensor_slices((features.astype(np.float32), labels)).batch(BATCH)


class Stop(keras.callbacks.Callback):
    """Interrupts after step `at`."""

    _supports_tf_logs = True

    def __init__(self, at):
        super().__init__()
        self.left = at

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.epoch * data()[2] + batch + 1 == self.left:
            raise Interruption


def build(seed, *, pruned=False):
    """Starts anew, as a new process would, and returns the model and more callbacks."""
    determinism.start(seed)
    features, scaled = image_input((8, 8, 1), scale=16.0)
    model = cnn(features, scaled, 10, filters=[8], units=32, dropout=0.2)
    if not pruned:
        return model, []
    schedule = polynomial_schedule(EPOCHS * data()[2], initial_sparsity=0.1, final_sparsity=0.6, end=0.8)
    return prunable(model, schedule), [tfmot.sparsity.keras.UpdatePruningStep()]


def train(state, *, seed=SEED, kind="adam", pruned=False, epochs=EPOCHS, stop_at=None, rate=None, seen=None):
    """Trains to the end, or to an interruption after step `stop_at`; `seen` collects the steps."""
    _, judged, steps = data()
    model, callbacks = build(seed, pruned=pruned)
    optimizer = OPTIMIZERS[kind](cosine(rate or RATES[kind], epochs * steps))
    history = fit(
        model,
        lambda first: shuffled(seed, first, epochs),
        lambda: in_order(judged),
        optimizer=optimizer,
        epochs=epochs,
        steps_per_epoch=steps,
        seed=seed,
        state=state,
        distribution=Single(),
        on_progress=lambda *words: None if seen is None else seen.append(words),
        callbacks=[*callbacks, Stop(stop_at)],
    )
    return model, Outcome(
        tuple(tuple(sorted(row.items())) for row in history),
        weights_digest(model),
        hashlib.sha256(b"".join(variable.numpy().tobytes() for variable in optimizer.variables)).hexdigest(),
        int(optimizer.iterations),
    )


@cache
def uninterrupted(kind="adam", pruned=False):
    with tempfile.TemporaryDirectory() as folder:
        return train(Path(folder), kind=kind, pruned=pruned)[1]


def interrupt(state, at, **options):
    """Trains up to step `at` and returns the epochs that are checkpointed."""
    try:
        train(state, stop_at=at, **options)
    except Interruption:
        return sorted(path.name for path in (state / "checkpoints").glob("*"))
    raise AssertionError(f"step {at} was never reached")

"""A small training that has all that could make a resumed one differ: Dropout, batch norm, augmentation, a schedule."""

import hashlib
import tempfile
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import tensorflow_model_optimization as tfmot

from pipeline.compression.pruning import polynomial_schedule, prunable
from pipeline.data.sources.digits import load_digits
from pipeline.data.split import split
from pipeline.data.stream import evaluation_stream, steps_per_epoch, training_stream
from pipeline.keras import keras
from pipeline.models.cnn import cnn
from pipeline.models.files import weights_digest
from pipeline.models.inputs import scaled_input
from pipeline.optimizers.schedules import cosine
from pipeline.training import determinism
from pipeline.training.fit import fit

RATES = {"adam": 0.006, "sgd": 0.03}
SEED, EPOCHS, BATCH = 3, 5, 16
OPTIMIZERS = {
    "adam": lambda rate: keras.optimizers.Adam(rate),
    "sgd": lambda rate: keras.optimizers.SGD(rate, momentum=0.9, nesterov=True),
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
    examples = load_digits()
    dataset = split(
        replace(examples, features=examples.features[:400], labels=examples.labels[:400]),
        validation=0.1,
        test=0.5,
        seed=0,
    )
    return dataset, steps_per_epoch(dataset.train, BATCH)


def build(seed, *, pruned=False):
    """Starts anew, as a new process would, and returns the model and more callbacks."""
    determinism.start(seed)
    features, scaled = scaled_input((8, 8, 1), scale=16.0)
    model = cnn(features, scaled, 10, filters=[8], units=32, dropout=0.2)
    if not pruned:
        return model, []
    schedule = polynomial_schedule(EPOCHS * data()[1], initial_sparsity=0.1, final_sparsity=0.6, end=0.8)
    return prunable(model, schedule), [tfmot.sparsity.keras.UpdatePruningStep()]


def train(state, *, seed=SEED, kind="adam", pruned=False, epochs=EPOCHS, stop_at=None, rate=None, seen=None):
    """Trains to the end, or to an interruption after step `stop_at`; `seen` collects the steps."""
    dataset, steps = data()
    model, callbacks = build(seed, pruned=pruned)
    optimizer = OPTIMIZERS[kind](cosine(rate or RATES[kind], epochs * steps))

    def progress(done, total, words):
        if seen is not None:
            seen.append((done, total, words))
        if done == stop_at:
            raise Interruption

    history = fit(
        model,
        lambda first: training_stream(
            dataset.train, batch_size=BATCH, seed=seed, first_epoch=first, last_epoch=epochs, flip=True, shift=1
        ),
        evaluation_stream(dataset.validation, BATCH),
        optimizer=optimizer,
        epochs=epochs,
        steps_per_epoch=steps,
        seed=seed,
        state=state,
        on_progress=progress,
        callbacks=callbacks,
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

"""Trainings to be run in one process or, by `horovodrun`, in several: python horovod_cases.py FOLDER NAME..."""

import json
import logging
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import real_data

from pipeline.data.dataset import Info, Split
from pipeline.data.stream import evaluation_stream, steps_per_epoch, training_stream
from pipeline.distribution.horovod import Horovod
from pipeline.distribution.single import Single
from pipeline.keras import keras
from pipeline.models.cnn import cnn
from pipeline.models.inputs import image_input
from pipeline.models.mlp import mlp
from pipeline.optimizers import SGD, Adam
from pipeline.training import determinism
from pipeline.training.fit import fit

EXAMPLES, EVEN, BATCH, EPOCHS = 407, 416, 32, 4
"""13 steps an epoch; the last batch has 23 examples, an odd number, or as many as the others."""


def dense():
    return mlp(*image_input((8, 8, 1), scale=16.0), 10, units=[16], dropout=0.0)


def normalized():
    return cnn(*image_input((8, 8, 1), scale=16.0), 10, filters=[4], units=8, dropout=0.0)


CASES = {
    "sgd": (dense, lambda: SGD(0.1, momentum=0.9), {}),
    "adam": (dense, lambda: Adam(0.01), {}),
    "decayed": (dense, lambda: Adam(0.01, weight_decay=0.1, global_clipnorm=0.5), {}),
    "groups": (dense, lambda: Adam(0.01), {"groups": 2}),
    "fp16": (dense, lambda: SGD(0.1, momentum=0.9), {"compression": "fp16"}),
    "passes": (dense, lambda: SGD(0.3), {"backward_passes_per_step": 2}),
    "synchronized": (normalized, lambda: SGD(0.1, momentum=0.9), {"sync_batch_norm": True}),
    "by_rank": (normalized, lambda: SGD(0.1, momentum=0.9), {}),
    "hangs": (dense, lambda: SGD(0.1), {"stall_seconds": 3}),
}


class Hang(keras.callbacks.Callback):
    """Rank 1 never gets to its fourth step."""

    def on_train_batch_end(self, batch, logs=None):
        if batch == 2 and os.environ["HOROVOD_RANK"] == "1":
            time.sleep(600)


def train(name):
    """Trains a case with the engine that this process was started for; returns (history, weights)."""
    build, optimizer, options = CASES[name]
    ranks = int(os.environ.get("HOROVOD_SIZE", "1"))
    engine = Horovod(ranks, **options) if ranks > 1 else Single()
    determinism.start(7)
    digits = real_data.digits()
    # Statistics of a batch count what fills up a share.
    count = EVEN if options.get("sync_batch_norm") else EXAMPLES
    part = Split(digits.train.features[:count], digits.train.labels[:count])
    judged = Split(digits.validation.features, digits.validation.labels)
    info = Info("image", "classification", (8, 8, 1), "uint8", tuple("0123456789"), scale=16.0)
    model, chosen = build(), optimizer()
    if ranks == 1 and "backward_passes_per_step" in options:
        chosen = type(chosen).from_config({**chosen.get_config(), "gradient_accumulation_steps": 2})
    with tempfile.TemporaryDirectory() as state:
        history = fit(
            model,
            lambda first: training_stream(
                part,
                info,
                batch_size=BATCH,
                seed=7,
                first_epoch=first,
                last_epoch=EPOCHS,
                rank=engine.rank,
                ranks=engine.size,
            ),
            lambda: evaluation_stream(judged, info, 50, rank=engine.rank, ranks=engine.size),
            optimizer=chosen,
            epochs=EPOCHS,
            steps_per_epoch=steps_per_epoch(part, BATCH),
            seed=7,
            state=Path(state),
            on_progress=lambda *words: None,
            distribution=engine,
            callbacks=[Hang()] if name == "hangs" else [],
        )
    return engine.rank, history, model.get_weights()


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    logging.basicConfig(format="%(message)s")
    for case in sys.argv[2:]:
        rank, history, weights = train(case)
        np.savez(folder / f"{case}.{rank}.npz", *weights)
        (folder / f"{case}.{rank}.json").write_text(json.dumps(history))

"""Optimizers and learning-rate schedules for Keras."""

from pipeline.optimizers.adam import Adam
from pipeline.optimizers.sgd import SGD

__all__ = ["SGD", "Adam"]

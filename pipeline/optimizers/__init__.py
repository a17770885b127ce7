"""Optimizers and learning-rate schedules for Keras."""

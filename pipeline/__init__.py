"""Frugal: Keras models that are cheaper to train and cheaper to serve, with the measurements to prove it."""

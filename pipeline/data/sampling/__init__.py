"""Sampling: which examples of the training part to keep, each method a function from arrays to sorted indices."""

"""Choosing the features worth training on, from the training part alone."""

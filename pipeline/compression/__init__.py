"""Compression: functions on a Keras model that return a smaller one and leave the caller's model untouched."""

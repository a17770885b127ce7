"""Measurement of exported models: accuracy, size, parameters, operations and latency, read from the file itself."""

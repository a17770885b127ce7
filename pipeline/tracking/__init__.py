"""Trackers: where the course and the figures of runs are kept for other programs to show, TensorBoard and MLflow."""

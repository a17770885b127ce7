"""Sweeps: launchers and sweepers for Hydra, and what their jobs came to."""

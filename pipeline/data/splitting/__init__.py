"""Cutting examples into training, validation and test parts."""

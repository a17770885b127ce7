"""Smaller data: narrower types, and records compressed on disk.

Where every record has one shape, the fast format is the project's own: .npy files, memory-mapped and read by index
(`pipeline.data.files`). Records save disk and transfer, and are decoded whole before training.
"""

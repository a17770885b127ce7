"""Augmentation: random changes of whole batches, each example with its own draw."""

"""Data: sources, splits, augmentation, and the tf.data input that training reads."""

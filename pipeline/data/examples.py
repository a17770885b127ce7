"""What a source returns: examples as they were found, not yet split."""

from dataclasses import dataclass

import numpy as np

from pipeline.data.dataset import Kind, Split


@dataclass(frozen=True, eq=False)
class Examples:
    """Labelled examples.

    Attributes:
        features: Shape (n, h, w, c) for images, (n, columns) for tables.
        labels: Class indices, int32, shape (n,).
        class_names: The name of each class index.
        feature_names: The columns' names; empty for images.
        kind: "image" or "table".
        scale: Images are to be divided by it.
        test: The test part, where the source defines one.
    """

    features: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    feature_names: tuple[str, ...]
    kind: Kind
    scale: float
    test: Split | None

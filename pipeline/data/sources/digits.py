"""The 8x8 handwritten digits that scikit-learn carries with it."""

import numpy as np

from pipeline.data.examples import Images, Targets


def load_digits() -> Images:
    """Returns 1797 images, uint8 of shape (n, 8, 8, 1) with values 0 to 16, in ten classes.

    Data: E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI, 1998.
    """
    from sklearn import datasets

    bunch = datasets.load_digits()
    names = tuple(str(name) for name in bunch.target_names)
    return Images(
        features=bunch.images.astype(np.uint8)[..., np.newaxis],
        targets=Targets(bunch.target.astype(np.int32), "classification", names),
        scale=16.0,
    )

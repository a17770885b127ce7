"""Images as tables: each pixel a numeric column."""

import numpy as np

from pipeline.data.dataset import Column, Info


def flat(features: np.ndarray) -> np.ndarray:
    """Returns images as rows, shape (n, h * w * c); a table as it is."""
    return features.reshape(len(features), -1)


def feature_columns(info: Info) -> tuple[Column, ...]:
    """Returns a table's columns, or one for each pixel of an image, named "pixel_row_column".

    With several channels a name ends in the channel: "pixel_0_27_2". Only name and kind of a pixel's column are set.
    """
    if info.kind == "table":
        return info.columns
    height, width, channels = info.feature_shape
    return tuple(
        Column(f"pixel_{row}_{column}" + (f"_{channel}" if channels > 1 else ""), "numeric")
        for row in range(height)
        for column in range(width)
        for channel in range(channels)
    )

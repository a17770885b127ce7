"""The placement of examples whose source keeps its parts apart."""

from collections.abc import Mapping

import numpy as np

from pipeline.data.dataset import PARTS
from pipeline.data.examples import FREE, Placement


def placement(sizes: Mapping[str, int]) -> Placement:
    """Returns the placement of examples that come part by part, in the order of PARTS.

    Training examples are free as long as another part is missing, which is then drawn from them.

    Args:
        sizes: The examples of each part that the source has; "train" is one of them.
    """
    present = [part for part in PARTS if part in sizes]
    if present == ["train"]:
        return Placement()
    values = [FREE if part == "train" and len(present) < len(PARTS) else PARTS.index(part) for part in present]
    return Placement(part=np.repeat(np.array(values, np.int8), [sizes[part] for part in present]))

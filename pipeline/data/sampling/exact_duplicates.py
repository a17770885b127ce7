"""Examples that another example repeats bit by bit."""

import hashlib
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class ExactDuplicates:
    """What repeats.

    Attributes:
        kept: The first example of each group of equal ones, sorted int64.
        first: For each example the first that equals it, int64 of shape (n,).
        conflicting: Those of `kept` whose group has more than one label, sorted int64: at most one label is right.
    """

    kept: np.ndarray
    first: np.ndarray
    conflicting: np.ndarray


def exact_duplicates(features: np.ndarray, labels: np.ndarray) -> ExactDuplicates:
    """Finds the examples whose stored features are the same bytes, by a 128-bit hash, whatever their labels are.

    As bytes -0.0 isn't 0.0, and one NaN may equal another.

    Args:
        features: Shape (n, ...), of any dtype; may be a memory-mapped file, which is read once in order.
        labels: Of each example, shape (n,) or (n, labels).
    """
    examples = np.asarray(features)  # slicing a memmap costs several times what slicing an array does
    digests = b"".join(hashlib.blake2b(example.tobytes(), digest_size=16).digest() for example in examples)
    _, index, group = np.unique(np.frombuffer(digests, "S16"), return_index=True, return_inverse=True)
    first = index[group]
    differs = labels != labels[first]
    strays = differs if labels.ndim == 1 else differs.any(axis=1)
    return ExactDuplicates(np.sort(index).astype(np.int64), first.astype(np.int64), np.unique(first[strays]))

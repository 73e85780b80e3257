"""Boosted trees (Friedman 2001) from plain arrays: each a heap of depth DEPTH, so that no step depends on a branch.

Node k of a tree has children 2k + 1 and 2k + 2; a row goes to the second where its feature is above the limit. A tree
that ends early has limits of infinity below, and its value in the leftmost leaf.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import types
from numpy.typing import NDArray

from smelt.corpus.measures.kernels import inner

DEPTH = 6
SPLITS, LEAVES = 2**DEPTH - 1, 2**DEPTH


class Trees(NamedTuple):
    """Features and limits (n_trees, SPLITS), values (n_trees, LEAVES): log-odds, to be summed."""

    features: NDArray[np.int16]
    limits: NDArray[np.float32]
    values: NDArray[np.float32]


TREES = types.NamedTuple(
    (
        types.Array(types.int16, 2, "C", readonly=True),
        types.Array(types.float32, 2, "C", readonly=True),
        types.Array(types.float32, 2, "C", readonly=True),
    ),
    Trees,
)


@inner
def add_trees(rows: NDArray[np.float32], n: int, trees: Trees, p: NDArray[np.float32]) -> None:
    """Writes the probabilities of the first n rows."""
    p[:n] = 0
    for t in range(len(trees.values)):
        features, limits, values = trees.features[t], trees.limits[t], trees.values[t]
        for i in range(n):
            k = 0
            for _ in range(DEPTH):
                k = 2 * k + 1 + (rows[i, features[k]] > limits[k])
            p[i] += values[k - SPLITS]
    for i in range(n):
        p[i] = 1 / (1 + np.exp(-p[i]))

"""The pages' blocks scored and chosen: two stages of trees, and a cut that expects the best F1."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from smelt.corpus.extract.context import FLOATS, describe_context
from smelt.corpus.extract.features import ROWS, SUMMED
from smelt.corpus.extract.page import ELEMENTS, RECORDS
from smelt.corpus.extract.trees import TREES, Trees, add_trees
from smelt.corpus.measures.kernels import compiled


@compiled(types.void(ROWS, types.int64, TREES, FLOATS))
def score_blocks(rows: NDArray[np.float32], n: int, trees: Trees, p: NDArray[np.float32]) -> None:
    """The probability of each block to be main content, by the trees of a stage."""
    add_trees(rows, n, trees, p)


@compiled(types.void(ELEMENTS, types.int64, RECORDS, types.int64, SUMMED, FLOATS, ROWS, types.int64))
def see_context(
    elements: Any,
    n_elements: int,
    blocks: Any,
    n: int,
    sums: Any,
    p: NDArray[np.float32],
    rows: NDArray[np.float32],
    at: int,
) -> None:
    """Fills the columns of the second stage."""
    describe_context(elements, n_elements, blocks, n, sums, p, rows, at)


@compiled(types.float64(FLOATS, RECORDS, types.int64))
def best_cut(p: NDArray[np.float32], blocks: Any, n: int) -> float:
    """The probability from which on blocks are to be taken so that the expected F1 of their words is highest.

    With k words taken of which T are expected to be right, out of N expected in all, F1 is about 2 T / (k + N).
    """
    order = np.argsort(-p[:n])
    wanted = taken = right = best = 0.0
    cut = 1.0
    for i in range(n):
        wanted += p[i] * blocks[i].words
    for i in order:
        taken += blocks[i].words
        right += p[i] * blocks[i].words
        f1 = 2 * right / (taken + wanted + 1e-9)
        if f1 > best:
            best, cut = f1, float(p[i])
    return cut

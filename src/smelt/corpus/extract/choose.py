"""Which blocks are main content, by their probabilities: a cut that expects the best F1.

A page of a few blocks says too little of itself for the trees, which learned from whole pages of the web: their
probabilities are low throughout, and only their order is gone by (`choose_of_few`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from smelt.corpus.extract.columns import IN_HEADING
from smelt.corpus.extract.page import RECORDS
from smelt.corpus.extract.trees import FLOATS
from smelt.corpus.measures.kernels import compiled

FEW = 12
"""Blocks up to which the next two hold: of 1,497 reviewed pages three have so few, and are no list of links."""
LIKELY = 0.5
"""Of the likeliest block's probability, from which on blocks are taken (taste)."""
LINKED = 0.5
"""The share of its words in links, from which on a page of a few blocks is a list of them (taste)."""


def best_cut(p: NDArray[np.float32], blocks: Any, n: int) -> float:
    """The probability from which on blocks are to be taken so that the expected F1 of their words is highest.

    With k words taken of which T are expected to be right, out of N expected in all, F1 is about 2 T / (k + N).
    """
    return find_cut(p, blocks, np.argsort(-p[:n], kind="stable"))


@compiled(types.float64(FLOATS, RECORDS, types.int64[::1]))
def find_cut(p: NDArray[np.float32], blocks: Any, order: NDArray[np.int64]) -> float:
    """`best_cut` of blocks in the order of their probabilities, the highest first."""
    wanted = taken = right = best = 0.0
    cut = 1.0
    for i in range(len(order)):
        wanted += p[i] * blocks[i].words
    for i in order:
        taken += blocks[i].words
        right += p[i] * blocks[i].words
        f1 = 2 * right / (taken + wanted + 1e-9)
        if f1 > best:
            best, cut = f1, float(p[i])
    return cut


def choose_of_few(p: NDArray[np.float32], blocks: Any, inside: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which blocks of a page of a few are main content: the likely ones, and headings right above them.

    `inside` are the bits of `SUMS` of the elements around the blocks. Of a list of links nothing is taken.
    """
    if blocks["link_words"].sum() >= LINKED * blocks["words"].sum():
        return np.zeros(len(p), np.bool_)
    keep = p >= LIKELY * p.max()
    is_heading = (inside & IN_HEADING) > 0
    for i in range(len(p) - 2, -1, -1):
        keep[i] |= is_heading[i] and keep[i + 1]
    return keep

"""What a classifier sees of a text: hashed n-grams of its normal form (Weinberger et al. 2009, feature hashing).

Of words (a Han or kana character is one) single ones, pairs and triples; and within longer words every run of four
bytes, ends marked, so that spellings never seen before still look like something.
"""

from __future__ import annotations

import numpy as np
from numba import types
from numpy.typing import NDArray

from smelt.corpus.measures.kernels import BYTES, OFFSETS, SEED, compiled, inner, longest_text, mix

BITS = 20
"""The table of weights has 2^BITS entries: 4 MiB."""
RUN = 4
"""Bytes in a run within a word."""
BLANK = ord(" ")
WEIGHTS = types.Array(types.float32, 1, "C", readonly=True)
MASK = np.uint64(2**BITS - 1)
TABLE = types.Array(types.uint8, 1, "C", readonly=True)
PER_BYTE = 4
"""Features that a byte can give at most: three n-grams that end with it, and a run."""


@inner
def room_for(n_bytes: int) -> int:
    """The most features that so many bytes can have."""
    return PER_BYTE * n_bytes + PER_BYTE


@inner
def features(text: NDArray[np.uint8], found: NDArray[np.int64]) -> int:
    """Writes the places of a text's features into `found`, and gives how many."""
    n = at = 0
    one_before = two_before = SEED
    while at < len(text):
        end, word = at, SEED
        while end < len(text) and text[end] != BLANK:
            word = mix(word, np.uint64(text[end]))
            end += 1
        pair = mix(one_before, word)
        found[n], found[n + 1] = word & MASK, pair & MASK
        found[n + 2] = mix(mix(two_before, one_before), word) & MASK
        n = byte_runs(text[at:end], found, n + 3)
        two_before, one_before, at = one_before, word, end + 1
    return n


@inner
def byte_runs(word: NDArray[np.uint8], found: NDArray[np.int64], n: int) -> int:
    """Adds the runs of bytes within a word that is longer than one; gives the new number of features."""
    if len(word) <= RUN:
        return n
    for first in range(-1, len(word) - RUN + 2):
        state = mix(SEED, np.uint64(RUN))
        for at in range(first, first + RUN):
            state = mix(state, np.uint64(word[at]) if 0 <= at < len(word) else np.uint64(BLANK))
        found[n] = state & MASK
        n += 1
    return n


@compiled(types.void(BYTES, OFFSETS, WEIGHTS, types.float64[::1]))
def score_batch(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    weights: NDArray[np.float32],
    scores: NDArray[np.float64],
) -> None:
    """The sum of each text's weights over the root of their number: log-odds, not yet calibrated."""
    found = np.empty(room_for(longest_text(offsets)), np.int64)
    for d in range(len(scores)):
        n = features(data[offsets[d] : offsets[d + 1]], found)
        total = 0.0
        for i in range(n):
            total += weights[found[i]]
        scores[d] = total / np.sqrt(max(n, 1))


@compiled(
    types.void(
        BYTES,
        OFFSETS,
        TABLE,
        types.Array(types.int64, 1, "C", readonly=True),
        types.float64,
        types.float32[::1],
        types.float32[::1],
    )
)
def train_epoch(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    labels: NDArray[np.uint8],
    order: NDArray[np.int64],
    rate: float,
    weights: NDArray[np.float32],
    squares: NDArray[np.float32],
) -> None:
    """One pass of logistic regression by AdaGrad (Duchi et al. 2011) over the texts in `order`, in place."""
    found = np.empty(room_for(longest_text(offsets)), np.int64)
    for d in order:
        n = features(data[offsets[d] : offsets[d + 1]], found)
        scale = 1 / np.sqrt(max(n, 1))
        total = 0.0
        for i in range(n):
            total += weights[found[i]]
        error = 1 / (1 + np.exp(-total * scale)) - labels[d]
        for i in range(n):
            place = found[i]
            gradient = error * scale
            squares[place] += np.float32(gradient * gradient)
            weights[place] -= np.float32(rate * gradient / np.sqrt(squares[place] + 1e-8))

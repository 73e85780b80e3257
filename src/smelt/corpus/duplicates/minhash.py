"""MinHash signatures, by whose bands texts that have much in common meet.

A text is the set of its shingles: every five words in a row of its normal form (normalise.py). The Jaccard similarity
of two sets A and B is |A ∩ B| / |A ∪ B|; under a random hash of shingles their minima agree with just that
probability (Broder 1997). How many minima there are and how they are cut into bands: banding.py. Whether texts that
meet in a band are alike is then counted shingle by shingle: jaccard.py.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numba import types
from numpy.typing import NDArray

from smelt.corpus.duplicates.banding import FINEWEB, Banding
from smelt.corpus.measures.kernels import BYTES, HALF, OFFSETS, SEED, compiled, inner, longest_text, mix, utf8_buffers

SHINGLE = 5
"""Words in a shingle. A text of fewer, but of any, is one shingle: its near duplicates are its equals."""
EMPTY = np.uint32(0xFFFFFFFF)
"""The minima of a text without words."""

BLANK = ord(" ")


def signatures(normalised: pl.Series, banding: Banding = FINEWEB) -> NDArray[np.uint32]:
    """The MinHash signatures of normalised texts: (n, n_hashes)."""
    data, offsets = utf8_buffers(normalised)
    minima = np.full((len(normalised), banding.n_hashes), EMPTY)
    sign_batch(data, offsets, _hash_family(banding.n_hashes), minima)
    return minima


def bands(signatures: NDArray[np.uint32], banding: Banding) -> NDArray[np.uint64]:
    """The keys of all bands of signatures (n, n_hashes): (n, bands). Texts agree in a band if their keys are equal.

    The band's number is part of its key, so keys of all bands can be thrown together.
    """
    rows = signatures.reshape(-1, banding.bands, banding.rows).astype(np.uint64)
    keys = np.tile(np.arange(banding.bands, dtype=np.uint64), (len(rows), 1))
    for row in range(banding.rows):
        keys = mix.py_func(keys, rows[:, :, row])  # the formula itself, over arrays
    return keys


def estimated_jaccard(a: NDArray[np.uint32], b: NDArray[np.uint32]) -> NDArray[np.float64]:
    """The share of minima on which signatures (..., n_hashes) agree: (...), with a standard error of at most
    1 / (2 sqrt(n_hashes)). Two texts without words agree on all."""
    return (a == b).mean(axis=-1)


def _hash_family(n_hashes: int) -> NDArray[np.uint32]:
    # h_i(x) = a_i * low(x) + b_i * high(x) mod 2^32 for the halves of a 64-bit hash x of the shingle. RandomState's
    # stream is frozen for good, unlike that of numpy's newer generators.
    return np.random.RandomState(2024).randint(0, 2**32, (2, n_hashes), np.uint32) | np.uint32(1)


@inner
def hash_words(text: NDArray[np.uint8], hashes: NDArray[np.uint64]) -> int:
    """Fills `hashes` with those of the words, which single spaces part, and gives their number."""
    n = 0
    word = SEED
    for byte in text:
        if byte == BLANK:
            hashes[n] = word
            n, word = n + 1, SEED
        else:
            word = mix(word, np.uint64(byte))
    hashes[n] = word
    return n + 1 if len(text) > 0 else 0


@inner
def n_shingles(n_words: int) -> int:
    """How many shingles so many words make, repeats counted."""
    return max(n_words - SHINGLE + 1, min(n_words, 1))


@inner
def hash_shingle(words: NDArray[np.uint64], first: int) -> np.uint64:
    """The hash of the shingle that begins with that word."""
    shingle = SEED
    for word in words[first : first + SHINGLE]:
        shingle = mix(shingle, word)
    return shingle


@inner
def take_minima(words: NDArray[np.uint64], family: NDArray[np.uint32], minima: NDArray[np.uint32]) -> None:
    """Lowers each of the minima to the least hash of a shingle."""
    for first in range(n_shingles(len(words))):
        shingle = hash_shingle(words, first)
        low, high = np.uint32(shingle), np.uint32(shingle >> HALF)
        for i in range(len(minima)):
            minima[i] = min(minima[i], np.uint32(family[0, i] * low + family[1, i] * high))


@compiled(types.void(BYTES, OFFSETS, types.uint32[:, ::1], types.uint32[:, ::1]))
def sign_batch(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], family: NDArray[np.uint32], minima: NDArray[np.uint32]
) -> None:
    """Lowers `minima` (n, n_hashes) to those of the n documents `data[offsets[d]:offsets[d + 1]]`."""
    hashes = np.empty(longest_text(offsets) // 2 + 1, np.uint64)
    for d in range(len(minima)):
        n_words = hash_words(data[offsets[d] : offsets[d + 1]], hashes)
        take_minima(hashes[:n_words], family, minima[d])

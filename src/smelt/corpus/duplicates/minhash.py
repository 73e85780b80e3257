"""Near duplicates by MinHash: signatures whose agreement estimates how much two texts have in common.

A text is the set of its shingles: every five words in a row of its normal form (normalise.py). The Jaccard similarity
of two sets A and B is |A ∩ B| / |A ∪ B|; under a random hash of shingles their minima agree with just that
probability (Broder 1997). So a signature of 112 minima estimates it with a standard error of sqrt(J (1 - J) / 112),
at most 0.047. Pairs worth comparing are found by cutting the signature into 14 bands of 8 and looking for texts that
agree in a whole band: such a pair is found with probability 1 - (1 - J^8)^14. Numbers as in FineWeb (Penedo et al.
2024, section 3.4).

    J       0.5   0.6   0.7   0.75  0.8   0.9
    found   0.05  0.21  0.56  0.77  0.92  0.9996
"""

from __future__ import annotations

import numba
import numpy as np
import polars as pl
from numba import types
from numpy.typing import NDArray

from smelt.corpus.measures.kernels import BYTES, HALF, OFFSETS, SEED, compiled, longest_text, mix, utf8_buffers

SHINGLE = 5
"""Words in a shingle. A text of fewer, but of any, is one shingle: its near duplicates are its equals."""
N_BANDS, BAND_ROWS = 14, 8
N_HASHES = N_BANDS * BAND_ROWS
EMPTY = np.uint32(0xFFFFFFFF)
"""The minima of a text without words."""

BLANK = ord(" ")


def signatures(normalised: pl.Series) -> NDArray[np.uint32]:
    """The MinHash signatures of normalised texts: (n, N_HASHES)."""
    data, offsets = utf8_buffers(normalised)
    minima = np.full((len(normalised), N_HASHES), EMPTY)
    sign_batch(data, offsets, _hash_family(), minima)
    return minima


def bands(signatures: NDArray[np.uint32]) -> NDArray[np.uint64]:
    """The keys of all bands of signatures (n, N_HASHES): (n, N_BANDS). Texts agree in a band if their keys are equal.

    The band's number is part of its key, so keys of all bands can be thrown together.
    """
    rows = signatures.reshape(-1, N_BANDS, BAND_ROWS).astype(np.uint64)
    keys = np.tile(np.arange(N_BANDS, dtype=np.uint64), (len(rows), 1))
    for row in range(BAND_ROWS):
        keys = mix.py_func(keys, rows[:, :, row])  # the formula itself, over arrays
    return keys


def band_keys(signatures: NDArray[np.uint32]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """The keys of all bands of all texts that have words, and the row of the text to each: two (m,)."""
    rows = np.flatnonzero((signatures != EMPTY).any(axis=1))
    return bands(signatures[rows]).ravel(), rows.repeat(N_BANDS)


def estimated_jaccard(a: NDArray[np.uint32], b: NDArray[np.uint32]) -> NDArray[np.float64]:
    """The share of minima on which signatures (..., N_HASHES) agree: (...). Two texts without words agree on all."""
    return (a == b).mean(axis=-1)


def _hash_family() -> NDArray[np.uint32]:
    # h_i(x) = a_i * low(x) + b_i * high(x) mod 2^32 for the halves of a 64-bit hash x of the shingle. RandomState's
    # stream is frozen for good, unlike that of numpy's newer generators.
    return np.random.RandomState(2024).randint(0, 2**32, (2, N_HASHES), np.uint32) | np.uint32(1)


@numba.njit
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


@numba.njit
def take_minima(words: NDArray[np.uint64], family: NDArray[np.uint32], minima: NDArray[np.uint32]) -> None:
    """Lowers each of the minima to the least hash of a shingle."""
    for first in range(max(len(words) - SHINGLE + 1, min(len(words), 1))):
        shingle = SEED
        for word in words[first : first + SHINGLE]:
            shingle = mix(shingle, word)
        low, high = np.uint32(shingle), np.uint32(shingle >> HALF)
        for i in range(N_HASHES):
            minima[i] = min(minima[i], np.uint32(family[0, i] * low + family[1, i] * high))


@compiled(types.void(BYTES, OFFSETS, types.uint32[:, ::1], types.uint32[:, ::1]))
def sign_batch(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], family: NDArray[np.uint32], minima: NDArray[np.uint32]
) -> None:
    """Lowers `minima` (n, N_HASHES) to those of the n documents `data[offsets[d]:offsets[d + 1]]`."""
    hashes = np.empty(longest_text(offsets) // 2 + 1, np.uint64)
    for d in range(len(minima)):
        n_words = hash_words(data[offsets[d] : offsets[d + 1]], hashes)
        take_minima(hashes[:n_words], family, minima[d])

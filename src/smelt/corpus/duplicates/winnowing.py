"""Which of all stretches of a few symbols are looked up, so that none that is long enough is missed.

Winnowing (Schleimer, Wilkerson & Aiken 2003): of every `window` consecutive grams the one with the least hash is
selected (the rightmost of several). Two equal stretches of `gram + window - 1` symbols, which is `length`, are equal
windows, and select the same gram at the same place. So all occurrences of any `length` symbols are among those of a
selected gram: one in about `length` / 4 symbols is enough. Symbols are bytes, or tokens (symbols.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import types
from numpy.typing import NDArray

from smelt.corpus.duplicates.symbols import BYTES_OR_TOKENS, SymbolArray, Symbols
from smelt.corpus.measures.kernels import GOLDEN, HALF, OFFSETS, ONE, compiled, inner, longest_text

BASE = np.uint64(0x9E3779B97F4A7C15)
"""Of the rolling hash sum(symbol * BASE^k) mod 2^64 (Karp & Rabin 1987). Stretches that collide are told apart by their
symbols; among them only the first is found again."""


@dataclass(frozen=True, slots=True)
class Winnowing:
    """How stretches of `length` symbols are found again."""

    length: int

    @property
    def gram(self) -> int:
        """Symbols in a gram: half the length. Shorter ones would be fewer, but meet in vain more often."""
        return self.length // 2

    @property
    def window(self) -> int:
        """Consecutive grams of which one is selected."""
        return self.length - self.gram + 1

    @property
    def context(self) -> int:
        """Symbols around a selected gram in which all stretches lie that selected it."""
        return self.gram + 2 * (self.window - 1)


class Grams(NamedTuple):
    """Selected grams: hash, row of the text, and the symbol of the text at which each begins."""

    keys: NDArray[np.uint64]
    rows: NDArray[np.uint32]
    at: NDArray[np.uint32]


def select_grams(symbols: Symbols, winnowing: Winnowing) -> Grams:
    """The selected grams of texts, in order."""
    size = len(symbols.values)
    keys, rows, at = np.empty(size, np.uint64), np.empty(size, np.uint32), np.empty(size, np.uint32)
    n = winnow(symbols.values, symbols.offsets, winnowing.gram, winnowing.window, keys, rows, at)
    return Grams(keys[:n].copy(), rows[:n].copy(), at[:n].copy())


@inner
def power(exponent: int) -> np.uint64:
    """BASE to that power."""
    result = ONE
    for _ in range(exponent):
        result *= BASE
    return result


@inner
def hash_stretch(text: SymbolArray) -> np.uint64:
    """The rolling hash of a stretch."""
    state = np.uint64(0)
    for symbol in text:
        state = state * BASE + np.uint64(symbol)
    return state


@inner
def scramble(state: np.uint64) -> np.uint64:
    """The rolling hash with all bits stirred: its low bits depend on low bits alone."""
    state = (state ^ (state >> HALF)) * GOLDEN
    return state ^ (state >> HALF)


@inner
def hash_grams(text: SymbolArray, gram: int, hashes: NDArray[np.uint64]) -> int:
    """Fills `hashes` with those of every gram of the text, and gives how many there are."""
    if len(text) < gram:
        return 0
    out = power(gram)
    state = hash_stretch(text[:gram])
    hashes[0] = scramble(state)
    for at in range(1, len(text) - gram + 1):
        state = state * BASE + np.uint64(text[at + gram - 1]) - out * np.uint64(text[at - 1])
        hashes[at] = scramble(state)
    return len(text) - gram + 1


@inner
def least_of(hashes: NDArray[np.uint64], start: int, end: int) -> int:
    """Where the least of them is; the rightmost of several."""
    least = start
    for at in range(start + 1, end):
        if hashes[at] <= hashes[least]:
            least = at
    return least


@compiled(
    *(
        types.int64(array, OFFSETS, types.int64, types.int64, types.uint64[::1], types.uint32[::1], types.uint32[::1])
        for array in BYTES_OR_TOKENS
    )
)
def winnow(
    values: SymbolArray,
    offsets: NDArray[np.int64],
    gram: int,
    window: int,
    keys: NDArray[np.uint64],
    rows: NDArray[np.uint32],
    at: NDArray[np.uint32],
) -> int:
    """Fills `keys`, `rows` and `at` with the selected grams, and gives how many there are."""
    hashes = np.empty(longest_text(offsets) + 1, np.uint64)
    n = 0
    for d in range(len(offsets) - 1):
        n_grams = hash_grams(values[offsets[d] : offsets[d + 1]], gram, hashes)
        selected, last = -1, -1
        for end in range(window, n_grams + 1):
            if selected < end - window:
                selected = least_of(hashes, end - window, end)
            elif hashes[end - 1] <= hashes[selected]:
                selected = end - 1
            if selected != last:
                keys[n], rows[n], at[n] = hashes[selected], d, selected
                n, last = n + 1, selected
    return n

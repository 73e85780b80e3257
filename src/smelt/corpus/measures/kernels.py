"""What the compiled passes over text share: the bytes of a batch, decoding, hashing, a hash table.

Kernels read the UTF-8 bytes of a whole batch in place (Arrow's buffers, read-only), one document at a time. What
Python calls is `compiled`: translated by numba when its module is first imported (about 28 s for all of them), and kept
in `__pycache__` or, where that cannot be written, in NUMBA_CACHE_DIR or the user's cache folder. What only other
kernels call is `inner`, or `allocating` where it makes arrays, and comes before them in its file.

Numba notices a change only in the file of the compiled function: after a change to what it calls in another file,
remove `__pycache__`. The tests keep a cache of their own for every state of the sources.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numba
import numpy as np
import polars as pl
from numba import types
from numba.core.typing.templates import Signature
from numpy.typing import NDArray

BYTES = types.Array(types.uint8, 1, "C", readonly=True)
OFFSETS = types.Array(types.int64, 1, "C", readonly=True)
"""Numba's types of what `utf8_buffers` gives."""
CLASSES = types.Array(types.uint16, 1, "C", readonly=True)
"""Numba's type of `character_classes`."""

SEED = np.uint64(0xCBF29CE484222325)  # where hashes begin; nothing is special about it (FNV's offset basis)
GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio: multiplicative hashing (Knuth, vol. 3, 6.4)
HALF, ONE = np.uint64(32), np.uint64(1)

Hashes = TypeVar("Hashes", np.uint64, NDArray[np.uint64])
Function = TypeVar("Function", bound=Callable[..., Any])


class Table(NamedTuple):
    """A hash table with open addressing, from 64-bit keys to numbers; key 0 marks a free slot."""

    keys: NDArray[np.uint64]
    values: NDArray[np.int32]


def utf8_buffers(texts: pl.Series) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The UTF-8 bytes of all texts end to end, and where each starts and the last ends: (n + 1,). Null is empty."""
    array: Any = texts.fill_null("").rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    _, offsets, data = array.buffers()
    bounds = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
    return np.frombuffer(data or b"", np.uint8), bounds


def compiled(*signatures: Signature) -> Callable[[Function], Function]:
    """Compiles a function for the types of each signature, at once and to run without the interpreter lock."""

    njit: Any = numba.njit  # whose own types do not know of signatures

    def compile_now(function: Function) -> Function:
        try:
            return njit(list(signatures), cache=True, nogil=True)(function)
        except RuntimeError:  # there is no folder to keep the code in: every process compiles it anew
            return njit(list(signatures), nogil=True)(function)

    return compile_now


def inner(function: Function) -> Function:
    """Marks a function that only kernels call (Python must not), and that makes no array: part of its callers' code.

    Without counting who holds its arrays, and without what Python needs to call it, code that walks over records runs
    two to three times as fast. A division by zero in it gives infinity or not a number, as in NumPy.
    """
    return _inner(function, _nrt=False)


def allocating(function: Function) -> Function:
    """Marks a function that only kernels call, and that makes arrays."""
    return _inner(function)


def _inner(function: Function, **options: bool) -> Function:
    njit: Any = numba.njit
    return njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, error_model="numpy", forceinline=True, **options)(
        function
    )


@inner
def longest_text(offsets: NDArray[np.int64]) -> int:
    """The length in bytes of the longest document."""
    longest = 0
    for d in range(len(offsets) - 1):
        longest = max(longest, offsets[d + 1] - offsets[d])
    return longest


@inner
def decode(text: NDArray[np.uint8], at: int) -> tuple[int, int]:
    """The code point at byte `at`, and where the next starts. The text is valid UTF-8, as Arrow's strings are."""
    code = int(text[at])
    if code < 0x80:
        return code, at + 1
    width = 2 + (code >= 0xE0) + (code >= 0xF0)
    code &= 0x7F >> width
    for following in range(at + 1, at + width):
        code = code << 6 | int(text[following] & 0x3F)
    return code, at + width


@inner
def last_character(text: NDArray[np.uint8], end: int) -> int:
    """The code point of which the byte before `end` is the last."""
    at = end - 1
    while text[at] & 0xC0 == 0x80:
        at -= 1
    return decode(text, at)[0]


@numba.njit
def mix(state: Hashes, value: Hashes) -> Hashes:
    """The 64-bit hash of a sequence, from the hash of all but its last value and that value."""
    state = (state ^ value) * GOLDEN
    return state ^ (state >> HALF)


@allocating
def new_table(n_keys: int) -> Table:
    """A table for up to `n_keys` keys; to be cleared before use."""
    n_slots = slots_for(n_keys)
    return Table(np.empty(n_slots, np.uint64), np.empty(n_slots, np.int32))


@numba.njit
def slots_for(n_keys: int) -> int:
    """The smallest power of two at which a table is at most half full. Python may call it too."""
    n_slots = 2
    while n_slots < 2 * n_keys:
        n_slots *= 2
    return n_slots


@inner
def clear(table: Table, n_keys: int) -> np.uint64:
    """Frees as much of the table as `n_keys` keys need, and gives the mask of its slots: for `find_or_add`."""
    n_slots = slots_for(n_keys)
    table.keys[:n_slots] = 0
    return np.uint64(n_slots - 1)


@inner
def find_or_add(table: Table, mask: np.uint64, key: np.uint64, value: int) -> int:
    """The number kept for `key`; keeps `value` where there was none."""
    slot = ((key * GOLDEN) >> HALF) & mask
    while table.keys[slot] != 0:
        if table.keys[slot] == key:
            return table.values[slot]
        slot = (slot + ONE) & mask
    table.keys[slot], table.values[slot] = key, value
    return value

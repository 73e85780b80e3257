"""An n-gram model of bytes, counted and asked: what comes next, given the last few bytes.

Interpolated after Witten and Bell (1991): with c(h) the bytes seen behind a context h and t(h) the different ones,

    p(b | h) = (c(h b) + t(h) p(b | h')) / (c(h) + t(h))        h' being h without its first byte
    p(b | nothing) by the same formula, with 1/256 in the place of the shorter context

Contexts are named by 64-bit hashes: of some millions no two are alike but by a chance of one in a million. Counts are
exact. A context that was never seen ends the search, for no longer one was.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from smelt.corpus.measures.kernels import BYTES, GOLDEN, HALF, OFFSETS, ONE, SEED, compiled, inner, mix, slots_for

NO_KEY = np.uint64(0)
VALUES = 256
KEYS = types.Array(types.uint64, 1, "C", readonly=True)
COUNTS = types.Array(types.uint32, 1, "C", readonly=True)


@inner
def key_of(text: NDArray[np.uint8], first: int, end: int) -> np.uint64:
    """The name of a run of bytes; never 0, which marks a free slot."""
    state = mix(SEED, np.uint64(end - first))
    for at in range(first, end):
        state = mix(state, np.uint64(text[at]))
    return state | ONE


@inner
def slot_of(keys: NDArray[np.uint64], key: np.uint64) -> int:
    """Where a key is, or would be."""
    mask = np.uint64(len(keys) - 1)
    slot = ((key * GOLDEN) >> HALF) & mask
    while keys[slot] != 0 and keys[slot] != key:
        slot = (slot + ONE) & mask
    return int(slot)


@compiled(types.void(BYTES, OFFSETS, types.int64, types.int64, types.uint64[::1]))
def write_keys(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], n: int, without: int, keys: NDArray[np.uint64]
) -> None:
    """The name of the n-gram up to each byte, its last `without` bytes aside; 0 where the text is shorter."""
    for d in range(len(offsets) - 1):
        text = data[offsets[d] : offsets[d + 1]]
        for at in range(len(text)):
            first = at + 1 - n
            keys[offsets[d] - offsets[0] + at] = key_of(text, first, at + 1 - without) if first >= 0 else NO_KEY


@compiled(types.void(KEYS, types.uint64[::1], types.int64[::1]))
def fill_slots(keys: NDArray[np.uint64], slots: NDArray[np.uint64], rows: NDArray[np.int64]) -> None:
    """Puts different keys into an empty table with open addressing, and the row of each beside it."""
    for row in range(len(keys)):
        slot = slot_of(slots, keys[row])
        slots[slot], rows[slot] = keys[row], row


@compiled(types.void(BYTES, OFFSETS, types.int64, KEYS, COUNTS, KEYS, COUNTS, COUNTS, types.float64[::1]))
def score_texts(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    order: int,
    grams: NDArray[np.uint64],
    gram_counts: NDArray[np.uint32],
    contexts: NDArray[np.uint64],
    totals: NDArray[np.uint32],
    kinds: NDArray[np.uint32],
    bits: NDArray[np.float64],
) -> None:
    """The bits of each text: the sum of -log2 p over its bytes."""
    for d in range(len(offsets) - 1):
        text = data[offsets[d] : offsets[d + 1]]
        total = 0.0
        for at in range(len(text)):
            p = 1 / VALUES
            for length in range(min(order, at + 1)):  # of the context
                slot = slot_of(contexts, key_of(text, at - length, at))
                if contexts[slot] == 0:
                    break
                found = slot_of(grams, key_of(text, at - length, at + 1))
                seen = gram_counts[found] if grams[found] != 0 else 0
                p = (seen + kinds[slot] * p) / (totals[slot] + kinds[slot])
            total -= np.log2(p)
        bits[d] = total


def table_of(keys: NDArray[np.uint64], *counts: NDArray[np.uint32]) -> list[NDArray[Any]]:
    """A table of different keys, and each of their counts under the same slots; free slots have key 0."""
    slots = np.zeros(slots_for(len(keys)), np.uint64)
    rows = np.full(len(slots), len(keys))
    fill_slots(keys, slots, rows)
    return [slots, *(np.append(values, values.dtype.type(0))[rows] for values in counts)]

"""Of stretches that share a selected gram, those that were there before.

Around each occurrence of a gram lie all stretches of `length` symbols that selected it. They are taken in order, column
by column: those that are equal have their gram at the same column, so they meet. The first occurrence is found by hash
and held against the others symbol by symbol. A group of m occurrences takes m * `window` look-ups, in however many
documents a boilerplate stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from smelt.corpus.duplicates.partitions import Layout, read_keys
from smelt.corpus.duplicates.spans import SPAN, Spans, merge
from smelt.corpus.duplicates.symbols import BYTES_OR_TOKENS, SymbolArray
from smelt.corpus.duplicates.winnowing import BASE, Winnowing, hash_stretch, power, scramble
from smelt.corpus.measures.kernels import OFFSETS, ONE, compiled, inner, slots_for

CHUNK = 100_000
"""Occurrences whose surroundings are held at a time, at 1.5 times `length` symbols: some 30 MB. A larger group is held
whole."""


SHARED = np.dtype([("key", np.uint64), ("place", np.int64), ("at", np.int64)])
"""A selected gram, the place of its document, and the symbol of the text at which it begins."""
Shared = NDArray[Any]
"""Group by group of equal keys, each in the order of the corpus."""


def shared_grams(layout: Layout, name: str, part: tuple[int, int]) -> Shared:
    """The grams of a partition, of those written as `name`, that a document that is decided on shares with another."""
    keys, places, (at,) = read_keys(layout, name, part, ["at"])
    order = np.argsort(keys, kind="stable")  # they come shard by shard, of each key in the order of the texts
    bounds = _bounds(keys[order])
    matters = (np.diff(bounds) > 1) & (places[order[bounds[1:] - 1]] >= layout.first_new)
    chosen = order[np.repeat(matters, np.diff(bounds))]
    shared = np.empty(len(chosen), SHARED)
    shared["key"], shared["place"], shared["at"] = keys[chosen], places[chosen], at[chosen]
    return shared


def find_spans(layout: Layout, shared: Shared, winnowing: Winnowing) -> Spans:
    """What was there before, in symbols, of the documents that are decided on."""
    found = [np.empty(0, SPAN)]
    for inside in _chunks(shared["key"]):
        spans = _repeats(layout, shared[inside], winnowing)
        found.append(merge(spans[spans["place"] >= layout.first_new]))
    return merge(np.concatenate(found))


def _bounds(keys: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Where each group of equal keys begins, and the last ends."""
    return np.append(np.flatnonzero(np.append(True, keys[1:] != keys[:-1])[: len(keys)]), len(keys))


def _chunks(keys: NDArray[np.uint64]) -> Iterator[slice]:
    """Whole groups, about CHUNK occurrences at a time."""
    starts = _bounds(keys)[:-1]
    chunk = starts // CHUNK
    edges = [*starts[np.flatnonzero(np.append(True, chunk[1:] != chunk[:-1]))], len(keys)] if len(keys) else []
    return (slice(low, high) for low, high in pairwise(edges))


def _repeats(layout: Layout, shared: Shared, winnowing: Winnowing) -> Spans:
    """The spans of the repeats around some occurrences of grams, given group by group."""
    contexts, low, high = _contexts(layout, shared, winnowing)
    is_repeat = np.zeros((len(shared), winnowing.window + 2), np.uint8)  # a column of nothing before and behind
    places, at = (np.ascontiguousarray(shared[name]) for name in ("place", "at"))
    mark_repeats(_bounds(shared["key"]), contexts, low, high, places, at, winnowing.length, is_repeat)
    edges = np.diff(is_repeat.astype(np.int8), axis=1)
    rows, first = np.nonzero(edges == 1)
    _, behind = np.nonzero(edges == -1)
    spans = np.empty(len(rows), SPAN)
    begin = at[rows] - (winnowing.window - 1)
    spans["place"], spans["start"] = places[rows], begin + first
    spans["end"] = begin + behind - 1 + winnowing.length
    return spans


def _contexts(
    layout: Layout, shared: Shared, winnowing: Winnowing
) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[np.int64]]:
    """The symbols around grams anywhere in the corpora: (m, context), of which those from `low` to `high` are text."""
    order = np.argsort(shared["place"], kind="stable")
    spread = layout.spread(shared["place"][order])
    size = len(shared)
    contexts = np.zeros((size, winnowing.context), layout.load(spread[0][0], "symbols").dtype)
    low, high = np.empty(size, np.int64), np.empty(size, np.int64)
    for number, inside in spread:
        which = order[inside]
        values, offsets = layout.load(number, "symbols"), np.asarray(layout.load(number, "offsets"))
        rows = shared["place"][which] - layout.starts[number]
        copy_contexts(values, offsets, rows, shared["at"][which], winnowing.window - 1, which, contexts, low, high)
    return contexts, low, high


@compiled(
    *(
        types.void(
            array,
            OFFSETS,
            types.int64[::1],
            types.int64[::1],
            types.int64,
            types.int64[::1],
            types.Array(array.dtype, 2, "C"),
            types.int64[::1],
            types.int64[::1],
        )
        for array in BYTES_OR_TOKENS
    )
)
def copy_contexts(
    values: SymbolArray,
    offsets: NDArray[np.int64],
    rows: NDArray[np.int64],
    at: NDArray[np.int64],
    before: int,
    which: NDArray[np.int64],
    contexts: SymbolArray,
    low: NDArray[np.int64],
    high: NDArray[np.int64],
) -> None:
    """Fills the rows `which` of `contexts` with the symbols from `before` before each gram on, as far as its
    document goes."""
    width = contexts.shape[1]
    for i in range(len(rows)):
        begin = offsets[rows[i]] + at[i] - before
        low[which[i]] = max(offsets[rows[i]] - begin, 0)
        high[which[i]] = min(offsets[rows[i] + 1] - begin, width)
        for column in range(low[which[i]], high[which[i]]):
            contexts[which[i], column] = values[begin + column]


@inner
def n_equal(a: SymbolArray, b: SymbolArray) -> int:
    """How many symbols two stretches of one length share from their beginning on."""
    at = 0
    while at < len(a) and a[at] == b[at]:
        at += 1
    return at


@inner
def first_with(keys: NDArray[np.uint64], values: NDArray[np.int64], mask: np.uint64, key: np.uint64, value: int) -> int:
    """The number kept for `key` in an open-addressing table; keeps `value` where there was none (-1)."""
    slot = scramble(key) & mask
    while values[slot] >= 0:
        if keys[slot] == key:
            return values[slot]
        slot = (slot + ONE) & mask
    keys[slot], values[slot] = key, value
    return value


@compiled(
    *(
        types.void(
            types.int64[::1],
            types.Array(array.dtype, 2, "C"),
            types.int64[::1],
            types.int64[::1],
            types.int64[::1],
            types.int64[::1],
            types.int64,
            types.uint8[:, ::1],
        )
        for array in BYTES_OR_TOKENS
    )
)
def mark_repeats(
    groups: NDArray[np.int64],
    contexts: SymbolArray,
    low: NDArray[np.int64],
    high: NDArray[np.int64],
    places: NDArray[np.int64],
    at: NDArray[np.int64],
    length: int,
    is_repeat: NDArray[np.uint8],
) -> None:
    """Sets `is_repeat[i, 1 + c]` where the stretch of `length` symbols from column c of the i-th context is a repeat.

    Column by column: all stretches there that are equal have their gram at the same column, so they meet. The first
    occurrence of the column before is most often that of this one too, and then one symbol is left to compare.
    """
    n_columns = is_repeat.shape[1] - 2
    largest = 0
    for g in range(len(groups) - 1):
        largest = max(largest, groups[g + 1] - groups[g])
    keys, values = np.empty(slots_for(largest), np.uint64), np.empty(slots_for(largest), np.int64)
    states, known = np.empty(largest, np.uint64), np.empty(largest, np.int64)
    out = power(length)
    for g in range(len(groups) - 1):
        start, end = groups[g], groups[g + 1]
        n_slots = slots_for(end - start)
        known[: end - start] = -1
        for c in range(n_columns):
            values[:n_slots] = -1
            for i in range(start, end):
                if c < low[i] or c + length > high[i]:
                    continue
                m = i - start
                if c == low[i]:
                    states[m] = hash_stretch(contexts[i, c : c + length])
                else:
                    leaves, comes = np.uint64(contexts[i, c - 1]), np.uint64(contexts[i, c + length - 1])
                    states[m] = states[m] * BASE + comes - out * leaves
                first = first_with(keys, values, np.uint64(n_slots - 1), np.uint64(states[m]), i)
                if first == i:
                    known[m] = -1
                    continue
                since = c + length - 1 if known[m] == first else c
                if n_equal(contexts[i, since : c + length], contexts[first, since : c + length]) < c + length - since:
                    known[m] = -1
                    continue
                known[m] = first
                overlaps = places[i] == places[first] and at[i] - at[first] < length
                is_repeat[i, 1 + c] = not overlaps

"""Repeated substrings: every stretch of at least `length` bytes that was there before is cut out (Lee et al. 2021).

What is removed, exactly: let the first occurrence of `length` bytes be the one in the first document that has them (in
the order of the corpus, older corpora first) and there the first. Every other occurrence is a repeat, unless it
overlaps the first; the union of all repeats is removed. So each text that is removed still stands somewhere.

Lee et al. find repeats with a suffix array of the whole corpus, which takes 8 bytes of memory a byte of text. Here the
work is cut into partitions by winnowing (Schleimer, Wilkerson & Aiken 2003): of every `window` consecutive grams the
one with the least hash is selected (the rightmost of several). Two equal stretches of `gram + window - 1` bytes, which
is `length`, are equal windows, and select the same gram at the same place. So all occurrences of any `length` bytes are
among those of a selected gram, and a partition that holds all occurrences of its grams decides on its own:

    fingerprint  a shard      the selected grams: one in about `length` / 4 bytes
    repeats      a partition  of grams that occur again, the bytes around each; of all stretches of `length` bytes in
                              them, in order, the first occurrence by hash, held against it byte by byte
    cut          a shard      the union of spans: spans.py

A group of m occurrences takes m * `window` look-ups, in however many documents a boilerplate stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numba
import numpy as np
from numba import types
from numpy.typing import NDArray

from smelt.corpus.corpus import read_shard
from smelt.corpus.duplicates.partitions import Layout, read_keys, save, save_keys
from smelt.corpus.duplicates.spans import SPAN, Spans, merge
from smelt.corpus.measures.kernels import (
    BYTES,
    GOLDEN,
    HALF,
    OFFSETS,
    ONE,
    compiled,
    longest_text,
    slots_for,
    utf8_buffers,
)

BASE = np.uint64(0x9E3779B97F4A7C15)
"""Of the rolling hash sum(byte * BASE^k) mod 2^64 (Karp & Rabin 1987). Stretches that collide are told apart by their
bytes; among them only the first is found again."""
CHUNK = 100_000
"""Occurrences whose surroundings are held at a time, at 1.5 times `length` bytes: some 30 MB. A larger group is held
whole."""


@dataclass(frozen=True, slots=True)
class Winnowing:
    """How stretches of `length` bytes are found again."""

    length: int

    @property
    def gram(self) -> int:
        """Bytes in a gram: half the length. Shorter ones would be fewer, but meet in vain more often."""
        return self.length // 2

    @property
    def window(self) -> int:
        """Consecutive grams of which one is selected."""
        return self.length - self.gram + 1

    @property
    def context(self) -> int:
        """Bytes around a selected gram in which all stretches lie that selected it."""
        return self.gram + 2 * (self.window - 1)


def fingerprint_shard(number: int, *, layout: Layout, length: int) -> int:
    """Writes the selected grams of a shard, and its text as it is; gives how many grams there are."""
    data, offsets = utf8_buffers(read_shard(layout.shards[number], ["text"])["text"])
    data, offsets = data[offsets[0] : offsets[-1]], offsets - offsets[0]
    keys, rows, at = fingerprints(data, offsets, Winnowing(length))
    layout.save(number, text=data, offsets=offsets)
    return save_keys(layout, number, "gram", keys, row=rows, at=at)


def fingerprints(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], winnowing: Winnowing
) -> tuple[NDArray[np.uint64], NDArray[np.uint32], NDArray[np.int64]]:
    """The selected grams of texts: hash, row of the text, and the byte of the text at which each begins."""
    keys, rows, at = np.empty(len(data), np.uint64), np.empty(len(data), np.uint32), np.empty(len(data), np.int64)
    n = winnow(data, offsets, winnowing.gram, winnowing.window, keys, rows, at)
    return keys[:n].copy(), rows[:n].copy(), at[:n].copy()


def find_repeats(part: tuple[int, int], *, layout: Layout, length: int) -> int:
    """Writes the spans of a partition's repeats in documents that are decided on; gives how many."""
    winnowing = Winnowing(length)
    keys, places, (at,) = read_keys(layout, "gram", part, ["at"])
    order = np.lexsort((at, places, keys))
    keys, places, at = keys[order], places[order], at[order]
    again = np.zeros(len(keys), np.bool_)
    again[1:] |= keys[1:] == keys[:-1]
    again[:-1] |= keys[1:] == keys[:-1]
    keys, places, at = keys[again], places[again], at[again]
    found = [np.empty(0, SPAN)]
    for inside in _chunks(keys):
        spans = _repeats(layout, keys[inside], places[inside], at[inside], winnowing)
        found.append(merge(spans[spans["place"] >= layout.first_new]))
    spans = merge(np.concatenate(found))
    save(layout.part(part[0], "spans.npy"), spans)
    return len(spans)


def _chunks(keys: NDArray[np.uint64]) -> Iterator[slice]:
    """Whole groups of equal keys, about CHUNK of them at a time."""
    starts = np.flatnonzero(np.append(True, keys[1:] != keys[:-1])) if len(keys) else np.empty(0, np.int64)
    chunk = starts // CHUNK
    edges = [*starts[np.flatnonzero(np.append(True, chunk[1:] != chunk[:-1]))], len(keys)] if len(keys) else []
    return (slice(low, high) for low, high in pairwise(edges))


def _repeats(
    layout: Layout, keys: NDArray[np.uint64], places: NDArray[np.int64], at: NDArray[np.int64], winnowing: Winnowing
) -> Spans:
    """The spans of the repeats around some occurrences of grams, given group by group in order."""
    contexts, low, high = _contexts(layout, places, at, winnowing)
    groups = np.append(np.flatnonzero(np.append(True, keys[1:] != keys[:-1])), len(keys))
    is_repeat = np.zeros((len(keys), winnowing.window + 2), np.uint8)  # a column of nothing before and behind
    mark_repeats(groups, contexts, low, high, places, at, winnowing.length, is_repeat)
    edges = np.diff(is_repeat.astype(np.int8), axis=1)
    rows, first = np.nonzero(edges == 1)
    _, behind = np.nonzero(edges == -1)
    spans = np.empty(len(rows), SPAN)
    begin = at[rows] - (winnowing.window - 1)
    spans["place"], spans["start"] = places[rows], begin + first
    spans["end"] = begin + behind - 1 + winnowing.length
    return spans


def _contexts(
    layout: Layout, places: NDArray[np.int64], at: NDArray[np.int64], winnowing: Winnowing
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
    """The bytes around grams anywhere in the corpora: (m, context), of which those from `low` to `high` are text."""
    contexts = np.zeros((len(places), winnowing.context), np.uint8)
    low, high = np.empty(len(places), np.int64), np.empty(len(places), np.int64)
    order = np.argsort(places, kind="stable")
    for number, inside in layout.spread(places[order]):
        which = order[inside]
        text, offsets = layout.load(number, "text"), np.asarray(layout.load(number, "offsets"))
        rows = places[which] - layout.starts[number]
        copy_contexts(text, offsets, rows, at[which], winnowing.window - 1, which, contexts, low, high)
    return contexts, low, high


@numba.njit
def power(exponent: int) -> np.uint64:
    """BASE to that power."""
    result = ONE
    for _ in range(exponent):
        result *= BASE
    return result


@numba.njit
def hash_bytes(text: NDArray[np.uint8]) -> np.uint64:
    """The rolling hash of a stretch."""
    state = np.uint64(0)
    for byte in text:
        state = state * BASE + np.uint64(byte)
    return state


@numba.njit
def scramble(state: np.uint64) -> np.uint64:
    """The rolling hash with all bits stirred: its low bits depend on low bits alone."""
    state = (state ^ (state >> HALF)) * GOLDEN
    return state ^ (state >> HALF)


@numba.njit
def hash_grams(text: NDArray[np.uint8], gram: int, hashes: NDArray[np.uint64]) -> int:
    """Fills `hashes` with those of every gram of the text, and gives how many there are."""
    if len(text) < gram:
        return 0
    out = power(gram)
    state = hash_bytes(text[:gram])
    hashes[0] = scramble(state)
    for at in range(1, len(text) - gram + 1):
        state = state * BASE + np.uint64(text[at + gram - 1]) - out * np.uint64(text[at - 1])
        hashes[at] = scramble(state)
    return len(text) - gram + 1


@numba.njit
def least_of(hashes: NDArray[np.uint64], start: int, end: int) -> int:
    """Where the least of them is; the rightmost of several."""
    least = start
    for at in range(start + 1, end):
        if hashes[at] <= hashes[least]:
            least = at
    return least


@compiled(types.int64(BYTES, OFFSETS, types.int64, types.int64, types.uint64[::1], types.uint32[::1], types.int64[::1]))
def winnow(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    gram: int,
    window: int,
    keys: NDArray[np.uint64],
    rows: NDArray[np.uint32],
    at: NDArray[np.int64],
) -> int:
    """Fills `keys`, `rows` and `at` with the selected grams, and gives how many there are."""
    hashes = np.empty(longest_text(offsets) + 1, np.uint64)
    n = 0
    for d in range(len(offsets) - 1):
        n_grams = hash_grams(data[offsets[d] : offsets[d + 1]], gram, hashes)
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


@compiled(
    types.void(
        BYTES,
        OFFSETS,
        types.int64[::1],
        types.int64[::1],
        types.int64,
        types.int64[::1],
        types.uint8[:, ::1],
        types.int64[::1],
        types.int64[::1],
    )
)
def copy_contexts(
    text: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    rows: NDArray[np.int64],
    at: NDArray[np.int64],
    before: int,
    which: NDArray[np.int64],
    contexts: NDArray[np.uint8],
    low: NDArray[np.int64],
    high: NDArray[np.int64],
) -> None:
    """Fills the rows `which` of `contexts` with the bytes from `before` bytes before each gram on, as far as its
    document goes."""
    width = contexts.shape[1]
    for i in range(len(rows)):
        begin = offsets[rows[i]] + at[i] - before
        low[which[i]] = max(offsets[rows[i]] - begin, 0)
        high[which[i]] = min(offsets[rows[i] + 1] - begin, width)
        for column in range(low[which[i]], high[which[i]]):
            contexts[which[i], column] = text[begin + column]


@numba.njit
def n_equal(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> int:
    """How many bytes two stretches of one length share from their beginning on."""
    at = 0
    while at < len(a) and a[at] == b[at]:
        at += 1
    return at


@numba.njit
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
    types.void(
        types.int64[::1],
        types.uint8[:, ::1],
        types.int64[::1],
        types.int64[::1],
        types.int64[::1],
        types.int64[::1],
        types.int64,
        types.uint8[:, ::1],
    )
)
def mark_repeats(
    groups: NDArray[np.int64],
    contexts: NDArray[np.uint8],
    low: NDArray[np.int64],
    high: NDArray[np.int64],
    places: NDArray[np.int64],
    at: NDArray[np.int64],
    length: int,
    is_repeat: NDArray[np.uint8],
) -> None:
    """Sets `is_repeat[i, 1 + c]` where the stretch of `length` bytes from column c of the i-th context is a repeat.

    Column by column: all stretches there that are equal have their gram at the same column, so they meet. The first
    occurrence of the column before is most often that of this one too, and then one byte is left to compare.
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
                    states[m] = hash_bytes(contexts[i, c : c + length])
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

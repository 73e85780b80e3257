"""What the second stage sees besides: what the first gave to neighbours, ancestors and blocks that look alike."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from smelt.corpus.extract.columns import ANCESTORS, BESIDES, ROWS, SUMMED
from smelt.corpus.extract.elements import counting_table, slot_of
from smelt.corpus.extract.features import FAR, next_around
from smelt.corpus.extract.page import ELEMENTS, RECORDS
from smelt.corpus.extract.trees import FLOATS
from smelt.corpus.measures.kernels import GOLDEN, allocating, compiled, inner

REACHES = (2, 5, 12, 30)
"""Blocks before and behind whose mean probability is seen."""
CONTEXT: list[str] = [
    "p",
    *(f"p{step:+}" for step in BESIDES),
    *(f"p_within{reach}" for reach in REACHES),
    *["p_before", "p_words", "p_share", "p_doubt", "p_most", "p_alike", "words_alike"],
    *(f"p_around{level}_{name}" for level in range(ANCESTORS) for name in ("mean", "share")),
    *["since_sure", "until_sure"],
]
SURE, SURE_WORDS = 0.5, 8
"""A block that counts as surely main content, for the distance to the last and to the next (prototype's values)."""
LITTLE = 1e-3  # keeps ratios of nothing finite


@inner
def look(elements: Any, sums: Any, e: int) -> np.uint64:
    """A key that elements share which look alike and whose parents do."""
    key = sums[e].signature * GOLDEN
    return key ^ sums[elements[e].parent].signature if e > 0 else key


@allocating
def sum_alike(
    blocks: Any, n: int, elements: Any, sums: Any, p: NDArray[np.float32], alike: NDArray[np.float32]
) -> None:
    """Fills `alike` (n, 2): probability and words over all blocks whose elements look like a block's."""
    table = counting_table(n)
    totals = np.zeros((len(table.keys), 2), np.float32)
    slots = np.empty(n, np.int64)
    for i in range(n):
        slots[i] = slot_of(table, look(elements, sums, blocks[i].element))
        totals[slots[i], 0] += p[i] * (blocks[i].words + 1)
        totals[slots[i], 1] += blocks[i].words + 1
    for i in range(n):
        alike[i] = totals[slots[i]]


@allocating
def sum_up(blocks: Any, n: int, elements: Any, n_elements: int, p: NDArray[np.float32]) -> NDArray[np.float32]:
    """The expected words of main content within each element."""
    expected = np.zeros(n_elements, np.float32)
    for i in range(n):
        expected[blocks[i].element] += p[i] * blocks[i].words
    for e in range(n_elements - 1, 0, -1):
        expected[elements[e].parent] += expected[e]
    return expected


@inner
def write_means(rows: NDArray[np.float32], at: int, blocks: Any, n: int, p: NDArray[np.float32]) -> None:
    """For each of REACHES, the mean probability of the blocks around one, itself left out."""
    for k, reach in enumerate(REACHES):
        total = weight = 0.0
        for j in range(-reach, n):
            entering, leaving = j + reach, j - reach - 1
            if entering < n:
                total += p[entering] * (blocks[entering].words + 1.0)
                weight += blocks[entering].words + 1.0
            if leaving >= 0:
                total -= p[leaving] * (blocks[leaving].words + 1.0)
                weight -= blocks[leaving].words + 1.0
            if j >= 0:
                own = blocks[j].words + 1.0
                rows[j, at + k] = (total - p[j] * own) / (weight - own + LITTLE)


@inner
def write_around(
    row: NDArray[np.float32], at: int, e: int, elements: Any, sums: Any, expected: NDArray[np.float32]
) -> int:
    """For each of ANCESTORS, the share of its words that is expected, and its share of all that is."""
    for _ in range(ANCESTORS):
        if e > 0:
            row[at], row[at + 1] = expected[e] / (sums[e].words + LITTLE), expected[e] / (expected[0] + LITTLE)
            e = next_around(e, elements, sums)
        else:
            row[at], row[at + 1] = -1.0, -1.0
        at += 2
    return at


@inner
def write_distances(rows: NDArray[np.float32], at: int, blocks: Any, n: int, p: NDArray[np.float32]) -> None:
    """How many blocks ago, and how many ahead, a block is surely main content."""
    before, behind = -FAR, FAR * 1e3
    for i in range(n):
        rows[i, at] = min(i - before, FAR)
        if p[i] > SURE and blocks[i].words >= SURE_WORDS:
            before = i
    for i in range(n - 1, -1, -1):
        rows[i, at + 1] = min(behind - i, FAR)
        if p[i] > SURE and blocks[i].words >= SURE_WORDS:
            behind = i


@compiled(types.void(ELEMENTS, types.int64, RECORDS, types.int64, SUMMED, FLOATS, ROWS, types.int64))
def describe_context(
    elements: Any,
    n_elements: int,
    blocks: Any,
    n: int,
    sums: Any,
    p: NDArray[np.float32],
    rows: NDArray[np.float32],
    at: int,
) -> None:
    """Fills the columns CONTEXT of `rows`, from column `at` on."""
    expected, alike = sum_up(blocks, n, elements, n_elements, p), np.empty((n, 2), np.float32)
    sum_alike(blocks, n, elements, sums, p, alike)
    words = doubt = LITTLE
    most, before, means, next_at = np.float32(0), 0.0, at + 1 + len(BESIDES), at
    for i in range(n):
        words += blocks[i].words
        doubt += blocks[i].words * p[i] * (1 - p[i])
        most = max(most, p[i])
    for i in range(n):
        row, own, e = rows[i], blocks[i].words + 1.0, blocks[i].element
        row[at] = p[i]
        for k, step in enumerate(BESIDES):
            row[at + 1 + k] = p[i + step] if 0 <= i + step < n else -1.0
        next_at = means + len(REACHES)
        row[next_at], row[next_at + 1] = before / (expected[0] + LITTLE), expected[0]
        row[next_at + 2], row[next_at + 3], row[next_at + 4] = expected[0] / words, doubt / words, most
        row[next_at + 5] = (alike[i, 0] - p[i] * own + 0.5 * most) / (alike[i, 1] - own + 1.0)
        row[next_at + 6] = alike[i, 1] - own
        next_at = write_around(row, next_at + 7, e, elements, sums, expected)
        before += blocks[i].words * p[i]
    write_means(rows, means, blocks, n, p)
    write_distances(rows, next_at, blocks, n, p)

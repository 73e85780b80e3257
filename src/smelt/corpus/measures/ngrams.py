"""Repeated n-grams of words, for n from 2 to 10, as compiled code.

An n-gram is named by the pair of numbers of its two (n-1)-grams, so that n-grams are told apart exactly by 64-bit
keys, and it is looked for only where its (n-1)-gram occurs again: from 5-grams on next to nothing is left to look at.

    words    a b c a b d      numbers 0 1 2 0 1 3      repeated: 0 1 . 0 1 .
    2-grams  at words 0 and 3: the pair (0, 1) twice   repeated: number 0 at 0 and at 3
    3-grams  none: at word 1 no 2-gram is left
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from smelt.corpus.measures.kernels import HALF, ONE, Table, allocating, clear, find_or_add, inner

TOP_GRAM, MAX_GRAM = 4, 10
"""Up to TOP_GRAM the most frequent n-gram counts; beyond, all duplicates (Rae et al. 2021, table A1)."""


class Grams(NamedTuple):
    """The n-grams of one document that are still followed, for one n at a time."""

    at: NDArray[np.int32]
    """The word at which the k-th starts."""
    number: NDArray[np.int32]
    """Which n-gram it is: equal ones have equal numbers."""
    times: NDArray[np.int32]
    """How often an n-gram occurs, by number."""


@allocating
def room_for_grams(n: int) -> Grams:
    """Arrays for the n-grams of n words."""
    return Grams(np.empty(n, np.int32), np.empty(n, np.int32), np.empty(n, np.int32))


@inner
def count_grams(
    hashes: NDArray[np.uint64],
    chars_before: NDArray[np.int32],
    grams: Grams,
    table: Table,
    gram_chars: NDArray[np.int64],
    as_datatrove: bool,
) -> None:
    """Fills gram_chars (MAX_GRAM + 1,), by n: characters in the top n-gram, from TOP_GRAM on in duplicate n-grams.

    `hashes` are the words, `chars_before` the characters before each word and, last, in all words. As datatrove counts,
    the spaces in a top n-gram are characters too, and a duplicate n-gram is skipped as a whole.
    """
    gram_chars[:] = 0
    n_grams = number_words(hashes, grams, table)
    for n in range(2, MAX_GRAM + 1):
        n_grams = lengthen(grams, n_grams, table)
        if n <= TOP_GRAM:
            gram_chars[n] = top_chars(grams, n_grams, chars_before, n, n - 1 if as_datatrove else 0)
        elif as_datatrove:
            gram_chars[n] = skipped_chars(grams, n_grams, chars_before, n)
        else:
            gram_chars[n] = duplicate_chars(grams, n_grams, chars_before, n)


@inner
def number_words(hashes: NDArray[np.uint64], grams: Grams, table: Table) -> int:
    """Makes `grams` the words that occur more than once, and gives how many there are."""
    mask = clear(table, len(hashes))
    n_numbers = 0
    for j in range(len(hashes)):
        number = find_or_add(table, mask, hashes[j], n_numbers)
        n_numbers = enter(grams, j, j, number, n_numbers)
    return keep_repeated(grams, len(hashes))


@inner
def lengthen(grams: Grams, n_grams: int, table: Table) -> int:
    """Makes `grams`, the repeated (n-1)-grams, the repeated n-grams, and gives how many there are."""
    mask = clear(table, n_grams)
    n_longer = n_numbers = 0
    for k in range(n_grams - 1):
        if grams.at[k + 1] == grams.at[k] + 1:
            pair = np.uint64(grams.number[k]) << HALF | np.uint64(grams.number[k + 1])
            number = find_or_add(table, mask, pair + ONE, n_numbers)  # key 0 would mean a free slot
            n_numbers = enter(grams, n_longer, grams.at[k], number, n_numbers)
            n_longer += 1
    return keep_repeated(grams, n_longer)


@inner
def enter(grams: Grams, k: int, at: int, number: int, n_numbers: int) -> int:
    """Writes the k-th n-gram, and gives how many different ones there are with it."""
    grams.at[k], grams.number[k] = at, number
    if number < n_numbers:
        grams.times[number] += 1
        return n_numbers
    grams.times[number] = 1
    return n_numbers + 1


@inner
def keep_repeated(grams: Grams, n_grams: int) -> int:
    """Leaves out the n-grams that occur once, and gives how many are left."""
    kept = 0
    for k in range(n_grams):
        if grams.times[grams.number[k]] > 1:
            grams.at[kept], grams.number[kept] = grams.at[k], grams.number[k]
            kept += 1
    return kept


@inner
def top_chars(grams: Grams, n_grams: int, chars_before: NDArray[np.int32], n: int, spaces: int) -> int:
    """Characters, with so many spaces, in all occurrences of the most frequent n-gram; of several, of the longest. 0 if
    none repeats."""
    most = longest = 0
    for k in range(n_grams):
        times = int(grams.times[grams.number[k]])
        length = int(chars_before[grams.at[k] + n] - chars_before[grams.at[k]]) + spaces
        if times > most or (times == most and length > longest):
            most, longest = times, length
    return most * longest


@inner
def duplicate_chars(grams: Grams, n_grams: int, chars_before: NDArray[np.int32], n: int) -> int:
    """Characters in n-grams that repeat an earlier one, each counted once. Uses up `times`."""
    chars = covered = 0
    for k in range(n_grams):
        if grams.times[grams.number[k]] > 0:
            grams.times[grams.number[k]] = 0  # the first occurrence: from now on it has been seen
            continue
        end = grams.at[k] + n
        chars += chars_before[end] - chars_before[max(covered, grams.at[k])]
        covered = end
    return chars


@inner
def skipped_chars(grams: Grams, n_grams: int, chars_before: NDArray[np.int32], n: int) -> int:
    """Characters in n-grams that repeat an earlier one, as datatrove reads: n words on after each that it finds, so
    that those which begin within are neither found nor remembered. Uses up `times`."""
    chars = read_on = 0
    for k in range(n_grams):
        at = int(grams.at[k])
        if at < read_on:
            continue
        if grams.times[grams.number[k]] > 0:
            grams.times[grams.number[k]] = 0
            continue
        chars += int(chars_before[at + n] - chars_before[at])
        read_on = at + n
    return chars

"""What the elements of a page are: their lexicon scores, what they hold in all, and how many look alike."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from smelt.corpus.extract.columns import CONTAINER, IN_P
from smelt.corpus.extract.lexicon import markup_score
from smelt.corpus.extract.tags import FNV_PRIME
from smelt.corpus.measures.kernels import GOLDEN, HALF, ONE, Table, allocating, inner, new_table


@inner
def slot_of(table: Table, key: np.uint64) -> np.int64:
    """The slot of a key, taken for it where it had none: its value is then 0."""
    key |= ONE  # 0 marks a free slot
    mask = np.uint64(len(table.keys) - 1)
    slot = (key * GOLDEN >> HALF) & mask
    while table.keys[slot] != 0 and table.keys[slot] != key:
        slot = (slot + ONE) & mask
    if table.keys[slot] == 0:
        table.keys[slot], table.values[slot] = key, 0
    return np.int64(slot)


@inner
def add_count(table: Table, key: np.uint64) -> None:
    """Counts a key."""
    table.values[slot_of(table, key)] += 1


@inner
def count_of(table: Table, key: np.uint64) -> int:
    """How often a key has been counted."""
    return table.values[slot_of(table, key)]


@allocating
def counting_table(n_keys: int) -> Table:
    """An empty table for up to so many keys."""
    table = new_table(n_keys)
    table.keys[:] = 0
    return table


@inner
def kin_key(elements: Any, sums: Any, e: int) -> np.uint64:
    """A key that elements share which look alike and have one parent."""
    return sums[e].signature ^ (np.uint64(elements[e].parent + 1) * GOLDEN)


@allocating
def describe_elements(
    elements: Any, n: int, tokens: NDArray[np.uint32], markup: NDArray[np.float32], sums: Any
) -> None:
    """What each element is, from its tokens and the elements around it."""
    table = counting_table(n)
    for e in range(n):
        element, own = elements[e], sums[e]
        own.words = own.chars = own.link_chars = own.blocks = own.sentence_ends = own.paragraph_words = 0
        own.score = own.chain = own.least = own.most = markup_score(element, elements[e + 1], tokens, markup)
        own.inside = np.uint64(0)
        own.signature = np.uint64(element.tag + 1)
        for k in range(element.first_token, elements[e + 1].first_token):
            own.signature = (own.signature ^ np.uint64(tokens[k])) * FNV_PRIME
        if e > 0:
            around = sums[element.parent]
            own.chain += around.chain
            own.least, own.most = min(around.least, own.score), max(around.most, own.score)
            own.inside = around.inside
        if CONTAINER[element.tag] >= 0:
            own.inside |= ONE << np.uint64(CONTAINER[element.tag])
        add_count(table, kin_key(elements, sums, e))
    for e in range(n):
        sums[e].alike = count_of(table, kin_key(elements, sums, e))


@inner
def add_up(elements: Any, n: int, blocks: Any, n_blocks: int, sums: Any) -> None:
    """What the blocks within each element amount to."""
    for i in range(n_blocks):
        block = blocks[i]
        own = sums[block.element]
        own.words += block.words
        own.chars += block.chars
        own.link_chars += block.link_chars
        own.blocks += 1
        own.sentence_ends += block.sentence_ends
        if own.inside & IN_P:
            own.paragraph_words += block.words
    for e in range(n - 1, 0, -1):
        own, around = sums[e], sums[elements[e].parent]
        around.words += own.words
        around.chars += own.chars
        around.link_chars += own.link_chars
        around.blocks += own.blocks
        around.sentence_ends += own.sentence_ends
        around.paragraph_words += own.paragraph_words

"""What the first stage sees of a block: itself, where it stands in the tree, its neighbours, and the page.

A row of float32 for each block, its columns named by FEATURES. Each function here writes a group of columns from `at`
on and gives where the next begins.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import types
from numpy.typing import NDArray

from smelt.corpus.extract.columns import (
    ANCESTORS,
    BESIDES,
    H1,
    IN_ARTICLE,
    IN_H1,
    IN_H2,
    IN_LI,
    IN_MAIN,
    IN_P,
    IN_TABLE,
    LONG_WORDS,
    ROWS,
    SCORED,
    SUMMED,
    WINDOWS,
)
from smelt.corpus.extract.elements import add_count, add_up, count_of, counting_table, describe_elements
from smelt.corpus.extract.lexicon import WEIGHTS, heading_score, text_score
from smelt.corpus.extract.page import ELEMENTS, RECORDS
from smelt.corpus.extract.tags import HIDDEN
from smelt.corpus.measures.kernels import ONE, allocating, compiled, inner

SENTENCE_MARKS, COLON = np.array([ord(c) for c in ".!?。！？।"]), ord(":")
FAR = 999.0


class Totals(NamedTuple):
    """Of a page, over its blocks."""

    words: float
    chars: float
    link_chars: float
    sentence_ends: float
    digits: float
    paragraph_words: float
    long_blocks: float
    in_article: float
    in_main: float
    h1s: float
    h2s: float
    in_lists: float
    in_tables: float
    text: float
    chain: float
    chain_most: float


@inner
def heading_level(inside: np.uint64) -> int:
    """1 to 6 in a heading, else 0."""
    for level in range(6, 0, -1):
        if inside >> np.uint64(H1 + level - 1) & ONE:
            return level
    return 0


@allocating
def score_blocks(
    blocks: Any, n: int, words: NDArray[np.uint32], text: NDArray[np.float32], sums: Any, scores: Any
) -> None:
    """Lexicon scores of the blocks, and how many blocks say the same."""
    table = counting_table(n)
    above = np.float32(0)
    for i in range(n):
        block, own = blocks[i], scores[i]
        own.text = text_score(block, words, text)
        own.heading = heading_score(block, words, text)
        if heading_level(sums[block.element].inside):
            above = own.heading
        own.above = above
        add_count(table, block.hash)
    for i in range(n):
        scores[i].equals = count_of(table, blocks[i].hash)


@inner
def page_totals(blocks: Any, n: int, sums: Any, scores: Any) -> Totals:
    """What the page is like as a whole."""
    words = chars = link_chars = sentence_ends = digits = paragraph_words = long_blocks = 0.0
    in_article = in_main = h1s = h2s = in_lists = in_tables = text = chain = 0.0
    chain_most = -FAR
    for i in range(n):
        block, around = blocks[i], sums[blocks[i].element]
        inside = around.inside
        words += block.words
        chars += block.chars
        link_chars += block.link_chars
        sentence_ends += block.sentence_ends
        digits += block.digits
        paragraph_words += block.words if inside & IN_P else 0
        long_blocks += block.words >= LONG_WORDS and block.link_chars * 3 < block.chars
        in_article += (inside & IN_ARTICLE) > 0
        in_main += (inside & IN_MAIN) > 0
        h1s += (inside & IN_H1) > 0
        h2s += (inside & IN_H2) > 0
        in_lists += (inside & IN_LI) > 0
        in_tables += (inside & IN_TABLE) > 0
        text += scores[i].text
        chain += around.chain * block.words
        chain_most = max(chain_most, around.chain)
    return Totals(
        words, chars, link_chars, sentence_ends, digits, paragraph_words, long_blocks, in_article, in_main, h1s, h2s,
        in_lists, in_tables, text, chain, chain_most,
    )  # fmt: skip


@inner
def write_own(row: NDArray[np.float32], block: Any, element: Any) -> int:
    """Columns OWN."""
    chars, words = block.chars + 1.0, block.words + 1.0
    row[0], row[1], row[2], row[3] = block.words, chars, block.link_chars / chars, chars / words
    row[4], row[5], row[6] = block.commas / words, block.sentence_ends, block.digits / chars
    row[7], row[8], row[9], row[10] = block.capitals / words, block.beyond_ascii / chars, block.links, block.breaks
    row[11], row[12] = block.strong_chars / chars, block.own_words / words
    row[13] = 2.0 if block.last == COLON else 3.0 if block.last >= 128 else 0.0
    for mark in SENTENCE_MARKS:
        if block.last == mark:
            row[13] = 1.0
    first = block.first
    row[14] = 1.0 if 65 <= first <= 90 else 2.0 if 48 <= first <= 57 else 3.0 if first >= 128 else 0.0
    row[15] = (element.style & HIDDEN) > 0
    return 16


@inner
def write_neighbours(row: NDArray[np.float32], at: int, i: int, blocks: Any, n: int, elements: Any, scores: Any) -> int:
    """Columns BESIDE for each of BESIDES."""
    element = blocks[i].element
    for step in BESIDES:
        j = i + step
        if 0 <= j < n:
            other = blocks[j]
            row[at], row[at + 1] = other.words, other.link_chars / (other.chars + 1.0)
            row[at + 2] = scores[j].text / (other.words + 1.0)
            is_sibling = elements[other.element].parent == elements[element].parent
            row[at + 3] = 1.0 if other.element == element else 2.0 if is_sibling else 0.0
        else:
            row[at], row[at + 1], row[at + 2], row[at + 3] = -1.0, -1.0, 0.0, -1.0
        at += 4
    return at


@inner
def next_around(e: int, elements: Any, sums: Any) -> int:
    """The next element around one that holds more blocks than it; 0 at the top."""
    held = sums[e].blocks
    e = elements[e].parent
    while e > 0 and sums[e].blocks == held:
        e = elements[e].parent
    return max(e, 0)


@inner
def write_ancestors(row: NDArray[np.float32], at: int, e: int, elements: Any, sums: Any, total_words: float) -> int:
    """Columns AROUND for each of ANCESTORS."""
    for _ in range(ANCESTORS):
        if e > 0:
            around = sums[e]
            row[at], row[at + 1] = around.alike, around.words / (total_words + 1.0)
            row[at + 2], row[at + 3] = around.link_chars / (around.chars + 1.0), around.words / (around.blocks + 1.0)
            row[at + 4] = around.sentence_ends / (around.words + 1.0) * 10.0
            row[at + 5] = around.paragraph_words / (around.words + 1.0)
            e = next_around(e, elements, sums)
        else:
            row[at : at + 6] = 0.0
        at += 6
    return at


@inner
def write_page(row: NDArray[np.float32], at: int, chain: float, n: int, totals: Totals) -> int:
    """Columns PAGE."""
    words, chars = totals.words + 1.0, totals.chars + 1.0
    row[at], row[at + 1], row[at + 2], row[at + 3] = totals.words, totals.link_chars / chars, n, totals.long_blocks
    row[at + 4], row[at + 5], row[at + 6] = totals.paragraph_words / words, totals.in_article / n, totals.in_main / n
    row[at + 7], row[at + 8], row[at + 9] = totals.h1s, totals.h2s, totals.in_lists / n
    row[at + 10], row[at + 11], row[at + 12] = totals.in_tables / n, totals.sentence_ends / words, totals.digits / chars
    row[at + 13], row[at + 14] = totals.text / words, totals.chain / words
    row[at + 15], row[at + 16] = totals.chain_most - chain, chain - totals.chain / words
    return at + 17


@inner
def write_windows(rows: NDArray[np.float32], at: int, blocks: Any, n: int, scores: Any) -> None:
    """Columns WINDOW for each of WINDOWS, of all blocks: running sums over those around."""
    for reach in WINDOWS:
        text = words = link_chars = chars = 0.0
        for j in range(-reach, n):
            entering, leaving = j + reach, j - reach - 1
            if entering < n:
                text += scores[entering].text
                words += blocks[entering].words
                link_chars += blocks[entering].link_chars
                chars += blocks[entering].chars
            if leaving >= 0:
                text -= scores[leaving].text
                words -= blocks[leaving].words
                link_chars -= blocks[leaving].link_chars
                chars -= blocks[leaving].chars
            if j >= 0:
                rows[j, at], rows[j, at + 1], rows[j, at + 2] = text / (words + 1.0), words, link_chars / (chars + 1.0)
        at += 3


@compiled(
    types.void(
        ELEMENTS, types.Array(types.uint32, 1, "C"), RECORDS, types.Array(types.uint32, 1, "C"),
        types.int64, types.int64,
        WEIGHTS, WEIGHTS, SUMMED, SCORED, ROWS,
    )
)  # fmt: skip
def describe(
    elements: Any,
    tokens: NDArray[np.uint32],
    blocks: Any,
    words: NDArray[np.uint32],
    n_elements: int,
    n_blocks: int,
    markup: NDArray[np.float32],
    text: NDArray[np.float32],
    sums: Any,
    scores: Any,
    rows: NDArray[np.float32],
) -> None:
    """Fills `rows` (n_blocks, len(FEATURES)), and `sums` and `scores` on the way."""
    describe_elements(elements, n_elements, tokens, markup, sums)
    add_up(elements, n_elements, blocks, n_blocks, sums)
    score_blocks(blocks, n_blocks, words, text, sums, scores)
    totals = page_totals(blocks, n_blocks, sums, scores)
    words_before = words_since = 0.0
    since_h1, heading, level_above = -1, -1, 0
    at = 0
    for i in range(n_blocks):
        row, block, e = rows[i], blocks[i], blocks[i].element
        around = sums[e]
        parent = max(elements[e].parent, 0)
        grandparent = max(elements[parent].parent, 0)
        level = heading_level(around.inside)
        at = write_own(row, block, elements[e])
        row[at], row[at + 1], row[at + 2] = elements[e].tag, elements[parent].tag, elements[grandparent].tag
        row[at + 3], row[at + 4], row[at + 5] = elements[e].depth, words_before / (totals.words + 1.0), i / n_blocks
        row[at + 6], row[at + 7] = i, n_blocks - i
        row[at + 8] = i - since_h1 if since_h1 >= 0 else -FAR
        row[at + 9] = i - heading if heading >= 0 else -1.0
        row[at + 10], row[at + 11], row[at + 12] = level_above, words_since, level
        at += 13
        if level > 0:
            heading, level_above, words_since = i, level, 0.0
        else:
            words_since += block.words
        if level == 1 and since_h1 < 0:
            since_h1 = i
        for k in range(H1):
            row[at + k] = (around.inside >> np.uint64(k)) & ONE
        at += H1
        row[at], row[at + 1], row[at + 2], row[at + 3] = around.score, around.chain, around.least, around.most
        row[at + 4], row[at + 5] = sums[parent].score, sums[grandparent].score
        row[at + 6], row[at + 7] = scores[i].text, scores[i].text / (block.words + 1.0)
        row[at + 8], row[at + 9] = scores[i].above, scores[i].equals
        at = write_ancestors(row, at + 10, e, elements, sums, totals.words)
        at = write_neighbours(row, at, i, blocks, n_blocks, elements, scores)
        at = write_page(row, at, around.chain, n_blocks, totals)
        words_before += block.words
    write_windows(rows, at, blocks, n_blocks, scores)

"""A run of text within a page: a piece of the block it belongs to, with its words and characters counted."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from smelt.corpus.extract.characters import BLANK, OWN_WORD, WORD, next_character
from smelt.corpus.extract.page import Page
from smelt.corpus.extract.tags import BLOCK, FNV_BASIS, FNV_PRIME, IS_SPACE, LOWER, STRONG, TAG_KINDS, is_digit
from smelt.corpus.measures.kernels import inner

COMMAS, ENDS = np.array([ord(c) for c in ",，、،"]), np.array([ord(c) for c in ".!?"])
WIDE_ENDS = np.array([ord(c) for c in "。！？．।؟"])
QUOTE = ord('"')


@inner
def read_text(page: Page, at: int, end: int) -> None:
    """Adds the bytes from `at` to `end` to the open block, or to a new one; white space alone opens none."""
    if not page.state.is_open:
        while at < end and IS_SPACE[page.data[at]]:
            at += 1
        if at == end:
            return
        open_block(page)
    block = page.blocks[page.state.blocks - 1]
    piece = page.pieces[page.state.pieces]
    piece.start, piece.end, piece.element = at, end, page.stack[page.state.depth - 1]
    page.state.pieces += 1
    words, chars = block.words, block.chars
    count_text(page, block, at, end)
    if page.state.links > 0:
        block.link_words += block.words - words
        block.link_chars += block.chars - chars
    if page.elements[piece.element].style & STRONG:
        block.strong_chars += block.chars - chars


@inner
def open_block(page: Page) -> None:
    """Begins a block, in the innermost open element that breaks lines."""
    level = page.state.depth - 1
    while level > 0 and not TAG_KINDS[page.open_tags[level]] & BLOCK:
        level -= 1
    block = page.blocks[page.state.blocks]
    block.element, block.first_piece, block.first_word = page.stack[level], page.state.pieces, page.state.words
    block.words = block.chars = block.link_words = block.link_chars = block.strong_chars = 0
    block.commas = block.sentence_ends = block.digits = block.capitals = block.beyond_ascii = block.own_words = 0
    block.links = block.breaks = block.first = block.last = 0
    for above in range(level + 1, page.state.depth):
        block.links += page.elements[page.stack[above]].link == page.stack[above]
    block.hash = FNV_BASIS
    page.state.blocks += 1
    page.state.is_open = 1


@inner
def read_word(
    data: NDArray[np.uint8], classes: NDArray[np.uint8], at: int, end: int, word: np.uint64, block: Any
) -> tuple[int, np.uint64]:
    """Goes on through the ASCII letters and digits of a word; gives where they end, and its hash so far."""
    chars = digits = 0
    while at < end and data[at] < 128 and classes[data[at]] & WORD:
        word = (word ^ np.uint64(LOWER[data[at]])) * FNV_PRIME
        digits += is_digit(data[at])
        chars += 1
        at += 1
    block.chars += chars
    block.digits += digits
    if chars:
        block.last = data[at - 1]
    return at, word


@inner
def count_text(page: Page, block: Any, at: int, end: int) -> None:
    """Counts the characters and words of a run of text into its block, and keeps the words' hashes."""
    data, classes = page.data, page.classes
    word, in_word = FNV_BASIS, False
    while at < end:
        code, following = next_character(data, at, end)
        kind = classes[code]
        if in_word and (not kind & WORD or kind & OWN_WORD):
            add_word(page, block, word)
            in_word = False
        if not kind & BLANK:
            block.chars += 1
            block.last = code
            if block.first == 0:
                block.first = code
            block.beyond_ascii += code >= 128
        if kind & WORD:
            if not in_word:
                word, in_word = FNV_BASIS, True
                block.words += 1
                block.own_words += (kind & OWN_WORD) > 0
                block.capitals += 65 <= code <= 90
            word = (word ^ np.uint64(LOWER[code] if code < 128 else code)) * FNV_PRIME
            block.digits += is_digit(code)
            if code < 128:
                following, word = read_word(data, classes, following, end, word, block)
        elif not kind & BLANK:
            count_punctuation(block, code, following >= end or IS_SPACE[data[following]] or data[following] == QUOTE)
        at = following
    if in_word:
        add_word(page, block, word)


@inner
def add_word(page: Page, block: Any, word: np.uint64) -> None:
    """Keeps the hash of a word."""
    page.words[page.state.words] = np.uint32(word >> np.uint64(16))
    page.state.words += 1
    block.hash = (block.hash ^ word) * FNV_PRIME


@inner
def count_punctuation(block: Any, code: int, ends_word: Any) -> None:
    """Counts commas, and the marks that end sentences."""
    for comma in COMMAS:
        block.commas += code == comma
    for mark in WIDE_ENDS:
        block.sentence_ends += code == mark
    if ends_word:
        for mark in ENDS:
            block.sentence_ends += code == mark

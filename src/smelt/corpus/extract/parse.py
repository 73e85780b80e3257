"""One compiled pass over the bytes of a page: what the HTML standard's parser would build, as far as text needs it.

It is linear in the page and never fails: an unclosed comment ends with the page, a `<` before anything but a name is
text, an end tag that nothing waits for is nothing. What ends where is said in closing.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from smelt.corpus.extract.attributes import read_attributes
from smelt.corpus.extract.closing import close, close_implied
from smelt.corpus.extract.page import ELEMENTS, MAX_DEPTH, PIECES, RECORDS, STATES, Page
from smelt.corpus.extract.tags import (
    BLOCK,
    FNV_BASIS,
    FNV_PRIME,
    IS_SPACE,
    LOWER,
    RAW,
    SKIP,
    TAG,
    TAG_KEYS,
    TAG_KINDS,
    TAG_NUMBERS,
    TAG_STYLES,
    VOID,
    find_name,
    is_letter,
)
from smelt.corpus.extract.text import read_text
from smelt.corpus.measures.kernels import BYTES, compiled, inner

LESS, GREATER, SLASH, BANG, QUESTION, DASH = b"<>/!?-"
A, BR = TAG["a"], TAG["br"]
HASHES = types.Array(types.uint32, 1, "C")


@inner
def opens_markup(data: NDArray[np.uint8], at: int) -> bool:
    """Whether a tag or a comment begins at a byte."""
    if data[at] != LESS or at + 1 >= len(data):
        return False
    following = data[at + 1]
    return is_letter(following) or following == SLASH or following == BANG or following == QUESTION


@inner
def end_page(page: Page) -> None:
    """Writes where the last element's tokens, and the last block's pieces and words, end."""
    page.elements[page.state.elements].first_token = page.state.tokens
    page.blocks[page.state.blocks].first_piece = page.state.pieces
    page.blocks[page.state.blocks].first_word = page.state.words


@inner
def skip_comment(data: NDArray[np.uint8], at: int) -> int:
    """Where the text goes on behind a comment, a doctype or an instruction."""
    if at + 3 < len(data) and data[at + 2] == DASH and data[at + 3] == DASH:
        place = at + 4
        if place < len(data) and data[place] == GREATER:
            return place + 1
        while place + 2 < len(data):
            if data[place] == DASH and data[place + 1] == DASH and data[place + 2] == GREATER:
                return place + 3
            place += 1
        return len(data)
    return skip_to_end_of_tag(data, at)


@inner
def skip_to_end_of_tag(data: NDArray[np.uint8], at: int) -> int:
    """The byte behind the next `>`."""
    while at < len(data) and data[at] != GREATER:
        at += 1
    return min(at + 1, len(data))


@inner
def read_name(data: NDArray[np.uint8], at: int) -> tuple[int, np.uint64]:
    """Where a tag's name ends, and its hash in lower case."""
    state = FNV_BASIS
    while at < len(data) and data[at] != GREATER and data[at] != SLASH and not IS_SPACE[data[at]]:
        state = (state ^ np.uint64(LOWER[data[at]])) * FNV_PRIME
        at += 1
    return at, state


@inner
def read_end_tag(page: Page, at: int) -> int:
    """Closes what an end tag closes, and gives where the text goes on."""
    at, name = read_name(page.data, at + 2)
    tag = find_name(TAG_KEYS, TAG_NUMBERS, name)
    if tag == BR:
        add_break(page)
    elif tag != 0 or name != FNV_BASIS:
        if TAG_KINDS[tag] & BLOCK:
            page.state.is_open = 0
        close(page, tag, name)
    return skip_to_end_of_tag(page.data, at)


@inner
def read_start_tag(page: Page, at: int) -> int:
    """Opens an element, and gives where its text begins; behind its end where the text is raw."""
    end, name = read_name(page.data, at + 1)
    tag = find_name(TAG_KEYS, TAG_NUMBERS, name)
    kind = TAG_KINDS[tag]
    close_implied(page, tag)
    if kind & (VOID | RAW):
        if tag == BR:
            add_break(page)
        end, _ = read_attributes(page, page.elements[page.state.elements], end, keep=False)
        return skip_to_end_of_tag(page.data, skip_raw_text(page.data, end, name)) if kind & RAW else end
    number = page.state.elements
    is_kept = page.state.depth < MAX_DEPTH
    if is_kept:
        open_element(page, tag)
        if tag == 0:
            page.tokens[page.state.tokens] = np.uint32(name)
            page.state.tokens += 1
    end, closes_itself = read_attributes(page, page.elements[number], end, keep=is_kept)
    if is_kept:
        settle(page, number, tag, closes_itself)
    return end


@inner
def open_element(page: Page, tag: int) -> None:
    """Writes a new element, and opens it."""
    number, depth = page.state.elements, page.state.depth
    parent = page.stack[depth - 1] if depth else -1
    element = page.elements[number]
    element.tag, element.parent, element.depth = tag, parent, depth
    element.style = TAG_STYLES[tag] | (page.elements[parent].style if depth else 0)
    element.link = page.elements[parent].link if depth else 0
    element.first_token = page.state.tokens
    element.class_at = element.class_end = element.href_at = element.href_end = 0
    page.stack[depth], page.open_tags[depth] = number, tag
    page.state.elements, page.state.depth = number + 1, depth + 1


@inner
def settle(page: Page, number: int, tag: int, closes_itself: bool) -> None:
    """What follows from an element that has been opened, its attributes known."""
    element, level = page.elements[number], page.state.depth - 1
    if tag == A:
        page.state.links += 1
        element.link = number
        if page.state.is_open:
            page.blocks[page.state.blocks - 1].links += 1
    if closes_itself and (TAG_KINDS[tag] & SKIP or page.state.skipped_from):
        page.state.depth = level  # <svg/>, <path/>: nothing is in them
        page.state.links -= tag == A
    elif TAG_KINDS[tag] & SKIP and page.state.skipped_from == 0:
        page.state.skipped_from = level


@inner
def skip_raw_text(data: NDArray[np.uint8], at: int, name: np.uint64) -> int:
    """Where the end tag of a name begins, behind a byte."""
    while at < len(data):
        if data[at] == LESS and at + 1 < len(data) and data[at + 1] == SLASH:
            _, closing = read_name(data, at + 2)
            if closing == name:
                break
        at += 1
    return at


@inner
def add_break(page: Page) -> None:
    """Breaks the line in a block that is open."""
    if page.state.is_open and page.state.skipped_from == 0:
        page.blocks[page.state.blocks - 1].breaks += 1
        piece = page.pieces[page.state.pieces]
        piece.start = piece.end = 0
        piece.element = page.stack[page.state.depth - 1]
        page.state.pieces += 1


@compiled(types.int64(BYTES))
def count_markup(data: NDArray[np.uint8]) -> int:
    """How often `<` stands in a page: no more elements than that."""
    n = 0
    for at in range(len(data)):
        n += data[at] == LESS
    return n


@compiled(types.void(BYTES, BYTES, ELEMENTS, HASHES, PIECES, RECORDS, HASHES, STATES))
def parse_page(
    data: NDArray[np.uint8],
    classes: NDArray[np.uint8],
    elements: Any,
    tokens: NDArray[np.uint32],
    pieces: Any,
    blocks: Any,
    words: NDArray[np.uint32],
    states: Any,
) -> None:
    """Fills elements, tokens, pieces, blocks and words with those of a page of valid UTF-8; see page.py."""
    stack, open_tags = np.zeros(MAX_DEPTH, np.int32), np.zeros(MAX_DEPTH, np.int32)
    page = Page(data, classes, elements, tokens, pieces, blocks, words, stack, open_tags, states[0])
    page.state.elements = page.state.tokens = page.state.pieces = page.state.blocks = page.state.words = 0
    page.state.links = page.state.skipped_from = page.state.is_open = page.state.depth = 0
    open_element(page, 0)
    at = 0
    while at < len(data):
        if not opens_markup(data, at):
            end = at + 1
            while end < len(data) and not opens_markup(data, end):
                end += 1
            if page.state.skipped_from == 0:
                read_text(page, at, end)
            at = end
        elif data[at + 1] == BANG or data[at + 1] == QUESTION:
            at = skip_comment(data, at)
        elif data[at + 1] == SLASH:
            at = read_end_tag(page, at)
        else:
            at = read_start_tag(page, at)
    end_page(page)

"""The attributes of a start tag that say something: words of classes and ids, what is hidden, where a link leads."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from smelt.corpus.extract.page import Page
from smelt.corpus.extract.tags import (
    ARIA_HIDDEN,
    ARIA_LABEL,
    ATTRIBUTE_KEYS,
    ATTRIBUTE_NUMBERS,
    CLASS,
    FNV_BASIS,
    FNV_PRIME,
    HIDDEN,
    HIDDEN_ATTRIBUTE,
    HREF,
    ID,
    IS_SPACE,
    ITEMPROP,
    LOWER,
    ROLE,
    STYLE,
    TESTID,
    find_name,
    is_letter,
)
from smelt.corpus.measures.kernels import inner

EQUALS, GREATER, SLASH, QUOTE, APOSTROPHE = b"=>/\"'"
MAX_VALUE = 400
"""Bytes of a value that are looked at; utility classes (Tailwind) run to hundreds and say little."""
MAX_TOKENS = 24
DISPLAY, NONE = (np.frombuffer(text, np.uint8) for text in (b"display", b"none"))


@inner
def read_attributes(page: Page, element: Any, at: int, keep: bool) -> tuple[int, bool]:
    """Reads a tag from behind its name; gives where it ends, and whether it closes itself."""
    data, closes_itself = page.data, False
    while at < len(data) and data[at] != GREATER:
        if data[at] == SLASH:
            closes_itself = at + 1 < len(data) and data[at + 1] == GREATER
            at += 1
        elif IS_SPACE[data[at]]:
            at += 1
        else:
            at, name = read_attribute_name(data, at)
            first, last, at = read_value(data, at)
            if keep:
                take_attribute(page, element, find_name(ATTRIBUTE_KEYS, ATTRIBUTE_NUMBERS, name), first, last)
    return min(at + 1, len(data)), closes_itself


@inner
def read_attribute_name(data: NDArray[np.uint8], at: int) -> tuple[int, np.uint64]:
    """Where a name ends, at least a byte on, and its hash in lower case."""
    state, first = FNV_BASIS, at
    while at < len(data) and not IS_SPACE[data[at]]:
        byte = data[at]
        if byte == GREATER or byte == SLASH or (byte == EQUALS and at > first):
            break
        state = (state ^ np.uint64(LOWER[byte])) * FNV_PRIME
        at += 1
    return at, state


@inner
def read_value(data: NDArray[np.uint8], at: int) -> tuple[int, int, int]:
    """Where the value of an attribute begins and ends, and where the next attribute may begin."""
    place = skip_space(data, at)
    if place >= len(data) or data[place] != EQUALS:
        return at, at, at
    first = skip_space(data, place + 1)
    if first < len(data) and (data[first] == QUOTE or data[first] == APOSTROPHE):
        last = first + 1
        while last < len(data) and data[last] != data[first]:
            last += 1
        return first + 1, last, min(last + 1, len(data))
    last = first
    while last < len(data) and data[last] != GREATER and not IS_SPACE[data[last]]:
        last += 1
    return first, last, last


@inner
def skip_space(data: NDArray[np.uint8], at: int) -> int:
    """The next byte that is no white space."""
    while at < len(data) and IS_SPACE[data[at]]:
        at += 1
    return at


@inner
def take_attribute(page: Page, element: Any, name: int, first: int, last: int) -> None:
    """Keeps what an attribute says."""
    if name in (CLASS, ID, ROLE, ITEMPROP, TESTID, ARIA_LABEL):
        add_tokens(page, first, min(last, first + MAX_VALUE))
    if name == CLASS:
        element.class_at, element.class_end = first, last
    elif name == HREF:
        element.href_at, element.href_end = first, last
    elif name == STYLE:
        shown = find(page.data, DISPLAY, first, last)
        if shown < last and find(page.data, NONE, shown, min(shown + 12, last)) < min(shown + 12, last):
            element.style |= HIDDEN
    elif name == HIDDEN_ATTRIBUTE or (name == ARIA_HIDDEN and first < last and page.data[first] == 116):  # t(rue)
        element.style |= HIDDEN


@inner
def add_tokens(page: Page, at: int, end: int) -> None:
    """Keeps the words of a value, cut at capitals and at all that is no letter: `sideBar--left` is side, bar, left."""
    state, length, added, was_small = FNV_BASIS, 0, 0, False
    for place in range(at, end + 1):
        byte = page.data[place] if place < end else 0
        ends = not is_letter(byte) or (byte < 97 and was_small)
        if ends and length > 1 and added < MAX_TOKENS:
            page.tokens[page.state.tokens] = np.uint32(state)
            page.state.tokens += 1
            added += 1
        if ends:
            state, length = FNV_BASIS, 0
        if is_letter(byte):
            state, length = (state ^ np.uint64(LOWER[byte])) * FNV_PRIME, length + 1
        was_small = is_letter(byte) and byte >= 97


@inner
def find(data: NDArray[np.uint8], wanted: NDArray[np.uint8], at: int, end: int) -> int:
    """Where bytes are found first, `end` where they are not."""
    for place in range(at, end - len(wanted) + 1):
        matched = 0
        while matched < len(wanted) and data[place + matched] == wanted[matched]:
            matched += 1
        if matched == len(wanted):
            return place
    return end

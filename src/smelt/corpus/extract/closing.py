"""Which open elements end where: by an end tag, or by a start tag that cannot stand in them (WHATWG, 13.2.6.4).

Elements that may be left open are closed by what follows them; the formatting that the standard reopens across blocks
(its "adoption agency") is not reopened.
"""

from __future__ import annotations

import numpy as np

from smelt.corpus.extract.page import Page
from smelt.corpus.extract.tags import BLOCK, SKIP, TAG, TAG_KINDS
from smelt.corpus.measures.kernels import inner

A, P, SPAN, TABLE = (TAG[name] for name in ("a", "p", "span", "table"))
ITEM, DEFINITION, CELL, ROW, SECTION = 1, 2, 3, 4, 5
FAMILY = np.zeros(len(TAG_KINDS), np.uint8)
for _names, _family in (
    ("li", ITEM),
    ("dd dt", DEFINITION),
    ("td th", CELL),
    ("tr", ROW),
    ("thead tbody tfoot", SECTION),
):
    FAMILY[[TAG[name] for name in _names.split()]] = _family
"""Elements that the next of their family closes, if nothing in `walls` stands between."""
IS_TABLE_PART = np.zeros(len(TAG_KINDS), np.bool_)
IS_TABLE_PART[[TAG[name] for name in ["table", "thead", "tbody", "tfoot", "tr", "td", "th"]]] = True
IS_CELL = FAMILY == CELL
IS_LOOSE = np.zeros(len(TAG_KINDS), np.bool_)
IS_LOOSE[[TAG[name] for name in ("div", "p", "address")]] = True
"""Blocks that a new list item closes with the one before (WHATWG, 13.2.6.4.7)."""


@inner
def close(page: Page, tag: int, name: np.uint64) -> None:
    """Closes the innermost open element of a tag, and all in it, unless it lies outside of a block or a cell."""
    level = page.state.depth - 1
    crosses = False
    while level > 0:
        other = page.open_tags[level]
        if other == tag and (tag != 0 or is_named(page, level, name)):
            break
        if (IS_CELL[other] or other == TABLE) and not IS_TABLE_PART[tag]:
            return
        if TAG_KINDS[other] & BLOCK:
            if not TAG_KINDS[tag] & (BLOCK | SKIP) and tag != A and tag != 0:
                return
            crosses = True
        level -= 1
    if level > 0 and tag == A and crosses:
        page.open_tags[level] = SPAN  # the link ends here; what is in it goes on
        page.state.links -= 1
    elif level > 0:
        close_down_to(page, level)


@inner
def is_named(page: Page, level: int, name: np.uint64) -> bool:
    """Whether an open element that is not listed has a name: its first token."""
    return page.tokens[page.elements[page.stack[level]].first_token] == np.uint32(name)


@inner
def close_down_to(page: Page, level: int) -> None:
    """Closes all open elements from a level on."""
    for closed in range(level, page.state.depth):
        tag = page.open_tags[closed]
        page.state.links -= tag == A
        if TAG_KINDS[tag] & BLOCK:
            page.state.is_open = 0
    page.state.depth = level
    if page.state.skipped_from >= level:
        page.state.skipped_from = 0


@inner
def close_implied(page: Page, tag: int) -> None:
    """Closes the open elements that a start tag ends: a paragraph, an item, a cell, a link."""
    if TAG_KINDS[tag] & BLOCK:
        page.state.is_open = 0
        level = page.state.depth - 1
        while level > 0 and not TAG_KINDS[page.open_tags[level]] & BLOCK:
            level -= 1
        if page.open_tags[level] == P:
            close_down_to(page, level)
        if FAMILY[tag]:
            close_sibling(page, FAMILY[tag])
    elif tag == A and page.state.links > 0:
        level = page.state.depth - 1
        while level > 0 and page.open_tags[level] != A and not TAG_KINDS[page.open_tags[level]] & BLOCK:
            level -= 1
        if page.open_tags[level] == A:
            close_down_to(page, level)


@inner
def close_sibling(page: Page, family: int) -> None:
    """Closes the open element of the same family, where it is in the same list or table."""
    level = page.state.depth - 1
    while level > 0:
        tag = page.open_tags[level]
        if FAMILY[tag] == family:
            close_down_to(page, level)
            return
        if family <= DEFINITION:
            if TAG_KINDS[tag] & BLOCK and not IS_LOOSE[tag]:
                return
        elif tag == TABLE or (family == CELL and FAMILY[tag] == ROW):
            return
        level -= 1

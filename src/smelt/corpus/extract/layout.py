"""Where a block stands on its page: heading, list item, quotation, preformatted text, table cell."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from smelt.corpus.extract.tags import TAG, TAG_KINDS
from smelt.corpus.measures.kernels import allocating, inner

UL, OL, LI, TR, TD, TH, TABLE, QUOTE, PRE_TAG, DT, DD = (
    TAG[name] for name in ("ul", "ol", "li", "tr", "td", "th", "table", "blockquote", "pre", "dt", "dd")
)
HEADING = np.zeros(len(TAG_KINDS), np.int64)
for _level in range(1, 7):
    HEADING[TAG[f"h{_level}"]] = _level
LONGEST_CELL = 40
"""Words in a cell beyond which its row is layout, not a row of a table (taste)."""
ORDINAL, HELD, IS_LAYOUT = 0, 1, 2
"""Columns of `places`: the how-manieth of its kind in its list or row; cells in a row, or blocks in a cell; of a row,
whether it is laid out as paragraphs."""


class Layout(NamedTuple):
    """Elements around a block, 0 where there is none, and how deep in lists and quotations it is."""

    heading: Any
    pre: int
    item: int
    list_depth: int
    indent: int
    is_ordered: bool
    quotes: int
    cell: int
    row: int
    table: int
    term: int


@allocating
def number_places(elements: Any, n: int, blocks: Any, n_blocks: int, keep: NDArray[np.bool_]) -> NDArray[np.int32]:
    """For each element, the columns ORDINAL, HELD and IS_LAYOUT."""
    places = np.zeros((n, 3), np.int32)
    held = np.zeros(n, np.int32)
    for e in range(1, n):
        tag = elements[e].tag
        if tag == LI or tag == TD or tag == TH:
            parent = elements[e].parent
            held[parent] += 1
            places[e, ORDINAL] = held[parent]
            places[parent, HELD] = held[parent]
    in_cell = np.zeros(n, np.int32)
    for i in range(n_blocks):
        if keep[i]:
            e = blocks[i].element
            while e > 0 and elements[e].tag != TD and elements[e].tag != TH:
                e = elements[e].parent
            if e > 0:
                in_cell[e] += 1
                if in_cell[e] > 1 or blocks[i].words > LONGEST_CELL:
                    places[elements[e].parent, IS_LAYOUT] = 1
    return places


@inner
def layout_of(elements: Any, e: int, places: NDArray[np.int32]) -> Layout:
    """Where a block in element e stands."""
    heading = pre = item = list_depth = indent = quotes = cell = row = table = term = 0
    is_ordered = False
    while e > 0:
        tag = elements[e].tag
        if HEADING[tag] and not heading:
            heading = HEADING[tag]
        if tag == PRE_TAG and not pre:
            pre = e
        if tag == LI and not item:
            item = e
        if tag == UL or tag == OL:
            list_depth += 1
            if list_depth == 1:
                is_ordered = tag == OL
            else:
                indent += 3 if tag == OL else 2
        quotes += tag == QUOTE
        if (tag == TD or tag == TH) and not cell and not table:
            cell = e
        if tag == TR and not row and not table:
            row = e
        if tag == TABLE and not table:
            table = e
        if (tag == DT or tag == DD) and not term:
            term = e
        e = elements[e].parent
    if row == 0 or cell == 0 or elements[cell].parent != row or places[row, IS_LAYOUT]:
        cell = row = table = 0
    return Layout(heading, pre, item, list_depth, indent, is_ordered, quotes, cell, row, table, term)

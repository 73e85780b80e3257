"""Chosen blocks as text or Markdown, in the order of the page.

Text is what the page's bytes say: paragraphs parted by a blank line; items, rows, terms and broken lines by a newline;
cells by ` | `; preformatted text as it stands. Markdown adds what the markup means: headings, list markers, emphasis,
links, fences with their language, tables. Nothing is escaped: the text is for reading, by people and models.

How running text is written is said in flow.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import from_dtype, types
from numpy.typing import NDArray

from smelt.corpus.extract.characters import BLANK, next_character
from smelt.corpus.extract.flow import (
    DASH,
    DOT,
    HASH,
    LANGUAGES,
    MARKS,
    MORE,
    NEWLINE,
    PIPE,
    PLUS,
    SPACE,
    TICK,
    WRITER,
    Source,
    close_marks,
    leads_somewhere,
    put,
    put_flowing,
    put_newline,
    put_number,
    put_times,
    put_verbatim,
)
from smelt.corpus.extract.layout import HELD, ORDINAL, Layout, layout_of, number_places
from smelt.corpus.extract.page import ELEMENTS, PIECES, RECORDS
from smelt.corpus.extract.tags import IS_SPACE, STRONG, is_digit, is_letter
from smelt.corpus.measures.kernels import BYTES, compiled, inner


@inner
def put_pieces(source: Source, block: Any, following: Any, layout: Layout) -> None:
    """Writes the text of a block; `following` is the next block, where its pieces end."""
    writer = source.writer
    for k in range(block.first_piece, following.first_piece):
        piece = source.pieces[k]
        if piece.start == piece.end:
            writer.breaks += 1
            writer.space = 0
        elif layout.pre:
            put_verbatim(source, piece)
        else:
            element = source.elements[piece.element]
            style = element.style & MARKS
            if layout.heading:
                style &= ~STRONG
            link = element.link if element.link and leads_somewhere(source, element.link) else 0
            put_flowing(source, piece, style, link, layout.row > 0 or layout.heading > 0)
    if source.is_markdown:
        close_marks(source, 0, 0)
    writer.last = writer.space = writer.breaks = 0


@inner
def put_language(source: Source, e: int, levels: int) -> bool:
    """Writes the language that a class of an element, or of those around it, names."""
    while e > 0 and levels > 0:
        element = source.elements[e]
        for prefix in LANGUAGES:
            at = find_prefix(source.data, prefix, element.class_at, element.class_end)
            while at < element.class_end and IS_SPACE[source.data[at]]:
                at += 1
            first = at
            while at < element.class_end and names_language(source.data[at]):
                put(source, source.data[at] | 32 if is_letter(source.data[at]) else source.data[at])
                at += 1
            if at > first:
                return True
        e, levels = element.parent, levels - 1
    return False


@inner
def names_language(byte: int) -> bool:
    """Whether a byte may stand in the name of a programming language."""
    return is_letter(byte) or is_digit(byte) or byte == PLUS or byte == HASH or byte == DASH


@inner
def find_prefix(data: NDArray[np.uint8], prefix: NDArray[np.uint8], at: int, end: int) -> int:
    """The byte behind a prefix of one of the classes between two bytes, `end` where there is none."""
    first = at
    while at + len(prefix) < end:
        same = 0
        while same < len(prefix) and data[at + same] == prefix[same]:
            same += 1
        if same == len(prefix) and (at == first or IS_SPACE[data[at - 1]]):
            return at + same
        at += 1
    return end


@inner
def longest_ticks(source: Source, first: int, end: int) -> int:
    """The longest run of backticks in some pieces."""
    longest = 0
    for k in range(first, end):
        run = 0
        for at in range(source.pieces[k].start, source.pieces[k].end):
            run = run + 1 if source.data[at] == TICK else 0
            longest = max(longest, run)
    return longest


@inner
def put_between(source: Source, before: Layout, now: Layout) -> None:
    """Parts a block from the one before."""
    if before.pre and now.pre == before.pre:
        put_newline(source)
    elif now.row and now.row == before.row:
        if source.is_markdown:
            put_cells(source, source.places[now.cell, ORDINAL] - source.places[before.cell, ORDINAL])
        else:
            put(source, SPACE)
            put(source, PIPE)
            put(source, SPACE)
    else:
        both_items = before.item and now.item and (not source.is_markdown or now.item != before.item)
        both_terms = before.term and now.term and not now.item and not before.item
        is_tight = both_items or both_terms or (now.table and now.table == before.table)
        put_times(source, NEWLINE, 1 if is_tight else 2)


@inner
def put_cells(source: Source, n: int) -> None:
    """Ends n cells of a row."""
    for _ in range(n):
        put(source, SPACE)
        put(source, PIPE)
    put(source, SPACE)


@inner
def put_row_end(source: Source, layout: Layout, is_head: bool) -> None:
    """Ends a row, and rules it off where it is a table's first."""
    n_cells = source.places[layout.row, HELD]
    put_cells(source, n_cells - source.places[layout.cell, ORDINAL] + 1)
    source.writer.at -= 1
    if is_head:
        put(source, NEWLINE)
        for _ in range(n_cells):
            put(source, PIPE)
            put(source, SPACE)
            put_times(source, DASH, 3)
            put(source, SPACE)
        put(source, PIPE)


@inner
def put_opening(source: Source, before: Layout, now: Layout) -> None:
    """Writes what a block begins with in Markdown."""
    writer = source.writer
    writer.quotes = now.quotes
    for _ in range(now.quotes):
        put(source, MORE)
        put(source, SPACE)
    writer.indent = now.indent if now.item else 0
    if now.row and now.row != before.row:
        put(source, PIPE)
        put_cells(source, source.places[now.cell, ORDINAL] - 1)
    elif now.item and now.row == 0:
        put_times(source, SPACE, now.indent)
        width = 3 if now.is_ordered else 2
        if now.item == before.item:
            put_times(source, SPACE, width)
        elif now.is_ordered:
            put_number(source, source.places[now.item, ORDINAL])
            put(source, DOT)
            put(source, SPACE)
        else:
            put(source, DASH)
            put(source, SPACE)
        writer.indent += width
    if now.heading and now.row == 0:
        put_times(source, HASH, now.heading)
        put(source, SPACE)


@inner
def has_text(source: Source, block: Any, following: Any) -> bool:
    """Whether anything of a block can be seen."""
    for k in range(block.first_piece, following.first_piece):
        at, end = source.pieces[k].start, source.pieces[k].end
        while at < end:
            code, at = next_character(source.data, at, end)
            if code >= 32 and not source.classes[code] & BLANK:
                return True
    return False


@inner
def put_fence(source: Source, block: Any, following: Any, layout: Layout, opens: bool) -> None:
    """Opens or closes a block of code."""
    ticks = max(3, longest_ticks(source, block.first_piece, following.first_piece) + 1)
    if opens:
        put_times(source, TICK, ticks)
        put_language(source, source.pieces[block.first_piece].element, 4)
    put_newline(source)
    if not opens:
        put_times(source, TICK, ticks)


WRITERS = types.Array(from_dtype(WRITER), 1, "C")


@compiled(
    types.void(
        BYTES, BYTES, ELEMENTS, PIECES, RECORDS, types.int64, types.int64, types.Array(types.boolean, 1, "C"),
        types.boolean, types.Array(types.uint8, 1, "C"), WRITERS,
    )
)  # fmt: skip
def render(
    data: NDArray[np.uint8],
    classes: NDArray[np.uint8],
    elements: Any,
    pieces: Any,
    blocks: Any,
    n_elements: int,
    n: int,
    keep: NDArray[np.bool_],
    is_markdown: bool,
    out: NDArray[np.uint8],
    writers: Any,
) -> None:
    """Writes the kept blocks to `out`, and how many bytes they take to the writer, whether they have room or not."""
    places = number_places(elements, n_elements, blocks, n, keep)
    source = Source(data, classes, elements, pieces, places, is_markdown, out, writers[0])
    writer = source.writer
    writer.at = writer.last = writer.space = writer.breaks = writer.style = writer.link = writer.quotes = (
        writer.indent
    ) = 0
    before, table, last, last_end = layout_of(elements, 0, places), 0, blocks[0], blocks[0]
    is_first = True
    for i in range(n):
        if not keep[i] or not has_text(source, blocks[i], blocks[i + 1]):
            continue
        now = layout_of(elements, blocks[i].element, places)
        if is_markdown and before.pre and now.pre != before.pre:
            put_fence(source, last, last_end, before, False)
        if is_markdown and before.row and now.row != before.row:
            put_row_end(source, before, table != before.table)
            table = before.table
        if not is_first:
            put_between(source, before, now)
        if is_markdown and (not now.pre or now.pre != before.pre) and (not now.row or now.row != before.row):
            put_opening(source, before, now)
        if is_markdown and now.pre and now.pre != before.pre:
            put_fence(source, blocks[i], blocks[i + 1], now, True)
        put_pieces(source, blocks[i], blocks[i + 1], now)
        before, is_first, last, last_end = now, False, blocks[i], blocks[i + 1]
    if is_markdown and before.pre:
        put_fence(source, last, last_end, before, False)
    if is_markdown and before.row:
        put_row_end(source, before, table != before.table)

"""Chosen blocks as text or Markdown, in the order of the page.

Text is what the page's bytes say: paragraphs parted by a blank line; items, rows, terms and broken lines by a newline;
cells by ` | `; preformatted text as it stands. Markdown adds what the markup means: headings, list markers, emphasis,
links, fences with their language, tables. Nothing is escaped: the text is for reading, by people and models.

White space is one space, except in preformatted text; between East Asian characters a line's end is nothing (CSS Text
3, section 4.1.2). The space before a mark that opens, and behind one that closes, goes outside of it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import from_dtype, types
from numpy.typing import NDArray

from smelt.corpus.extract.characters import BLANK, WIDE, next_character
from smelt.corpus.extract.layout import HELD, ORDINAL, Layout, layout_of, number_places
from smelt.corpus.extract.page import ELEMENTS, PIECES, RECORDS
from smelt.corpus.extract.tags import CODE, EMPHASIS, IS_SPACE, STRONG, is_digit, is_letter
from smelt.corpus.measures.kernels import BYTES, compiled, inner

WRITER = np.dtype(
    [
        ("at", np.int64),  # bytes written, or that there was no room for
        ("last", np.int64),  # the last code point; 0 at the start of a block
        ("space", np.int64),  # white space that waits: NONE, BLANKS, LINE_END
        ("breaks", np.int64),  # line breaks that wait
        ("style", np.int64),  # marks that are open
        ("link", np.int64),  # the link that is open, 0 for none
        ("quotes", np.int64),  # what every line of the block begins with: quotation marks ...
        ("indent", np.int64),  # ... and spaces
    ]
)
NONE, BLANKS, LINE_END = 0, 1, 2
NEWLINE, RETURN, SPACE, HASH, DOT, STAR, TICK, PIPE, DASH, MORE = b"\n\r #.*`|->"
OPEN_LINK, CLOSE_LINK, OPEN_PAREN, CLOSE_PAREN, AMPERSAND, SEMICOLON, PERCENT, PLUS = b"[]()&;%+"
MARKS = STRONG | EMPHASIS | CODE
LONGEST_LINK = 2_000
"""Bytes of an address; longer ones hold data, not places."""
SCRIPT = np.frombuffer(b"javascript:", np.uint8)
LANGUAGES = tuple(
    np.frombuffer(text, np.uint8) for text in (b"language-", b"lang-", b"highlight-source-", b"highlight-", b"brush:")
)
"""What a class begins with that names a code's language: HTML, Prettify, GitHub, Sphinx, SyntaxHighlighter."""
HEX = np.frombuffer(b"0123456789ABCDEF", np.uint8)


class Source(NamedTuple):
    """A page to be rendered, and the writer."""

    data: NDArray[np.uint8]
    classes: NDArray[np.uint8]
    elements: Any
    pieces: Any
    places: NDArray[np.int32]
    is_markdown: bool
    out: NDArray[np.uint8]
    writer: Any


@inner
def put(source: Source, byte: int) -> None:
    """Writes a byte, where there is room."""
    if source.writer.at < len(source.out):
        source.out[source.writer.at] = byte
    source.writer.at += 1


@inner
def put_times(source: Source, byte: int, times: int) -> None:
    """Writes a byte again and again."""
    for _ in range(times):
        put(source, byte)


@inner
def put_code(source: Source, code: int) -> None:
    """Writes a code point as UTF-8."""
    if code < 0x80:
        put(source, code)
    elif code < 0x800:
        put(source, 0xC0 | code >> 6)
        put(source, 0x80 | code & 0x3F)
    elif code < 0x10000:
        put(source, 0xE0 | code >> 12)
        put(source, 0x80 | code >> 6 & 0x3F)
        put(source, 0x80 | code & 0x3F)
    else:
        put(source, 0xF0 | code >> 18)
        put(source, 0x80 | code >> 12 & 0x3F)
        put(source, 0x80 | code >> 6 & 0x3F)
        put(source, 0x80 | code & 0x3F)


@inner
def put_number(source: Source, number: int) -> None:
    """Writes a number in decimal digits."""
    scale = 1
    while number // scale >= 10:
        scale *= 10
    while scale:
        put(source, 48 + number // scale % 10)
        scale //= 10


@inner
def put_newline(source: Source) -> None:
    """Begins a line of the block."""
    put(source, NEWLINE)
    for _ in range(source.writer.quotes):
        put(source, MORE)
        put(source, SPACE)
    put_times(source, SPACE, source.writer.indent)


@inner
def put_link_end(source: Source) -> None:
    """Closes the open link: its address, as the page has it."""
    element, data = source.elements[source.writer.link], source.data
    put(source, CLOSE_LINK)
    put(source, OPEN_PAREN)
    at = element.href_at
    while at < element.href_end:
        code, following = next_character(data, at, element.href_end)
        if data[at] == AMPERSAND and data[following - 1] != SEMICOLON:
            code, following = AMPERSAND, at + 1  # ?a=1&copy=2
        if code <= SPACE or code == OPEN_PAREN or code == CLOSE_PAREN:
            if (code > 0 and not IS_SPACE[code]) or code == SPACE:
                put(source, PERCENT)
                put(source, HEX[code >> 4])
                put(source, HEX[code & 15])
        else:
            put_code(source, code)
        at = following
    put(source, CLOSE_PAREN)


@inner
def leads_somewhere(source: Source, link: int) -> bool:
    """Whether a link has an address worth keeping."""
    element = source.elements[link]
    length = element.href_end - element.href_at
    if length <= 0 or length > LONGEST_LINK or source.data[element.href_at] == HASH:
        return False
    same = 0
    while same < min(length, len(SCRIPT)) and source.data[element.href_at + same] | 32 == SCRIPT[same] | 32:
        same += 1
    return same < len(SCRIPT)


@inner
def close_marks(source: Source, style: int, link: int) -> None:
    """Closes what is open and not wanted any more, and all within it."""
    writer = source.writer
    closes_link = writer.link != link
    closes = writer.style & ~style
    if writer.style & CODE and (closes or closes_link):
        put(source, TICK)
        writer.style &= ~CODE
    if writer.style & EMPHASIS and (closes & (EMPHASIS | STRONG) or closes_link):
        put(source, STAR)
        writer.style &= ~EMPHASIS
    if writer.style & STRONG and (closes & STRONG or closes_link):
        put_times(source, STAR, 2)
        writer.style &= ~STRONG
    if closes_link and writer.link:
        put_link_end(source)
        writer.link = 0


@inner
def open_marks(source: Source, style: int, link: int) -> None:
    """Opens what is wanted and not open."""
    writer = source.writer
    if link and not writer.link:
        put(source, OPEN_LINK)
        writer.link = link
    opens = style & ~writer.style
    if opens & STRONG:
        put_times(source, STAR, 2)
    if opens & EMPHASIS:
        put(source, STAR)
    if opens & CODE:
        put(source, TICK)
    writer.style |= opens


@inner
def put_waiting(source: Source, code: int, one_line: bool) -> None:
    """Writes the white space that waits before a character."""
    writer = source.writer
    if writer.last:
        if writer.breaks and not one_line:
            for _ in range(min(writer.breaks, 2)):
                put_newline(source)
        elif writer.breaks or writer.space:
            both_wide = source.classes[writer.last] & source.classes[code] & WIDE
            if not (writer.space == LINE_END and both_wide and not writer.breaks):
                put(source, SPACE)
    writer.space = writer.breaks = 0


@inner
def put_flowing(source: Source, piece: Any, style: int, link: int, one_line: bool) -> None:
    """Writes a piece of text whose white space is one space."""
    writer, at = source.writer, piece.start
    while at < piece.end:
        code, following = next_character(source.data, at, piece.end)
        if source.classes[code] & BLANK:
            is_line_end = code == NEWLINE or code == RETURN
            writer.space = max(writer.space, LINE_END if is_line_end else BLANKS)
            if not is_line_end and writer.space == LINE_END and code > 127:
                writer.space = BLANKS
        elif code >= 32:
            if source.is_markdown and (writer.style != style or writer.link != link):
                close_marks(source, style, link)
                put_waiting(source, code, one_line)
                open_marks(source, style, link)
            else:
                put_waiting(source, code, one_line)
            if code < 128 and source.data[at] != AMPERSAND:
                following = put_word(source, at, piece.end)
                writer.last = source.data[following - 1]
            else:
                put_code(source, code)
                writer.last = code
        at = following


@inner
def put_word(source: Source, at: int, end: int) -> int:
    """Copies ASCII characters up to white space, a reference or another script, one at least; gives where they end."""
    out, written = source.out, source.writer.at
    first = at
    while at < end and (at == first or (SPACE < source.data[at] < 128 and source.data[at] != AMPERSAND)):
        if written < len(out):
            out[written] = source.data[at]
        written += 1
        at += 1
    source.writer.at = written
    return at


@inner
def put_verbatim(source: Source, piece: Any) -> None:
    """Writes a piece of preformatted text; its last line ends are kept waiting, since they may be the block's last."""
    writer, at = source.writer, piece.start
    while at < piece.end:
        code, following = next_character(source.data, at, piece.end)
        if code == NEWLINE:
            writer.breaks += 1
            writer.space = 0
        elif code == SPACE:
            writer.space += 1
        elif code >= 32 or code == 9:
            if writer.last:
                for _ in range(writer.breaks):
                    put_newline(source)
            put_times(source, SPACE, writer.space)
            writer.space = writer.breaks = 0
            put_code(source, SPACE if code == 0xA0 else code)
            writer.last = code
        at = following


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

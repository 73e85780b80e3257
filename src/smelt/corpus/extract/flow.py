"""Running text written out: characters, white space that waits, emphasis and links around words.

White space is one space, except in preformatted text; between East Asian characters a line's end is nothing (CSS Text
3, section 4.1.2). The space before a mark that opens, and behind one that closes, goes outside of it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from smelt.corpus.extract.characters import BLANK, WIDE, next_character
from smelt.corpus.extract.tags import CODE, EMPHASIS, IS_SPACE, STRONG
from smelt.corpus.measures.kernels import inner

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

"""Bytes to text: which encoding a page or a text file is in.

In this order: a byte order mark; UTF-8, if the bytes are valid UTF-8, whatever anyone says (pages that were stored
anew keep their old labels, and hardly any other encoding's text is valid UTF-8 by chance); the charset of the HTTP
header; the charset of a meta tag; what Mozilla's detector (uchardet, in resiliparse) finds. A label is believed only
if the bytes fit it.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from contextlib import suppress

from resiliparse.parse.encoding import detect_encoding, map_encoding_to_html5

from smelt.corpus.document import Unreadable

MAX_REPLACED = 0.01
"""Characters that may be broken in a page of a believed encoding (taste: browsers accept any number)."""

BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16's, which it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SUPERSETS = {"gbk": "gb18030", "gb2312": "gb18030"}
_SHIFTED = b"\x1b$"
"""Starts Japanese in ISO-2022-JP, whose bytes are all valid UTF-8."""


def decode(raw: bytes, *, charset: str | None = None, is_html: bool = False) -> tuple[str, str]:
    """The text and the encoding it was in; `charset` is what the HTTP header says.

    Raises `Unreadable` where no encoding fits, and for NUL characters: the bytes are no text.
    """
    text, encoding = _decode(raw, charset, is_html=is_html)
    if "\0" in text:
        raise Unreadable(f"a NUL character at {text.index(chr(0))}: not a text", raw)
    return text, encoding


def _decode(raw: bytes, charset: str | None, *, is_html: bool) -> tuple[str, str]:
    for mark, encoding in BYTE_ORDER_MARKS:
        if raw.startswith(mark):
            return raw[len(mark) :].decode(encoding, errors="replace"), encoding
    if _SHIFTED not in raw:
        with suppress(UnicodeDecodeError):
            return raw.decode(), "utf-8"
    tried: list[str] = []
    for encoding in _candidates(raw, charset, is_html=is_html):
        text = raw.decode(encoding, errors="replace")
        if text.count("\ufffd") <= MAX_REPLACED * len(text):
            return text, encoding
        tried.append(encoding)
    raise Unreadable(f"the bytes are text in none of {', '.join(dict.fromkeys(tried))}", raw)


def _candidates(raw: bytes, charset: str | None, *, is_html: bool) -> Iterator[str]:
    labels = [map_encoding_to_html5(charset, False) if charset else None]
    if is_html:
        labels.append(detect_encoding(raw, from_html_meta=True))
    labels.append(detect_encoding(raw))
    return (_SUPERSETS.get(label, label) for label in labels if label)

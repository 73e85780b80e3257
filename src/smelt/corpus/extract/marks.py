"""One compiled pass over a page's markup that finds the few places where a page speaks of itself.

Marked are the tags that say something by their name (meta, title, h1, time), those whose class, id, rel or itemprop
holds one of `WORDS`, and years outside of tags. The head is read to its end or to `HEAD_BYTES`, as is a page that does
not part its head from its body; of the body the first `BODY_BYTES`, where headline and byline stand. What scripts,
style sheets and comments hold is passed over.

It is linear in the page and never fails. What each mark is worth is decided in markup.py, on the tag itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import from_dtype, types
from numpy.typing import NDArray

from smelt.corpus.extract.attributes import read_attribute_name, read_value
from smelt.corpus.extract.parse import opens_markup, read_name, skip_comment, skip_raw_text
from smelt.corpus.extract.tags import IS_SPACE, is_digit, name_hash
from smelt.corpus.measures.kernels import BYTES, compiled, inner

HEAD_BYTES = 2_000_000
"""Some pages inline style sheets and programs: of 1,497 reviewed ones 27 have heads of over 400,000."""
BODY_BYTES = 150_000
"""With 60,000 titles, authors and dates of reviewed pages are right on .02 fewer."""
MOST_MARKS = 20_000
"""Of a page; those behind are left out."""
MAX_VALUE = 400
"""Bytes of an attribute in which a word is looked for; utility classes (Tailwind) run to hundreds and say little."""

DATED = ("date", "Date", "publish", "posted", "timestamp", "meta", "time")
"""In the class, id or itemprop of an element that holds a date, the surest first."""
BYLINES = ("author", "byline", "Author", "Byline")
"""In the class, rel or itemprop of an element that holds the author's name."""
WORDS = (*DATED, *BYLINES)

NONE, BORDER, HTML, META, TITLE, H1, TIME, MARKED, YEAR = range(9)
"""Kinds of marks. A border parts head and body: the end of the one or the start of the other."""
MARK = np.dtype([("kind", np.int32), ("start", np.int32), ("end", np.int32), ("words", np.uint32)])
"""What it is, the first byte and the one behind the last, and bits: which of WORDS it holds."""
MARKS = types.Array(from_dtype(MARK), 1, "C")

_LETTERS = np.zeros((len(WORDS), max(map(len, WORDS))), np.uint8)
_LENGTHS = np.array([len(word) for word in WORDS])
_BEGINNING = np.zeros(256, np.uint32)
"""Bits of the words that begin with a byte."""
for _number, _word in enumerate(WORDS):
    _LETTERS[_number, : len(_word)] = list(_word.encode())
    _BEGINNING[ord(_word[0])] |= np.uint32(1 << _number)
CLASS, ID, REL, ITEMPROP = (np.uint64(name_hash(name)) for name in ("class", "id", "rel", "itemprop"))
_META, _TITLE, _H1, _TIME, _HTML, _BODY, _HEAD = (
    np.uint64(name_hash(name)) for name in ("meta", "title", "h1", "time", "html", "body", "head")
)
_SCRIPT, _STYLE = (np.uint64(name_hash(name)) for name in ("script", "style"))
BANG, QUESTION, GREATER, SLASH = b"!?>/"


def find_marks(page: bytes) -> NDArray[Any]:
    """The marks of a page, in their order.

    >>> [int(mark["kind"]) == H1 for mark in find_marks(b"<p>Ore <h1>Ore</h1>")]
    [True]
    """
    marks = np.empty(MOST_MARKS, MARK)
    return marks[: write_marks(np.frombuffer(page, np.uint8), marks)]


@inner
def kind_of(name: np.uint64, words: np.uint32) -> int:
    """The kind of mark that a tag is, by its name or the words in it."""
    if name == _META:
        return META
    if name == _TITLE:
        return TITLE
    if name == _H1:
        return H1
    if name == _TIME:
        return TIME
    return HTML if name == _HTML else MARKED if words else NONE


@inner
def words_in(data: NDArray[np.uint8], first: int, last: int) -> np.uint32:
    """Bits of the words that stand in a run of bytes."""
    found = np.uint32(0)
    for at in range(first, last):
        begun = _BEGINNING[data[at]] & ~found
        for word in range(len(_LENGTHS) if begun else 0):
            if begun >> np.uint32(word) & np.uint32(1) and at + _LENGTHS[word] <= last:
                k = 1
                while k < _LENGTHS[word] and data[at + k] == _LETTERS[word, k]:
                    k += 1
                if k == _LENGTHS[word]:
                    found |= np.uint32(1) << np.uint32(word)
    return found


@inner
def read_tag(data: NDArray[np.uint8], at: int) -> tuple[int, np.uint32]:
    """Where a tag ends that is read from behind its name, and the bits of words in what it says of itself."""
    words = np.uint32(0)
    while at < len(data) and data[at] != GREATER:
        if data[at] == SLASH or IS_SPACE[data[at]]:
            at += 1
        else:
            at, name = read_attribute_name(data, at)
            first, last, at = read_value(data, at)
            if name == CLASS or name == ID or name == REL or name == ITEMPROP:
                words |= words_in(data, first, min(last, first + MAX_VALUE))
    return min(at + 1, len(data)), words


@inner
def is_year(data: NDArray[np.uint8], at: int, end: int) -> bool:
    """Whether digits are a year."""
    if end - at != 4:
        return False
    century = data[at] * 10 + data[at + 1] - 11 * 48
    return century == 19 or century == 20


@inner
def end_of_digits(data: NDArray[np.uint8], at: int) -> int:
    """Where digits end that begin at a byte."""
    while at < len(data) and is_digit(data[at]):
        at += 1
    return at


@inner
def end_of_text(data: NDArray[np.uint8], at: int) -> int:
    """Where text that begins at a byte ends, or its next digits begin."""
    at += 1
    while at < len(data) and not is_digit(data[at]) and not opens_markup(data, at):
        at += 1
    return at


@compiled(types.int64(BYTES, MARKS))
def write_marks(data: NDArray[np.uint8], marks: Any) -> int:
    """Writes the marks of a page; gives how many there are."""
    n, at, stop = 0, 0, min(len(data), HEAD_BYTES)
    head_is_open, body_is_open = True, False
    while at < stop and n < len(marks):
        start, kind, words = at, NONE, np.uint32(0)
        if is_digit(data[at]):
            at = end_of_digits(data, at)
            kind = YEAR if is_year(data, start, at) else NONE
        elif not opens_markup(data, at):
            at = end_of_text(data, at)
        elif data[at + 1] == BANG or data[at + 1] == QUESTION:
            at = skip_comment(data, at)
        elif data[at + 1] == SLASH:
            at, name = read_name(data, at + 2)
            if name == _HEAD and head_is_open:
                kind, head_is_open = BORDER, False
        else:
            at, name = read_name(data, at + 1)
            at, words = read_tag(data, at)
            kind = kind_of(name, words)
            if name == _BODY and not body_is_open:
                kind, body_is_open = BORDER, True
            if name == _SCRIPT or name == _STYLE:
                at = skip_raw_text(data, at, name)
        if kind == BORDER:
            stop = min(len(data), start + BODY_BYTES)
        if kind != NONE:
            mark = marks[n]
            mark.kind, mark.start, mark.end, mark.words = kind, start, at, words
            n += 1
    return n

"""The text layer of a PDF as prose, with PDFium: what runs apart (apart.py).

PDFium gives the lines of a page as they stand on paper. Here lines become paragraphs, words that were parted at the end
of a line are whole again, and running heads and page numbers are left out. Where a paragraph ends is a guess, by the
lengths of lines and what they end in: a table or a listing comes out with its lines joined now and then.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence

import pypdfium2

from smelt.corpus.collect.apart import Refused

MAX_PAGES = 5_000
"""Pages that are read (taste: the longest books have half of that)."""
MAX_CHARACTERS = 32 * 2**20
"""Of all pages together (taste: some thirty long novels)."""
FULL = 0.8
"""How much of the usual width a line fills that goes on in the next (taste)."""
RUNNING, RUNNING_NUMBERED = 3, 2
"""A first or last line that stands on so many pages is a running head; of those that hold a number fewer do (taste)."""

_PARTED = "\ufffe"
"""What PDFium puts for the hyphen of a parted word, whose halves it joins itself."""
_NUMBERS = re.compile(r"\d+|\b[ivxlc]+\b", re.IGNORECASE)
_PAGE_NUMBER = re.compile(
    r"\W*(?:\d{1,4}|[ivxlc]{1,7})(?:\s*(?:/|of|·)\s*\d{1,4})?\W*|第?\s*\d{1,4}\s*页.{0,10}", re.IGNORECASE
)
_LEADER = re.compile(r"(?:\s*[.…·]){5,}\s*")
"""What leads the eye from a title to its page."""
_WIDE = re.compile("[\u2e80-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff00-\uffef]")
_END = re.compile(r"[.!?:;。！？：；…][\"'”’」』)）]?$")
_ITEM = re.compile(r"(?:[-•·▪◦‣*]|\(?\d{1,3}[.)、]|第.{1,6}[章节節条條])\s*\S")
_DATE = re.compile(r"D:(\d{4})(\d\d)?(\d\d)?")


def pdf_content(content: bytes) -> bytes:
    """Text, title, author and date of a PDF as a JSON object; `Refused` where it cannot be read."""
    try:
        with pypdfium2.PdfDocument(content) as document:
            if len(document) > MAX_PAGES:
                raise Refused(f"a PDF of {len(document):,} pages, over the limit of {MAX_PAGES:,}")
            pages = list(_pages(document))
            about = document.get_metadata_dict(skip_empty=True)
    except pypdfium2.PdfiumError as error:
        raise Refused(f"not a PDF that can be read: {error}") from error
    date = _DATE.match(about.get("CreationDate", ""))
    found = {
        "text": prose(pages),
        "pages": len(pages),
        "title": about.get("Title"),
        "author": about.get("Author"),
        "date": "-".join(part for part in date.groups() if part) if date else None,
    }
    return json.dumps(found).encode()


def prose(pages: Sequence[str]) -> str:
    """The lines of pages as paragraphs.

    >>> prose(["A furnace of brick holds what is\\nmolten, and the slag.\\n2. Tap it."])
    'A furnace of brick holds what is molten, and the slag.\\n\\n2. Tap it.'
    """
    lines = [
        (line, width)
        for page in _without_running_heads([_lines(page) for page in pages])
        for width in [_usual_width(page)]
        for line in page
    ]
    paragraphs: list[list[str]] = []
    goes_on = False
    for line, width in lines:
        if goes_on and not _ITEM.match(line):
            paragraphs[-1].append(line)
        else:
            paragraphs.append([line])
        goes_on = _width(line) >= FULL * width and not (_END.search(line) and _width(line) < width)
    return "\n\n".join(map(_joined, paragraphs))


def _pages(document: pypdfium2.PdfDocument) -> Iterator[str]:
    room = MAX_CHARACTERS
    for number in range(len(document)):
        page = document[number]
        layer = page.get_textpage()
        room -= layer.count_chars()
        if room < 0:
            raise Refused(f"a text of over {MAX_CHARACTERS:,} characters")
        yield layer.get_text_range()
        layer.close()
        page.close()


def _lines(page: str) -> list[str]:
    lines = (
        " ".join(_LEADER.sub(" ", line.replace(_PARTED, "").replace("\0", "")).split()) for line in page.splitlines()
    )
    return [line for line in lines if line]


def _without_running_heads(pages: list[list[str]]) -> list[list[str]]:
    """The pages without the lines at their edges that many of them share, numbers aside, and without page numbers."""
    edges = Counter(_shape(line) for page in pages for line in {*page[:1], *page[-1:]})
    running = {shape for shape, n in edges.items() if n >= (RUNNING_NUMBERED if "0" in shape else RUNNING)}
    return [_within(page, running) for page in pages]


def _within(page: list[str], running: set[str]) -> list[str]:
    start, end = 0, len(page)
    while start < end and _is_edge(page[start], running):
        start += 1
    while start < end and _is_edge(page[end - 1], running):
        end -= 1
    return page[start:end]


def _is_edge(line: str, running: set[str]) -> bool:
    return bool(_PAGE_NUMBER.fullmatch(line)) or _shape(line) in running


def _shape(line: str) -> str:
    return _NUMBERS.sub("0", line)


def _usual_width(lines: list[str]) -> int:
    """The width of a page's full line: nine in ten are no wider."""
    widths = sorted(map(_width, lines))
    return widths[len(widths) * 9 // 10] if widths else 0


def _width(line: str) -> int:
    """In letters: a Chinese character takes the room of two."""
    return len(line) + len(_WIDE.findall(line))


def _joined(lines: list[str]) -> str:
    """Lines as one; without a space between characters of scripts that have none, and a parted word made whole."""
    text = lines[0]
    for line in lines[1:]:
        if len(text) > 1 and text[-1] == "-" and text[-2].isalpha() and line[0].islower():
            text = text[:-1] + line
        elif _WIDE.match(text[-1]) and _WIDE.match(line[0]):
            text += line
        else:
            text += " " + line
    return text

"""What a page's markup says of it: its meta tags, title, headings, and elements marked as dates and bylines.

The page is read in one compiled pass (marks.py); only what that marked is looked at here, each tag held to a window of
`TAG_BYTES`: hostile markup costs no more than other markup of its length.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from smelt.corpus.extract.linked import Object, json_ld
from smelt.corpus.extract.marks import BORDER, H1, HTML, META, TIME, TITLE, WORDS, YEAR, find_marks
from smelt.corpus.extract.snippets import attributes_of, text_of

TAG_BYTES = 4_096
"""A tag with its attributes; longer ones hold pictures and programs (taste)."""
MOST_TAGS = 1_000
"""Tags of a kind that are tried in a page."""

_CLOSING = re.compile(rb"</(?:title|h1)", re.IGNORECASE)


@dataclass(frozen=True)
class Markup:
    """A page, and where it speaks of itself. A tag is called by its mark's number."""

    page: bytes
    kinds: Sequence[int]
    starts: Sequence[int]
    ends: Sequence[int]
    words: Sequence[int]
    border: int
    """The number of the first mark of the body."""

    @cached_property
    def objects(self) -> Sequence[Object]:
        """JSON-LD objects, outer before inner."""
        return json_ld(self.page)

    @cached_property
    def metas(self) -> Mapping[str, Sequence[str]]:
        """Contents of meta tags by their property, name or itemprop in lower case, in their order.

        Those of the body too: there microdata stands, and what heads that were closed too early should hold.
        """
        found: dict[str, list[str]] = {}
        for number in self._of(META, MOST_TAGS):
            attributes = self.attributes(number)
            content = attributes.get("content", "").strip()
            for kind in ("property", "name", "itemprop", "http-equiv"):
                if kind in attributes and content:
                    found.setdefault(attributes[kind].strip().lower(), []).append(content)
        return found

    def meta(self, *names: str) -> Iterator[str]:
        """The contents of meta tags of these names, the first name's first."""
        for name in names:
            yield from self.metas.get(name, ())

    @property
    def title(self) -> str | None:
        """The text of the element `<title>`; pictures in the body have titles of their own."""
        in_head = (number for number in self._of(TITLE, MOST_TAGS) if number < self.border or not self.border)
        return next((text for text in map(self._text, in_head) if text), None)

    @property
    def language(self) -> str | None:
        """The attribute `lang` of `<html>` as it stands."""
        attributes = next(map(self.attributes, self._of(HTML, 1)), {})
        return attributes.get("lang") or attributes.get("xml:lang")

    def headlines(self) -> Iterator[str]:
        """The texts of the elements `<h1>` in the body."""
        yield from (text for text in map(self._text, self._of(H1, MOST_TAGS, self.border)) if text is not None)

    def times(self) -> Iterator[Mapping[str, str]]:
        """The attributes of the elements `<time>` in the body."""
        return map(self.attributes, self._of(TIME, MOST_TAGS, self.border))

    def marked(self, words: Sequence[str]) -> Iterator[int]:
        """The tags of the body that hold one of WORDS in what they say of themselves; those of the first word first."""
        for word in words:
            bit = 1 << WORDS.index(word)
            yield from (number for number in range(self.border, len(self.kinds)) if self.words[number] & bit)

    def attributes(self, number: int) -> dict[str, str]:
        """The attributes of a tag."""
        start, end = self.starts[number], self.ends[number]
        return attributes_of(self.page[start : min(end, start + TAG_BYTES)].decode(errors="replace"))

    def behind(self, number: int, n_bytes: int) -> str:
        """The markup behind a tag."""
        return self.page[self.ends[number] : self.ends[number] + n_bytes].decode(errors="ignore")

    def around_headline(self, before: int, behind: int) -> tuple[str, str]:
        """The markup before and behind the first headline, or the body's start."""
        numbers = range(self.border, len(self.kinds))
        start = self.starts[self.border] if self.border else 0
        at = next((self.starts[number] for number in numbers if self.kinds[number] == H1), start)
        return (
            self.page[max(at - before, start) : at].decode(errors="ignore"),
            self.page[at : at + behind].decode(errors="ignore"),
        )

    def around_years(self, before: int, behind: int) -> Iterator[str]:
        """The markup around each year in the text of the body."""
        for number in self._of(YEAR, len(self.kinds), self.border):
            at = self.starts[number]
            yield self.page[max(at - before, 0) : at + behind].decode(errors="ignore")

    def _of(self, kind: int, limit: int, first: int = 0) -> Iterator[int]:
        for number in range(first, len(self.kinds)):
            if self.kinds[number] == kind and limit:
                limit -= 1
                yield number

    def _text(self, number: int) -> str | None:
        """The text of an element that is closed within bounds."""
        start = self.ends[number]
        closing = _CLOSING.search(self.page, start, start + TAG_BYTES)
        return text_of(self.page[start : closing.start()].decode(errors="replace")) if closing else None


def read_markup(page: bytes | str) -> Markup:
    """What the markup of a page says of it.

    >>> read_markup('<html lang=en><meta name="Author" content="Ada"><title>Ore &amp; coke</title>').title
    'Ore & coke'
    """
    page = page.encode(errors="replace") if isinstance(page, str) else page
    marks = find_marks(page)
    kinds, starts, ends, words = (marks[name].tolist() for name in ("kind", "start", "end", "words"))
    border = max((number for number, kind in enumerate(kinds) if kind == BORDER), default=0)
    return Markup(page, kinds, starts, ends, words, border)

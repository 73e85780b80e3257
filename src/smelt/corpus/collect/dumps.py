"""MediaWiki dumps, such as Wikipedia's `*-pages-articles*.xml.bz2`, in the export schema 0.11 and those before it.

    <mediawiki xml:lang="en"> <siteinfo>...</siteinfo>
      <page> <title>Iron</title> <ns>0</ns> <revision> <timestamp/> <text>wikitext</text> </revision> </page>

A dump is cut at its `<page>` tags, which cannot stand in what is escaped, and each page is parsed on its own: a broken
page costs itself alone, memory is bounded by one page, and no entity that a file declares is ever known. Redirects and
pages that are no articles (talk, templates, users) are dropped as `not_article`.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO
from urllib.parse import quote
from xml.etree import ElementTree

from smelt.corpus.collect.apart import Refused, apart
from smelt.corpus.collect.reading import Reading
from smelt.corpus.collect.rows import plausible_date
from smelt.corpus.collect.sources import SourceFile, blame_file
from smelt.corpus.collect.unpack import unpacked
from smelt.corpus.document import Document, Drop, Unreadable

NOT_ARTICLE = "not_article"
"""The reason of redirects, and of pages in other name spaces than the articles'."""
ARTICLES = "0"
"""The name space of articles."""
HEADER = 1 << 20
"""Bytes that may stand before the first page: names of name spaces, some KB."""
BLOCK = 1 << 20
OPEN, CLOSE, END = b"<page>", b"</page>", b"</mediawiki>"
_REDIRECT = re.compile(r"\s*#(?:redirect|重定向|重新導向)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Site:
    """What a dump says of itself."""

    language: str | None
    base: str | None
    """What the addresses of pages begin with."""
    name: str | None
    hidden: tuple[str, ...]
    """The name spaces of files and categories, as this language calls them."""


def dump_documents(file: SourceFile, reading: Reading) -> Iterator[Document]:
    """The articles of a dump, in order, and dropped what is none."""
    number = 0
    try:
        with file.open() as stored:
            pieces = _pieces(unpacked(file, stored), reading.max_record)
            site = _site(next(pieces))
            for number, page in enumerate(pieces, 1):
                yield _document(page, f"{file.name}#{number}", file.name, site)
    except (OSError, Unreadable) as error:
        if isinstance(error, OSError):
            blame_file(error)
        after = f"the dump cannot be read on after page {number}: " if number else ""
        yield Unreadable(f"{after}{error}").document(f"{file.name}#{number + 1}", source=file.name)


def _pieces(stream: BinaryIO, max_record: int) -> Iterator[bytes | Unreadable]:
    """What stands before the first page, then each page; `Unreadable` for one that is too long."""
    cutter = _Cutter(stream)
    header = cutter.until(OPEN, HEADER)
    if header is None:
        raise Unreadable("not a MediaWiki dump: no page in it")
    yield header
    while (page := cutter.until(CLOSE, max_record)) is not None:
        yield OPEN + page if isinstance(page, bytes) else page
        if cutter.until(OPEN, HEADER) is None:
            if END in cutter.rest:
                return
            break
    raise Unreadable("the dump is cut off", cutter.rest)


class _Cutter:
    """A stream cut at marks, of which no more is held than asked for."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._held = stream, b""
        self.rest = b""
        """What stood behind the last mark that was found, once the stream has ended."""

    def until(self, mark: bytes, limit: int) -> bytes | Unreadable | None:
        """All up to the next mark and with it; None where there is no more."""
        kept, size = bytearray(), 0
        while (place := self._held.find(mark)) < 0:
            cut = max(len(self._held) - len(mark) + 1, 0)  # a mark may lie across two blocks
            size += cut
            kept += self._held[:cut] if size <= limit else b""
            block = self._stream.read(BLOCK)
            if not block:
                self.rest = bytes(kept) + self._held[cut:]
                return None
            self._held = self._held[cut:] + block
        end = place + len(mark)
        size += end
        piece, self._held = self._held[:end], self._held[end:]
        if size > limit:
            return Unreadable(f"a page of {size:,} bytes, over the limit of {limit:,}", bytes(kept[:1_000]))
        return bytes(kept) + piece


def _site(header: bytes | Unreadable) -> _Site:
    if isinstance(header, Unreadable) or b"<mediawiki" not in header:
        raise Unreadable("not a MediaWiki dump")
    if b"<!DOCTYPE" in header:
        raise Unreadable("a dump that declares entities of its own, as none does")
    text = header.decode(errors="replace")
    base = _found(r"<base>([^<]*)/[^</]*</base>", text)
    spaces = re.findall(r'<namespace key="(?:-2|6|14)"[^>]*>([^<]+)</namespace>', text)
    language = _found(r'<mediawiki[^>]*\sxml:lang="([^"]+)"', text)
    return _Site(language, base, _found(r"<dbname>([^<]+)</dbname>", text), tuple(map(html.unescape, spaces)))


def _found(pattern: str, text: str) -> str | None:
    match = re.search(pattern, text)
    return html.unescape(match[1]) if match else None


def _document(page: bytes | Unreadable, place: str, name: str, site: _Site) -> Document:
    try:
        if isinstance(page, Unreadable):
            raise page
        return _article(_parsed(page), place, name, site)
    except Unreadable as problem:
        return problem.document(place, source=name, preview=page if isinstance(page, bytes) else b"")


def _parsed(page: bytes) -> ElementTree.Element:
    try:
        return ElementTree.fromstring(page)
    except ElementTree.ParseError as error:
        raise Unreadable(f"a page that is no XML: {error}") from error


def _article(page: ElementTree.Element, place: str, name: str, site: _Site) -> Document:
    title = page.findtext("title") or ""
    revisions = page.findall("revision")
    revision = revisions[-1] if revisions else page
    meta = {"title": title, "page": page.findtext("id"), "revision": revision.findtext("id")}
    about = Document(
        place,
        "",
        url=f"{site.base}/{quote(title.replace(' ', '_'), safe='/:@!$*(),;~')}" if site.base else None,
        source=site.name or name,
        date=plausible_date(revision.findtext("timestamp")),
        language=site.language,
        meta=json.dumps({key: value for key, value in meta.items() if value}, ensure_ascii=False),
    )
    wikitext = revision.findtext("text") or ""
    problem = _why_none(page, revision, wikitext)
    if problem is not None:
        return replace(about, drop=Drop(NOT_ARTICLE, detail=problem))
    return replace(about, text=_text(wikitext, site))


def _why_none(page: ElementTree.Element, revision: ElementTree.Element, wikitext: str) -> str | None:
    space = page.findtext("ns") or ARTICLES
    if space != ARTICLES:
        return f"name space {space}"
    if page.find("redirect") is not None or _REDIRECT.match(wikitext):
        return "a redirect"
    model = revision.findtext("model") or "wikitext"
    if model != "wikitext":
        return f"a page of {model}"
    return None if wikitext.strip() else "no text"


def _text(wikitext: str, site: _Site) -> str:
    request = json.dumps({"text": wikitext, "hidden": site.hidden}).encode()
    try:
        return apart("wikitext").ask(request).decode()
    except Refused as problem:
        raise Unreadable(f"wikitext that cannot be read: {problem}", wikitext[:1_000]) from problem

"""Files that are one document each: HTML, text, Markdown with what stands in its front matter, and PDF."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import yaml

from smelt.corpus.collect.apart import Refused, apart
from smelt.corpus.collect.charset import decode
from smelt.corpus.collect.reading import Reading
from smelt.corpus.collect.rows import plausible_date
from smelt.corpus.collect.sources import SourceFile
from smelt.corpus.collect.unpack import unpacked
from smelt.corpus.document import Document, Drop, Format, Unreadable

NO_TEXT = "no_text"
"""The reason of PDFs whose pages are pictures."""
MAX_FRONT_MATTER = 64 * 2**10
"""Bytes of front matter that are looked at (taste)."""
_FRONT_MATTER = re.compile(r"---[ \t]*\r?\n(.*?)\r?\n(?:---|\.\.\.)[ \t]*(?:\r?\n|$)", re.DOTALL)


def page_documents(file: SourceFile, reading: Reading) -> Iterator[Document]:
    """The one document of an HTML, text or Markdown file."""
    form: Format = "html" if file.format == "html" else "text"
    raw = whole_file(file, reading)
    try:
        text, encoding = decode(raw, is_html=form == "html")
    except Unreadable as problem:
        yield problem.document(f"{file.name}#0", source=file.name, preview=raw)
        return
    document = Document(f"{file.name}#0", text, source=file.name, format=form)
    meta = {"encoding": encoding}
    yield _with_front_matter(document, meta) if file.format == "markdown" else replace(document, meta=json.dumps(meta))


def pdf_documents(file: SourceFile, reading: Reading) -> Iterator[Document]:
    """The one document of a PDF: its text layer."""
    try:
        about = json.loads(apart("pdf").ask(whole_file(file, reading)))
    except Refused as problem:
        raise Unreadable(str(problem)) from problem
    text = about.pop("text")
    meta = json.dumps({name: value for name, value in about.items() if value}, ensure_ascii=False, sort_keys=True)
    document = Document(f"{file.name}#0", text, source=file.name, date=plausible_date(about.pop("date")), meta=meta)
    detail = f"no text in {about['pages']:,} pages: pictures of text, most likely"
    yield document if text.strip() else replace(document, drop=Drop(NO_TEXT, detail=detail))


def whole_file(file: SourceFile, reading: Reading) -> bytes:
    """All bytes of a file, unpacked; `Unreadable` if they are too many."""
    with file.open() as stored:
        raw = unpacked(file, stored).read(reading.max_record + 1)
    if len(raw) > reading.max_record:
        raise Unreadable(f"a file of over {reading.max_record:,} bytes", raw)
    return raw


def _with_front_matter(document: Document, meta: dict[str, Any]) -> Document:
    match = _FRONT_MATTER.match(document.text[:MAX_FRONT_MATTER])
    about = _parsed(match[1]) if match else None
    if match is None or about is None:
        return replace(document, meta=json.dumps(meta))
    date = plausible_date(about.get("date"))
    language = about.get("lang", about.get("language"))
    return replace(
        document,
        text=document.text[match.end() :],
        date=date,
        language=language if isinstance(language, str) else None,
        meta=json.dumps({**meta, **about}, ensure_ascii=False, sort_keys=True),
    )


def _parsed(front_matter: str) -> dict[str, Any] | None:
    """The fields of front matter; None where it is none, but a text between two rules."""
    try:
        value = yaml.load(front_matter, _Loader)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    return {str(name): content for name, content in cast("dict[object, object]", value).items()}


class _Loader(yaml.BaseLoader):
    """YAML whose scalars stay strings, without aliases: nine lines of them unpack to a billion."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """A node; an alias is refused."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not read")
        return super().compose_node(parent, index)

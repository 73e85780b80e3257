"""HTML to text: what a page says, without its navigation, advertisements and footers.

best         ours: blocks from one compiled pass over the bytes (parse.py), chosen by a small learned model in two
             stages (features.py, context.py, trees.py); how good and how fast: main-content.json, and
             `python -m benchmarks extraction`
fast         its first stage alone
resiliparse  rules over the document tree (peers.py)
trafilatura  rules in Python, an optional extra (peers.py)
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import ClassVar, Literal

import polars as pl
from pydantic import JsonValue, model_validator

from smelt.core.shards import file_digest
from smelt.corpus.document import Drop, Op, drop_each, is_kept
from smelt.corpus.extract.dates import Dates
from smelt.corpus.extract.payloads import POOR_CHARACTERS, is_richer, payload_html
from smelt.corpus.extract.peers import need, resiliparse_text, trafilatura_text
from smelt.corpus.measures.measure import MEASURES
from smelt.errors import InputError

Mode = Literal["best", "fast", "resiliparse", "trafilatura"]
Output = Literal["text", "markdown"]
ABOUT = ("title", "author", "language")
"""What a page says of itself, where the source says nothing."""
OF_DATE = ("date_source", "date_refused")
"""Who gave the date, in the words of dating.py, null where an archive did; and why one before was refused."""
LEARNED: tuple[Mode, ...] = ("best", "fast")
TextOf = Callable[[bytes], "str | Drop"]

_TEMPLATE = re.compile(
    rb"<script\b[^<>]*\btype\s*=\s*[\"']?text/(?:x-)?(?:\w+-)?(?:handlebars|template|html)\b[^<>]*>", re.IGNORECASE
)
"""Opens markup that the page's own code puts in place when it is shown: some sites keep all they have to say there."""


class Extract(Op):
    """The main text of HTML pages; documents that are text already pass through.

    A page without main text outside of templates is read again with its templates unpacked. One of which nothing
    remains is dropped as `extract.empty`, one beyond all bounds as `extract.hostile`; both keep their HTML.
    """

    op: ClassVar[str] = "extract"
    version: ClassVar[int] = 3
    mode: Mode = "best"
    """Who chooses what is main content."""
    output: Output = "text"
    """What markup becomes: nothing but line breaks, or Markdown. Text is the default because the published limits of
    Gopher, C4 and FineWeb were set on it: in Markdown, `#` is a symbol and `-` a bullet that they count."""
    dates: Dates = "fast"
    """Whether htmldate, an optional extra, is asked where neither address nor declarations date a page: `best` dates
    more pages, and takes 15 ms for each (`python -m benchmarks metadata`)."""

    @model_validator(mode="after")
    def _can_be_done(self) -> Extract:
        if self.mode == "resiliparse" and self.output == "markdown":
            raise ValueError('mode "resiliparse" gives text only; expected output = "text", or another mode')
        if self.mode == "trafilatura":
            need("trafilatura", field="mode", otherwise="best")
        if self.dates == "best":
            need("htmldate", field="dates", otherwise="fast")
        return self

    def settings(self) -> dict[str, JsonValue]:
        """The model is a setting too: what it is, not where it lies."""
        if self.mode not in LEARNED:
            return super().settings()
        return {**super().settings(), "model": _model_digest()}

    def apply(self, batch: pl.DataFrame) -> pl.DataFrame:
        """The batch with pages as text, or dropped; `title`, `author`, `date` and `language` as the pages say.

        `date_source` and `date_refused` say where each date is from, so that a wrong one can be traced.
        """
        is_page = is_kept() & (pl.col("format") == "html")
        pages = batch.select(pl.when(is_page).then(pl.col("text").cast(pl.Binary))).to_series().to_list()
        text_of = extractor(self.mode, self.output)
        found = [None if page is None else text_of(page) for page in pages]
        texts = pl.Series("text", [text if isinstance(text, str) else None for text in found], pl.String)
        about = _said_of(batch, pages, texts, self.dates)
        batch = drop_each(batch, [result if isinstance(result, Drop) else None for result in found])
        known = [about[name] if name not in batch.columns else pl.coalesce(name, about[name]) for name in ABOUT]
        return batch.drop(MEASURES, strict=False).with_columns(  # what was measured on other texts
            *known,
            *(about[name] for name in OF_DATE),
            text=pl.coalesce(texts, "text"),
            format=pl.when(texts.is_not_null()).then(pl.lit("text")).otherwise("format"),
            date=pl.coalesce(about["date"], "date"),  # an archive says when it fetched the page
        )


def _said_of(batch: pl.DataFrame, pages: Sequence[bytes | None], texts: pl.Series, dates: Dates) -> pl.DataFrame:
    """What each page of which there is text says of itself."""
    from smelt.corpus.extract.metadata import PageMetadata, page_metadata  # compiled, as in `_text_of`

    said = [
        PageMetadata()
        if page is None or text is None
        else page_metadata(page, url=url, crawled=crawled, headers=_headers(meta), dates=dates)
        for page, text, url, crawled, meta in zip(pages, texts, batch["url"], batch["date"], batch["meta"], strict=True)
    ]
    columns = {name: [getattr(one, name) for one in said] for name in (*ABOUT, *OF_DATE, "date")}
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))


def _headers(meta: str | None) -> Mapping[str, str]:
    """The HTTP headers that a reader kept of a page."""
    found: object = json.loads(meta) if meta and '"http"' in meta else {}
    kept = found.get("http") if isinstance(found, dict) else None
    return kept if isinstance(kept, dict) else {}


def main_text(html: str, mode: Mode = "best", output: Output = "text") -> str | Drop:
    """The main text of a page, or why there is none.

    >>> main_text("<body><nav>Home</nav><article><h1>Ore</h1><p>Heat it.</p></article></body>", "resiliparse")
    'Ore\\n\\nHeat it.'
    """
    return extractor(mode, output)(html.encode(errors="replace"))


def extractor(mode: Mode, output: Output) -> TextOf:
    """What gives the main text of a page's UTF-8 bytes, or why there is none, page after page."""
    text_of, whole_text = _text_of(mode, output)

    def text_or_drop(page: bytes) -> str | Drop:
        found = text_of(page)
        if found == "" and _TEMPLATE.search(page):
            found = text_of(_TEMPLATE.sub(b"<p>", page))
        if isinstance(found, Drop):
            return found
        payload = payload_html(page) if len(found) < POOR_CHARACTERS else None
        said = whole_text(payload.encode(errors="replace")) if payload is not None else ""
        if isinstance(said, str) and is_richer(said, found):
            found = said
        return found or Drop("extract.empty", detail="no main text in the page")

    return text_or_drop


def _text_of(mode: Mode, output: Output) -> tuple[TextOf, TextOf]:
    """What gives the main text of a page, and what all that a piece of HTML says."""
    if mode == "resiliparse":
        return resiliparse_text, resiliparse_text
    if mode == "trafilatura":
        text_of = partial(trafilatura_text, is_markdown=output == "markdown")
        return text_of, text_of
    # Imported here because compiled code takes a second to load, and reading a recipe needs only the names above.
    from smelt.corpus.extract.learned import Extractor
    from smelt.corpus.extract.model import shipped_model

    ours = Extractor(shipped_model(), fast=mode == "fast", markdown=output == "markdown")
    return ours.main_text, ours.whole_text


def _model_digest() -> str:
    from smelt.corpus.extract.model import MODEL

    try:
        return file_digest(MODEL)
    except OSError as error:
        raise InputError(
            where=str(MODEL),
            what=f"holds no extraction model: {error}",
            expected="the file that comes with smelt",
            do='install smelt again, or extract with mode = "resiliparse"',
        ) from error

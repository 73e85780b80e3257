"""HTML to text: what a page says, without its navigation, advertisements and footers.

The work is resiliparse's (Bevendorff et al. 2018): rules over the document tree. On the first 500 pages of the WCXB
development split its words have an F1 of .869 with these settings (.865 with its own, which keep the descriptions of
images), at 200 pages a second.
"""

from __future__ import annotations

import re
from itertools import accumulate
from typing import ClassVar

import polars as pl
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLParserException

from smelt.corpus.document import Drop, Op, drop_each, is_kept
from smelt.corpus.measures.measure import MEASURES

MAX_NESTING = 5_000
"""Elements inside one another, beyond which a page is not parsed: the time taken grows with the square of the depth,
half a second at 5,000 and an hour at 500,000. Browsers cut off at 512."""
MAX_ATTRIBUTES = 20_000
"""In one tag, likewise: 0.8 s at 20,000."""

_NESTING = re.compile(
    r"<(/?)(?!(?:area|base|br|col|embed|hr|img|input|link|meta|param|source|track|wbr|p|li|d[dt]|option|optgroup|r[bpt]"
    r"|rtc|t[rdh]|thead|tbody|tfoot|colgroup|html|head|body)\b)[a-z][^<>]*?(/?)>",
    re.IGNORECASE,
)
"""Tags other than those that hold nothing or may be left open; whether one closes is in its groups."""
_LONG_TAG = re.compile(r"<[a-z][^<>]{40000,}", re.IGNORECASE)  # 20,000 attributes of a letter each
_TEMPLATE = re.compile(
    r"<script\b[^<>]*\btype\s*=\s*[\"']?text/(?:x-)?(?:\w+-)?(?:handlebars|template|html)\b[^<>]*>", re.IGNORECASE
)
"""Opens markup that the page's own code puts in place when it is shown: some sites keep all they have to say there."""


class Extract(Op):
    """The main text of HTML pages; documents that are text already pass through.

    A page without main text outside of templates is read again with its templates unpacked. One of which nothing
    remains is dropped as `extract.empty`, one that would take hours as `extract.hostile`; both keep their HTML.
    """

    op: ClassVar[str] = "extract"

    def apply(self, batch: pl.DataFrame) -> pl.DataFrame:
        """The batch with pages as text, or dropped."""
        pages = batch.select(pl.when(is_kept() & (pl.col("format") == "html")).then(pl.col("text"))).to_series()
        found = [None if page is None else main_text(page) for page in pages]
        texts = pl.Series("text", [text if isinstance(text, str) else None for text in found], pl.String)
        batch = drop_each(batch, [result if isinstance(result, Drop) else None for result in found])
        return batch.drop(MEASURES, strict=False).with_columns(  # what was measured on other texts
            text=pl.coalesce(texts, "text"),
            format=pl.when(texts.is_not_null()).then(pl.lit("text")).otherwise("format"),
        )


def main_text(html: str) -> str | Drop:
    """The main text of a page, or why there is none.

    >>> main_text("<body><nav>Home</nav><article><h1>Ore</h1><p>Heat it.</p></article></body>")
    'Ore\\n\\nHeat it.'
    """
    danger = _danger(html)
    if danger is not None:
        return danger
    try:
        text = _extract(html) or _extract(_TEMPLATE.sub("<p>", html))
    except HTMLParserException as error:
        return Drop("extract.hostile", detail=f"cannot be parsed: {error}")
    return text or Drop("extract.empty", detail="no main text in the page")


def _extract(html: str) -> str:
    return extract_plain_text(html, main_content=True, alt_texts=False).strip()


def _danger(html: str) -> Drop | None:
    if html.count("<") > MAX_NESTING:
        steps = (0 if tag[2] else -1 if tag[1] else 1 for tag in _NESTING.finditer(html))
        depth = max(accumulate(steps), default=0)
        if depth > MAX_NESTING:
            return Drop("extract.hostile", depth, MAX_NESTING, "elements inside one another")
    attributes = max((len(tag[0].split()) for tag in _LONG_TAG.finditer(html)), default=0)
    if attributes > MAX_ATTRIBUTES:
        return Drop("extract.hostile", attributes, MAX_ATTRIBUTES, "attributes in one tag")
    return None

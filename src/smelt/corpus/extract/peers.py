"""Main text by other people's rules: the modes `resiliparse` and `trafilatura`.

Resiliparse (Bevendorff et al. 2018) has rules over the document tree; its time grows with the square of nesting and of
attributes, so pages that would take hours are told before they are parsed. Trafilatura (Barbaresi 2021) has rules and
fallbacks in Python, an optional extra of smelt.
"""

from __future__ import annotations

import re
from importlib.util import find_spec
from itertools import accumulate

from smelt.corpus.document import Drop
from smelt.errors import InputError

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


EXTRAS = {"trafilatura": "trafilatura", "htmldate": "dates"}
"""The extra of smelt that brings a package."""


def resiliparse_text(page: bytes) -> str | Drop:
    """The main text of a page by resiliparse; "" where there is none."""
    from resiliparse.extract.html2text import extract_plain_text
    from resiliparse.parse.html import HTMLParserException

    html = page.decode(errors="replace")
    found = danger(html)
    if found is not None:
        return found
    try:
        return extract_plain_text(html, main_content=True, alt_texts=False).strip()
    except HTMLParserException as error:
        return Drop("extract.hostile", detail=f"cannot be parsed: {error}")


def trafilatura_text(page: bytes, *, is_markdown: bool) -> str | Drop:
    """The main text of a page by trafilatura; "" where there is none."""
    import trafilatura

    html = page.decode(errors="replace")
    found = danger(html)
    if found is not None:
        return found
    output = "markdown" if is_markdown else "txt"
    return (
        trafilatura.extract(html, output_format=output, include_links=is_markdown, include_formatting=is_markdown) or ""
    )


def need(package: str, *, field: str, otherwise: str) -> None:
    """Raises `InputError` where a package is not installed that a setting of `extract` asks for."""
    if find_spec(package) is None:
        raise InputError(
            where=f"extract.{field}",
            what=f"{package} is not installed",
            expected=f"the package that this {field} is made with",
            do=f'pip install "smelt[{EXTRAS[package]}]", or leave {field} at "{otherwise}"',
        )


def danger(html: str) -> Drop | None:
    """Why a page is beyond what a parser that builds trees in Python or C takes in bounded time."""
    if html.count("<") > MAX_NESTING:
        steps = (0 if tag[2] else -1 if tag[1] else 1 for tag in _NESTING.finditer(html))
        depth = max(accumulate(steps), default=0)
        if depth > MAX_NESTING:
            return Drop("extract.hostile", depth, MAX_NESTING, "elements inside one another")
    attributes = max((len(tag[0].split()) for tag in _LONG_TAG.finditer(html)), default=0)
    if attributes > MAX_ATTRIBUTES:
        return Drop("extract.hostile", attributes, MAX_ATTRIBUTES, "attributes in one tag")
    return None

"""Pieces of markup read by patterns: attributes of a tag, and the text of a few hundred bytes."""

from __future__ import annotations

import html as entities
import re
from collections.abc import Iterator

MOST_PLACES = 1_000
"""Of a literal in a page."""

_ATTRIBUTE = re.compile(r"""([\w:.-]{1,60})\s{0,9}=\s{0,9}(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""")
_UNSEEN = re.compile(
    r"<(?:script|style|svg|template|noscript)\b.*?(?:</(?:script|style|svg|template|noscript)\b[^>]*>|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_TAG = re.compile(r"<!--.*?(?:-->|\Z)|<[/!a-z][^>]*>?", re.IGNORECASE | re.DOTALL)
_BLOCK = re.compile(r"</?(?:p|div|br|li|h\d|tr|td|section|article|header|ul|ol|table|dd|dt)\b[^>]*>", re.IGNORECASE)


def places(page: bytes, literal: bytes, limit: int = MOST_PLACES) -> Iterator[int]:
    """Where a literal stands, the first `limit` times."""
    place = page.find(literal)
    while place >= 0 and limit:
        yield place
        limit -= 1
        place = page.find(literal, place + len(literal))


def attributes_of(tag: str) -> dict[str, str]:
    """Attributes by name in lower case, their entities decoded; of one that is repeated the first, as in browsers."""
    found: dict[str, str] = {}
    for match in _ATTRIBUTE.finditer(tag):
        value = next(group for group in match.groups()[1:] if group is not None)
        found.setdefault(match[1].lower(), entities.unescape(value) if "&" in value else value)
    return found


def text_of(html: str) -> str:
    """The text in a piece of markup, on one line.

    >>> text_of("Iron <b>and</b>\\n steel<style>b {}</style> &amp; co")
    'Iron and steel & co'
    """
    if "<" in html:
        html = _TAG.sub("", _BLOCK.sub(" ", _UNSEEN.sub(" ", html)))
    return " ".join(entities.unescape(html).split())

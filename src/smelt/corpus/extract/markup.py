"""What a page's markup says of the page: its meta tags, JSON-LD objects, title and headings, read without a parser.

A page is looked at in a few literal searches, and only what they hit is matched, each match held to a window of
`TAG_CHARACTERS`: hostile markup costs no more than other markup of its length. The head is read to its end or to
`HEAD_CHARACTERS`; of the body the first `BODY_CHARACTERS`, where headline and byline stand. JSON-LD may stand anywhere
(https://json-ld.org, embedded as `<script type="application/ld+json">`).
"""

from __future__ import annotations

import html as entities
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

TAG_CHARACTERS = 4_096
"""A tag with its attributes; longer ones hold pictures and programs (taste)."""
HEAD_CHARACTERS = 2_000_000
"""Some pages inline style sheets and programs: of 1,497 reviewed ones 27 have heads of over 400,000."""
BODY_CHARACTERS = 150_000
"""With 60,000 titles, authors and dates of reviewed pages are right on .02 fewer, at 1.5 times the speed."""
BARE_CHARACTERS = 20_000
"""Of a page without head and body, read as both."""
TAGS = 1_000
"""Tags of a kind that are tried in a page."""
MARKS, MARK_CHARACTERS = 300, 400
"""Places of a word that are looked at, and how far from its tag's ends it may stand."""
JSON_CHARACTERS = 2_000_000
"""Of one embedded object, and of all of a page together."""
JSON_SCRIPTS = 40
OBJECTS, DEPTH = 400, 8
"""JSON-LD objects of a page, and how deep they may stand in one another."""

Object = Mapping[str, Any]

_ATTRIBUTE = re.compile(r"""([\w:.-]{1,60})\s{0,9}=\s{0,9}(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""")
_TAG_END = re.compile(r"""(?:[^>"']|"[^"]*"|'[^']*')*+>""")
_UNSEEN = re.compile(
    r"<(?:script|style|svg|template|noscript)\b.*?(?:</(?:script|style|svg|template|noscript)\b[^>]*>|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_TAG = re.compile(r"<!--.*?(?:-->|\Z)|<[/!a-z][^>]*>?", re.IGNORECASE | re.DOTALL)
_BLOCK = re.compile(r"</?(?:p|div|br|li|h\d|tr|td|section|article|header|ul|ol|table|dd|dt)\b[^>]*>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Markup:
    """What a page's markup says of it."""

    metas: Mapping[str, Sequence[str]]
    """Contents of meta tags by their property, name or itemprop in lower case, in their order."""
    objects: Sequence[Object]
    """JSON-LD objects, outer before inner."""
    title: str | None
    """The element `<title>` as it stands."""
    language: str | None
    """The attribute `lang` of `<html>` as it stands."""
    body: str
    """The part of the body that is looked at."""

    def meta(self, *names: str) -> Iterator[str]:
        """The contents of meta tags of these names, the first name's first."""
        for name in names:
            yield from self.metas.get(name, ())


def read_markup(html: str) -> Markup:
    """What the markup of a page says of it.

    >>> read_markup('<html lang=en><meta name="Author" content="Ada"><title>Ore &amp; coke</title>').title
    'Ore & coke'
    """
    head, body = _parts(html)
    opening = next(tags(head, "html"), None)
    attributes = {} if opening is None else opening[0]
    return Markup(
        metas=_metas(head, body),
        objects=json_ld(html),
        title=next((text for _, text in elements(head, "title") if text), None),
        language=attributes.get("lang") or attributes.get("xml:lang"),
        body=body,
    )


def tags(html: str, name: str) -> Iterator[tuple[dict[str, str], int]]:
    """The attributes of each tag of a name, and where the tag ends. `name` is in lower case, as is `html`'s."""
    for place in places(html, f"<{name}"):
        inside = place + 1 + len(name)
        if html[inside : inside + 1].isalnum():
            continue
        end = _TAG_END.match(html, inside, inside + TAG_CHARACTERS)
        if end is not None:
            yield attributes_of(end[0]), end.end()


def elements(html: str, name: str) -> Iterator[tuple[dict[str, str], str]]:
    """The attributes and the text of each element of a name that holds no other of the name."""
    for attributes, start in tags(html, name):
        end = html.find(f"</{name}", start, start + TAG_CHARACTERS)
        if end >= 0:
            yield attributes, text_of(html[start:end])


def marked_tags(html: str, *words: str) -> Iterator[tuple[dict[str, str], int]]:
    """The tags with a word in their class, id, rel or itemprop, and where they end; those of the first word first."""
    for word in words:
        for place in places(html, word, MARKS):
            opening = html.rfind("<", max(place - MARK_CHARACTERS, 0), place)
            if opening < 0 or html.find(">", opening, place) >= 0:
                continue
            end = html.find(">", place, place + MARK_CHARACTERS) + 1
            attributes = attributes_of(html[opening:end])
            if any(word in attributes.get(name, "") for name in ("class", "id", "rel", "itemprop")):
                yield attributes, end


def places(html: str, literal: str, limit: int = TAGS) -> Iterator[int]:
    """Where a literal stands, the first `limit` times."""
    place = html.find(literal)
    while place >= 0 and limit:
        yield place
        limit -= 1
        place = html.find(literal, place + len(literal))


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


def json_ld(html: str) -> list[Object]:
    """The JSON-LD objects of a page, outer before inner; what is no JSON is left out, as search engines do."""
    found: list[Object] = []
    for text in json_scripts(html, "ld+json"):
        _collect(parse_json(text), found, DEPTH)
    return found


def json_scripts(html: str, mark: str) -> Iterator[str]:
    """The contents of `<script>` elements with the mark in their tag, up to `JSON_CHARACTERS` together."""
    left = JSON_CHARACTERS
    for place in places(html, mark, JSON_SCRIPTS):
        opening = html.rfind("<", max(place - TAG_CHARACTERS, 0), place)
        start = html.find(">", place, place + TAG_CHARACTERS) + 1
        if opening < 0 or start == 0 or html[opening + 1 : opening + 7].lower() != "script":
            continue
        end = html.find("</script", start, start + left)
        if end >= 0:
            left -= end - start
            yield html[start:end]


def parse_json(text: str) -> object:
    """A value, or None where there is none: broken, nested beyond Python's stack, or with endless numbers."""
    text = text.strip().removeprefix("<!--").removesuffix("-->")
    text = re.sub(r"^\s*(?://\s*)?<!\[CDATA\[|(?://\s*)?\]\]>\s*$", "", text) if "CDATA" in text[:40] else text
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None


def types_of(thing: Object) -> tuple[str, ...]:
    """The types of a JSON-LD object, without their namespace."""
    kinds = thing.get("@type")
    listed = cast("list[object]", kinds) if isinstance(kinds, list) else [kinds]
    return tuple(kind.rpartition("/")[2] for kind in listed if isinstance(kind, str))


def string_of(thing: object) -> str | None:
    """The text of a JSON-LD value: a string, the first of a list, or what a `@value` or `name` holds."""
    for _ in range(3):
        if isinstance(thing, list):
            thing = cast("list[object]", thing)[0] if thing else None
        elif isinstance(thing, Mapping):
            inner = cast("Object", thing)
            thing = inner.get("@value") or inner.get("name")
    return text_of(thing) or None if isinstance(thing, str) else None


def _collect(value: object, found: list[Object], depth: int) -> None:
    if depth == 0 or len(found) >= OBJECTS:
        return
    if isinstance(value, Mapping):
        thing = cast("Object", value)
        if "@type" in thing:
            found.append(thing)
        for inner in thing.values():
            if isinstance(inner, Mapping | list):
                _collect(cast("object", inner), found, depth - 1)
    elif isinstance(value, list):
        for inner in cast("list[object]", value)[:OBJECTS]:
            _collect(inner, found, depth - 1)


def _parts(html: str) -> tuple[str, str]:
    """The head of a page and the part of its body that is looked at; its start is both where there is no border."""
    if "<TITLE" in html[:BARE_CHARACTERS] or "<META" in html[:BARE_CHARACTERS]:
        html = _SHOUTED.sub(lambda tag: tag[0].lower(), html[: HEAD_CHARACTERS + BODY_CHARACTERS])
    end = max(html.find("</head", 0, HEAD_CHARACTERS), html.find("<body", 0, HEAD_CHARACTERS))
    if end < 0:
        return html[:BARE_CHARACTERS], html[:BODY_CHARACTERS]
    return html[:end], html[end : end + BODY_CHARACTERS]


_SHOUTED = re.compile(r"</?[A-Z][A-Z0-9]*")
"""Tags as they were written in the nineties."""


def _metas(head: str, body: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for part in (head, body):  # microdata, and heads that were closed too early, put them in the body
        for attributes, _ in tags(part, "meta"):
            content = attributes.get("content", "").strip()
            for kind in ("property", "name", "itemprop", "http-equiv"):
                if kind in attributes and content:
                    found.setdefault(attributes[kind].strip().lower(), []).append(content)
    return found

"""JSON in a page's scripts: JSON-LD, in which pages describe themselves, and the data of their own programs.

JSON-LD may stand anywhere (https://json-ld.org, embedded as `<script type="application/ld+json">`). Everything is
parsed and never run; size, depth and number are bounded, so that hostile data cost no more than others of their length.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from smelt.corpus.extract.snippets import places, text_of

SCRIPT_BYTES = 4_096
"""Of the tag of a script, around what marks it."""
JSON_BYTES = 2_000_000
"""Of one embedded object, and of all of a page together."""
JSON_SCRIPTS = 40
OBJECTS, DEPTH = 400, 8
"""JSON-LD objects of a page, and how deep they may stand in one another."""

Object = Mapping[str, Any]


def json_ld(page: bytes) -> list[Object]:
    """The JSON-LD objects of a page, outer before inner; what is no JSON is left out, as search engines do."""
    found: list[Object] = []
    for text in json_scripts(page, "ld+json"):
        _collect(parse_json(text), found, DEPTH)
    return found


def json_scripts(page: bytes, mark: str) -> Iterator[str]:
    """The contents of `<script>` elements with the mark in their tag, up to `JSON_BYTES` together."""
    left = JSON_BYTES
    for place in places(page, mark.encode(), JSON_SCRIPTS):
        opening = page.rfind(b"<", max(place - SCRIPT_BYTES, 0), place)
        start = page.find(b">", place, place + SCRIPT_BYTES) + 1
        if opening < 0 or start == 0 or page[opening + 1 : opening + 7].lower() != b"script":
            continue
        end = page.find(b"</script", start, start + left)
        if end >= 0:
            left -= end - start
            yield page[start:end].decode(errors="replace")


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


def is_article(kind: str) -> bool:
    """Whether a type of schema.org is an article's: NewsArticle, BlogPosting, Report and their kin."""
    return kind.endswith("Article") or kind in _ARTICLES


_ARTICLES = ("BlogPosting", "Report", "SocialMediaPosting", "LiveBlogPosting", "Recipe")


def is_post(kind: str) -> bool:
    """Whether a type of schema.org is that of a discussion's first post."""
    return kind in ("DiscussionForumPosting", "Question")


def is_page(kind: str) -> bool:
    """Whether a type of schema.org is a page's."""
    return kind.endswith("WebPage")


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

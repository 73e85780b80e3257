"""What a page carries as data for its own scripts: posts and articles as JSON, where the markup is empty or poorer.

A forum that is drawn in the browser sends its posts as JSON with a page of empty markup; a shop describes its product
for search engines alone. Of each system below the texts are taken in their order, and become plain HTML, which any
extractor reads in place of the page where it is richer: never beside it, so that nothing is said twice.

    Discourse   data-preloaded="{topic_...}": posts as they were cooked
    Flarum      <script id="flarum-json-payload">: posts with contentHtml
    NodeBB      <script id="ajaxify-data">: posts of a topic
    JSON-LD     discussions with comments, questions with answers, articleBody, recipes, products
    Next.js     __NEXT_DATA__, and its kin: prose under names such as content, body or description
    <noscript>  and <template>: the page for readers without scripts

JSON is parsed and never run; size and depth are bounded (linked.py). `python -m benchmarks metadata` says what payloads
are worth. Shops and blogs (Shopify, WooCommerce, WordPress, Ghost, Blogger) and older forums (vBulletin, phpBB,
XenForo) send their texts as markup and say them again in JSON-LD. Not read: Wix's data, which hold no text that the
markup lacks on five pages, and React's flight data (`self.__next_f`), which is no JSON, and is richer on 4 of 51.
"""

from __future__ import annotations

import html as entities
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

from smelt.corpus.extract.linked import (
    DEPTH,
    JSON_BYTES,
    Object,
    json_ld,
    json_scripts,
    parse_json,
    string_of,
    types_of,
)
from smelt.corpus.extract.snippets import places, text_of

ENOUGH_CHARACTERS = 150
"""Less text is no payload: a slogan, or a name (taste)."""
PROSE_CHARACTERS = 200
"""A string in a page's data that is so long, and has spaces or Han characters, is prose; others are keys and codes."""
READ_CHARACTERS = 20_000
"""Of a payload, to see that it holds text and not only tags."""
POOR_CHARACTERS = 300
"""Text of a page, below which its payload is read instead. Over 1,497 pages with resiliparse's extraction that gains
3.5 pages' worth of F1; reading any payload that is half as long again as the text gains 1.6."""
POSTS = 2_000
"""Of a discussion."""

Extractor = Callable[[bytes], str]


def payload_html(page: bytes | str) -> str | None:
    """The texts that a page carries as data, as HTML; None where there are none.

    It is meant to be read in place of the page, never beside it, where `is_richer` says so: most payloads say again
    what the markup shows. Those of known systems come first; of all others the longest is taken.

    >>> page = '<script type="application/ld+json">{"@type": "Product", "description": "%s"}</script><div id=root>'
    >>> str(payload_html(page % ("Melts iron at 1600 degrees. " * 9)))[:34]
    '<article><p>Melts iron at 1600 deg'
    """
    page = page.encode(errors="replace") if isinstance(page, str) else page
    payload = next(filter(_is_enough, (extract(page) for extract in SYSTEMS.values())), None)
    if payload is None:
        payload = max((extract(page) for extract in ANYWHERE.values()), key=len, default="")
    return f"<article>{payload.strip()}</article>" if _is_enough(payload) else None


def is_richer(payload: str, text: str) -> bool:
    """Whether the text of a payload is to be read instead of that of its page: there is next to none, and it is longer.

    >>> is_richer("Melts iron at 1600 degrees.", "Cookies!")
    True
    """
    return len(text) < POOR_CHARACTERS and len(payload) > len(text)


def _is_enough(payload: str) -> bool:
    return len(payload) >= ENOUGH_CHARACTERS and len(text_of(payload[:READ_CHARACTERS])) >= ENOUGH_CHARACTERS


def _discourse(page: bytes) -> str:
    """Posts of a Discourse topic: JSON in an attribute, whose values are JSON again."""
    place = page.find(b"data-preloaded=")
    if place < 0:
        return ""
    quote = page[place + 15 : place + 16]
    end = page.find(quote, place + 16, place + 16 + JSON_BYTES)
    is_quoted = quote in (b'"', b"'") and end > 0
    stores = parse_json(entities.unescape(page[place + 16 : end].decode(errors="replace"))) if is_quoted else None
    posts: list[str] = []
    for name, value in _items(stores):
        if name.startswith("topic_") and isinstance(value, str):
            topic = parse_json(value)
            posts += [_heading(_at(topic, "title"))]
            posts += [str(_at(post, "cooked") or "") for post in _list(_at(topic, "post_stream", "posts"))]
    return "\n".join(posts)


def _flarum(page: bytes) -> str:
    posts: list[tuple[float, str]] = []
    for text in json_scripts(page, "flarum-json-payload"):
        document = _at(parse_json(text), "apiDocument")
        for thing in _list(_at(document, "included")):
            content, number = _at(thing, "attributes", "contentHtml"), _at(thing, "attributes", "number")
            if isinstance(content, str):
                posts.append((number if isinstance(number, int) else 0, content))
    return "\n".join(content for _, content in sorted(posts))


def _nodebb(page: bytes) -> str:
    parts: list[str] = []
    for text in json_scripts(page, "ajaxify-data"):
        topic = parse_json(text)
        posts = [str(_at(post, "content") or "") for post in _list(_at(topic, "posts"))]
        parts += [_heading(_at(topic, "title")), *posts] if posts else []
    return "\n".join(parts)


def _json_ld(page: bytes) -> str:
    """What JSON-LD says of the first thing that the page is about, and of all in it."""
    objects = json_ld(page)
    for describe in (_discussion, _article, _recipe, _product):
        for thing in objects:
            parts = describe(thing)
            if sum(map(len, parts)) >= ENOUGH_CHARACTERS:
                return "\n".join(parts)
    return ""


def _discussion(thing: Object) -> list[str]:
    if not {"DiscussionForumPosting", "Question", "SocialMediaPosting"} & {*types_of(thing)}:
        return []
    answers = (*_list(thing.get("acceptedAnswer")), *_list(thing.get("suggestedAnswer")), *_list(thing.get("comment")))
    texts = [_prose(thing, "text", "articleBody"), *(_prose(answer, "text") for answer in answers[:POSTS])]
    return [_heading(thing.get("headline") or thing.get("name")), *dict.fromkeys(text for text in texts if text)]


def _article(thing: Object) -> list[str]:
    return [_prose(thing, "articleBody")]


def _recipe(thing: Object) -> list[str]:
    if "Recipe" not in types_of(thing):
        return []
    ingredients = [f"<li>{string_of(one) or ''}</li>" for one in _list(thing.get("recipeIngredient"))]
    steps = [
        _prose(step, "text") if isinstance(step, Mapping) else _paragraphs(step)
        for step in _list(thing.get("recipeInstructions"))
    ]
    return [_heading(thing.get("name")), _prose(thing, "description"), f"<ul>{''.join(ingredients)}</ul>", *steps]


def _product(thing: Object) -> list[str]:
    if not {"Product", "ProductGroup"} & {*types_of(thing)} or not thing.get("description"):
        return []
    return [_heading(thing.get("name")), _prose(thing, "description")]


def _application(page: bytes) -> str:
    """Prose in the data of an application: the strings of the name that holds most."""
    held: dict[str, dict[str, None]] = {}
    for mark in ("__NEXT_DATA__", "__NUXT_DATA__", "application/json"):
        for text in json_scripts(page, mark):
            for name, prose in _strings(parse_json(text), "", 3 * DEPTH):
                held.setdefault(name, {})[prose] = None
        if held:
            break
    return max(("\n".join(map(_paragraphs, texts)) for texts in held.values()), key=len, default="")


def _strings(value: object, name: str, depth: int) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        if name in _PROSE_NAMES and len(value) >= PROSE_CHARACTERS and _PROSE.search(value):
            yield name, value
    elif depth and isinstance(value, Mapping | list):
        inner = _items(value) if isinstance(value, Mapping) else ((name, one) for one in _list(value))
        for key, one in inner:
            yield from _strings(one, key, depth - 1)


_PROSE_NAMES = frozenset(
    ("content", "contentHtml", "body", "bodyHtml", "html", "articleBody", "description", "text", "summary", "rendered")
)
_PROSE = re.compile(r"(?:[^\W\d_]+[,.]? ){6}|[㐀-鿿]{10}")


def _unscripted(page: bytes) -> str:
    """What `<noscript>` and `<template>` hold, in their order, tracking pixels aside."""
    parts: list[str] = []
    for name in (b"noscript", b"template"):
        for place in places(page, b"<" + name, POSTS):
            start, end = page.find(b">", place) + 1, page.find(b"</" + name, place)
            if start == 0 or end < 0:
                break
            parts.append(page[start:end].decode(errors="replace"))
    return "\n".join(part for part in parts if len(part) >= ENOUGH_CHARACTERS and _PROSE.search(part))


SYSTEMS: Mapping[str, Extractor] = {
    "discourse": _discourse,
    "flarum": _flarum,
    "nodebb": _nodebb,
}
ANYWHERE: Mapping[str, Extractor] = {
    "json-ld": _json_ld,
    "application": _application,
    "noscript": _unscripted,
}
"""Where texts lie in pages of any system."""


def _heading(title: object) -> str:
    return f"<h1>{entities.escape(text_of(title))}</h1>" if isinstance(title, str) and title else ""


def _prose(thing: object, *names: str) -> str:
    for name in names:
        text = _at(thing, name)
        if isinstance(text, str) and text.strip():
            return _paragraphs(text)
    return ""


def _paragraphs(text: object) -> str:
    """Markup as it is; plain text as paragraphs."""
    if not isinstance(text, str):
        return ""
    text = entities.unescape(text) if "&lt;" in text else text
    if re.search(r"</?(?:p|br|div|li|h\d|ul|span|strong|b|i|em|a)\b[^>]*>", text):
        return f"<div>{text}</div>"
    return "".join(
        f"<p>{entities.escape(entities.unescape(part.strip()))}</p>" for part in text.split("\n") if part.strip()
    )


def _at(value: object, *names: str) -> Any:
    for name in names:
        value = cast("Object", value).get(name) if isinstance(value, Mapping) else None
    return value


def _items(value: object) -> Sequence[tuple[str, object]]:
    return list(cast("Object", value).items()) if isinstance(value, Mapping) else []


def _list(value: object) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else [] if value is None else [value]

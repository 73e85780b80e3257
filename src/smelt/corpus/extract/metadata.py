"""What a page says of itself: title, author, date, language.

Each field has its sources in the order in which they were found right on 1,497 reviewed pages (data/web_gold):

    title     the headline `<h1>` that shares most words with what the head declares; the declared one where none does:
              JSON-LD `headline`, Open Graph, Dublin Core, citation_title, `<title>`; the site's name taken off its end.
              Heads are written for search engines, headlines for readers
    author    JSON-LD `author` of the article or first post; meta author and its kin; microdata, rel=author, bylines
    date      see dating.py
    language  `<html lang>`, content-language, og:locale, JSON-LD `inLanguage`

Nothing is guessed from the text itself. `python -m benchmarks metadata` holds it against trafilatura.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from smelt.corpus.extract.dates import Dates
from smelt.corpus.extract.dating import date_of
from smelt.corpus.extract.linked import Object, is_article, is_page, is_post, string_of, types_of
from smelt.corpus.extract.marks import BYLINES
from smelt.corpus.extract.markup import Markup, read_markup
from smelt.corpus.extract.snippets import text_of

TITLE_CHARACTERS, NAME_CHARACTERS = 400, 80
"""What is longer is no title, and no name (taste)."""
TITLES = ("og:title", "citation_title", "dc.title", "dcterms.title", "twitter:title", "sailthru.title", "title")
AUTHORS = (
    *("author", "article:author", "parsely-author", "sailthru.author", "cxenseparse:author", "og:article:author"),
    *("og:author", "dc.creator", "dcterms.creator", "byl", "citation_author", "creator", "article_author"),
)
SITES = ("og:site_name", "application-name", "apple-mobile-web-app-title", "twitter:site")
HEADLINES = 8
MARKED, BYLINE_BYTES = 40, 1_500
"""Such elements that are looked at, and the markup behind their tag (taste)."""
ENOUGH = 0.3
"""Words that a headline and a declared title share, over all of both, to be about the same."""


@dataclass(frozen=True, slots=True)
class PageMetadata:
    """What a page says of itself; None where it says nothing."""

    title: str | None = None
    author: str | None = None
    """Several are joined by commas."""
    date: str | None = None
    """ISO 8601 or a prefix of it."""
    language: str | None = None
    """ISO 639 in lower case, without region: `zh`."""
    date_source: str | None = None
    """Which source gave the date, in the words of dating.py."""
    date_refused: str | None = None
    """Why the first date that was refused was refused."""


def page_metadata(
    html: str | bytes,
    *,
    url: str | None = None,
    crawled: str | None = None,
    headers: Mapping[str, str] | None = None,
    dates: Dates = "fast",
) -> PageMetadata:
    """What a page says of itself. `crawled` is when it was fetched: a later date is refused; `headers` the server's.

    >>> page = '<html lang="en-GB"><meta name=author content="Ada"><title>Ore | Mines</title><h1>Ore</h1>'
    >>> found = page_metadata(page, url="https://example.org/2024/03/07/ore")
    >>> found.title, found.author, found.date, found.language
    ('Ore', 'Ada', '2024-03-07', 'en')
    """
    markup = read_markup(html)
    dating = date_of(markup, url=url, crawled=crawled, headers=headers, dates=dates)
    return PageMetadata(
        title=_title(markup),
        author=_author(markup),
        date=dating.date,
        language=_language(markup),
        date_source=dating.source,
        date_refused=dating.refused,
    )


def _title(markup: Markup) -> str | None:
    declared = [title for title in _declared_titles(markup) if 0 < len(title) <= TITLE_CHARACTERS]
    sites = {_words_key(site) for site in markup.meta(*SITES)}
    headlines = [
        text
        for text in islice(markup.headlines(), HEADLINES)
        if 0 < len(text) <= TITLE_CHARACTERS and _words_key(text) not in sites
    ]
    if not declared:
        return headlines[0] if headlines else None
    best = max(headlines, key=lambda headline: _likeness(headline, declared), default=None)
    if best is not None and _likeness(best, declared) >= ENOUGH:
        return best
    return _without_site(declared, sites)


def _declared_titles(markup: Markup) -> Iterator[str]:
    for thing in markup.objects:
        if any(is_article(kind) or is_post(kind) for kind in types_of(thing)):
            yield string_of(thing.get("headline")) or ""
    yield from (text_of(title) for title in markup.meta(*TITLES))
    if markup.title:
        yield markup.title


def _likeness(headline: str, declared: Iterable[str]) -> float:
    words = _words(headline)
    return max((len(words & _words(title)) / max(len(words | _words(title)), 1) for title in declared), default=0)


def _without_site(declared: list[str], sites: set[str]) -> str:
    """The first declared title without the site's name at its end or start."""
    title = declared[0]
    parts = _SEPARATOR.split(title)
    if len(parts) == 1:
        return title
    if _words_key(parts[0]) in sites:
        return title[len(parts[0]) :].lstrip(_EDGES) or title
    if _words_key(parts[-1]) in sites or len(parts[-1]) < len(parts[0]):
        return title[: title.rindex(parts[-1])].rstrip(_EDGES) or title
    return title


_SEPARATOR = re.compile(r"\s+[|\-–—·:»«•/]\s+|\s*[|_｜]\s*")
_EDGES = " |-–—·:»«•/_｜"


def _author(markup: Markup) -> str | None:
    for source in (_stated_authors(markup), _meta_authors(markup), _bylines(markup)):
        names = [name for name in dict.fromkeys(map(_name, source)) if name]
        if names:
            return ", ".join(names)
    return None


def _stated_authors(markup: Markup) -> list[str]:
    people: dict[object, Object] = {thing.get("@id"): thing for thing in markup.objects if "Person" in types_of(thing)}
    for holds in (is_article, is_post, is_page):
        for thing in markup.objects:
            if any(map(holds, types_of(thing))):
                names = list(_people(thing.get("author") or thing.get("creator"), people))
                if names:
                    return names
    return []


def _people(value: object, people: Mapping[object, Object]) -> Iterator[str]:
    if isinstance(value, list):
        for one in value[:10]:
            yield from _people(one, people)
    elif isinstance(value, Mapping):
        name = string_of(value) or string_of(people.get(value.get("@id")))
        if name:
            yield name
    elif isinstance(value, str):
        yield value


def _meta_authors(markup: Markup) -> list[str]:
    for name in AUTHORS:
        found = [text_of(content) for content in markup.metas.get(name, ()) if _name(text_of(content))]
        if found:
            return found
    return []


def _bylines(markup: Markup) -> list[str]:
    """The first name in an element that the body marks as an author's."""
    for number in islice(markup.marked(BYLINES), MARKED):
        for piece in _PIECE.split(_COMMENT.sub("", markup.behind(number, BYLINE_BYTES)))[:8]:
            name = _name(text_of(piece))
            if name and _NAME.fullmatch(name):
                return [name]
    return []


_PIECE = re.compile(r"<[^>]*>")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_BY = re.compile(
    r"^\W*(?:(?:written |posted |published |words |story |text )?(?:by|von|par|por|di)\b\W*|(?:作者|文)[:：/]?\s*)",
    re.IGNORECASE,
)
_NAME = re.compile(r"[^\W\d_][\w.'’-]*(?: [\w.'’-]+){0,4}")
_NO_NAME = re.compile(
    r"https?:|www\.|@|^\W*$|^(?:admin|administrator|authors?|about the author|by|staff|editor|unknown|none|null"
    r"|undefined|guest)$",
    re.IGNORECASE,
)


def _name(text: str) -> str | None:
    """A name without what stands before it, or None where the text is none."""
    name = _BY.sub("", text).strip(" ,;:|·-–—")
    return name if 0 < len(name) <= NAME_CHARACTERS and not _NO_NAME.search(name) else None


def _language(markup: Markup) -> str | None:
    stated = (string_of(thing.get("inLanguage")) for thing in markup.objects)
    for label in (markup.language, *markup.meta("content-language", "og:locale", "language", "dc.language"), *stated):
        match = _LANGUAGE.match(label or "")
        if match:
            return match[1].lower()
    return None


_LANGUAGE = re.compile(r"\s*([a-zA-Z]{2,3})(?:[-_,;\s]|$)")


def _words(text: str) -> set[str]:
    return set(re.findall(r"[぀-鿿]|[^\W_]+", text.casefold()))


def _words_key(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))

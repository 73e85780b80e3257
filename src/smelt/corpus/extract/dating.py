"""When a document was published, as ISO 8601 or a prefix of it, from what its page, its address and its server say.

The sources in the order in which they are believed, the first plausible one counts:

    address     /2019/03/07/ in the URL: set once, when the page was made, in the author's own time zone
    declared    meta tags and JSON-LD that say `published`: made for machines, but some move with every change
    marked      `<time datetime>`, and elements whose class says that they hold a date
    visible     a date in words near the headline: a reader's source, but an event's date looks the same
    month       /2019/03/ in the URL
    anywhere    the first date in words in the body
    modified    what is declared as last change: at least an upper bound
    server      the HTTP header `Last-Modified`, unless it is of the day of `Date`: pages made on demand carry that

Where one gives a date that cannot be (dates.py), the next is asked, and the reason kept. Measured by
`python -m benchmarks metadata` against htmldate (Barbaresi 2020), `dates = "best"`, which reads the whole page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from typing import Literal

from smelt.corpus.extract.dates import EARLIEST, LATEST, Dates, Refusal, dates_in, parse_date
from smelt.corpus.extract.linked import Object, is_article, is_page, is_post, string_of, types_of
from smelt.corpus.extract.marks import DATED
from smelt.corpus.extract.markup import Markup, read_markup
from smelt.corpus.extract.peers import danger, need
from smelt.corpus.extract.snippets import text_of

Source = Literal["declared", "address", "marked", "visible", "month", "anywhere", "modified", "server"]

PUBLISHED = (
    *("article:published_time", "article.published", "og:article:published_time", "og:published_time"),
    *("datepublished", "date_published", "publish-date", "publish_date", "published_time", "publication_date"),
    *(
        "og:publish_date",
        "parsely-pub-date",
        "sailthru.date",
        "cxenseparse:publishtime",
        "cxenseparse:recs:publishtime",
    ),
    *("citation_publication_date", "citation_date", "citation_online_date", "dc.date.issued", "dcterms.issued"),
    *("dc.date.created", "dcterms.created", "dc.date", "dcterms.date", "date.created", "datecreated", "created"),
    *("pubdate", "date", "originalpublicationdate", "ptime", "bt:pubdate", "displaydate", "last-publication"),
)
"""Names of meta tags, those that are the surest first."""
MODIFIED = (
    "article:modified_time",
    "og:updated_time",
    "datemodified",
    "dcterms.modified",
    "dc.date.modified",
    "last-modified",
    "cludo:date",
    "revised",
)
URL_CHARACTERS = 2_000
MARKED = 20
"""Elements of a kind that are looked at."""
MARKED_BYTES = 300
"""Of markup behind the tag of such an element."""
NEAR_BEFORE, NEAR_BEHIND = 4_000, 8_000
"""Bytes of markup around the headline in which a date counts as its own (taste)."""
YEARS = 200
"""Of a body, around which a date is looked for, ..."""
YEAR_BEFORE, YEAR_BEHIND = 300, 100
"""... in so many bytes of markup (taste)."""

_ADDRESS = re.compile(
    r"(?<!\d)(?P<y>(?:19|20)\d{2})(?:(?P<by>[/._-])(?P<m>0?[1-9]|1[0-2])(?!\d)(?:(?P=by)(?P<d>0?[1-9]|[12]\d|3[01])(?!\d))?"
    r"|(?P<m2>0[1-9]|1[0-2])(?P<d2>0[1-9]|[12]\d|3[01])(?!\d))"
)


@dataclass(frozen=True, slots=True)
class Dating:
    """A document's date, who says it, and what of the sources before was refused for."""

    date: str | None = None
    source: Source | None = None
    refused: Refusal | None = None
    """Why the first refused date was refused."""


def find_date(
    html: str,
    *,
    url: str | None = None,
    crawled: str | None = None,
    headers: Mapping[str, str] | None = None,
    dates: Dates = "fast",
) -> Dating:
    """The date of a page. `crawled` is when it was fetched, in ISO 8601; `headers` are the server's.

    >>> find_date("<body><h1>Ore</h1><p>7 March 2024", url="https://example.org/ore")
    Dating(date='2024-03-07', source='visible', refused=None)
    """
    return date_of(read_markup(html), url=url, crawled=crawled, headers=headers, dates=dates)


def date_of(
    markup: Markup,
    *,
    url: str | None = None,
    crawled: str | None = None,
    headers: Mapping[str, str] | None = None,
    dates: Dates = "fast",
) -> Dating:
    """The date of a page whose markup has been read."""
    found = _first_plausible(markup, url=url, crawled=crawled, headers=headers)
    if dates == "fast" or found.source in ("declared", "address"):
        return found
    return _by_htmldate(markup.page.decode(errors="replace"), url=url, crawled=crawled) or found


def _first_plausible(
    markup: Markup, *, url: str | None, crawled: str | None, headers: Mapping[str, str] | None
) -> Dating:
    refused: Refusal | None = None
    for source, text in _candidates(markup, url, headers or {}):
        found = parse_date(text, latest=crawled or LATEST)
        if isinstance(found, str):
            return Dating(found, source, refused)
        refused = refused or found.reason
    return Dating(refused=refused)


def _candidates(markup: Markup, url: str | None, headers: Mapping[str, str]) -> Iterator[tuple[Source, str]]:
    sources: tuple[tuple[Source, Iterator[str]], ...] = (
        ("address", _address(url, parts=3)),
        ("declared", _published(markup)),
        ("marked", chain(_timed(markup), _marked(markup))),
        ("visible", _visible(markup)),
        ("month", _address(url, parts=2)),
        ("anywhere", _anywhere(markup)),
        ("modified", _modified(markup)),
        ("server", _served(headers)),
    )
    for source, texts in sources:
        for text in texts:
            yield source, text


def _published(markup: Markup) -> Iterator[str]:
    articles, posts, pages = (_of(markup, kind) for kind in (is_article, is_post, is_page))
    yield from _values(chain(articles, posts), "datePublished", "dateCreated")
    yield from markup.meta(*PUBLISHED)
    yield from markup.meta(*(name for name in markup.metas if "publi" in name and ("date" in name or "time" in name)))
    yield from _values(pages, "datePublished")


def _modified(markup: Markup) -> Iterator[str]:
    yield from _values(chain(_of(markup, is_article), _of(markup, is_page)), "dateModified")
    yield from markup.meta(*MODIFIED)


def _of(markup: Markup, holds: Callable[[str], bool]) -> list[Object]:
    return [thing for thing in markup.objects if any(map(holds, types_of(thing)))]


def _values(things: Iterable[Object], *names: str) -> Iterator[str]:
    for thing in things:
        for name in names:
            value = string_of(thing.get(name))
            if value:
                yield value


def _address(url: str | None, *, parts: int) -> Iterator[str]:
    match = _ADDRESS.search(_path(url)) if url else None
    found = [part.zfill(2) for part in match.groups() if part and part.isdigit()] if match else []
    if len(found) == parts:
        yield "-".join(found)


def _path(url: str) -> str:
    """The path of a URL, without its query: a query's numbers are ids more often than dates."""
    return url[:URL_CHARACTERS].partition("?")[0].partition("#")[0]


def _timed(markup: Markup) -> Iterator[str]:
    found = list(islice(markup.times(), MARKED))
    for attributes in sorted(found, key=lambda attributes: "pubdate" not in attributes):  # stable: page order else
        if attributes.get("datetime"):
            yield attributes["datetime"]


def _marked(markup: Markup) -> Iterator[str]:
    """Attributes and texts of elements whose class, id or property speaks of a date."""
    for number in islice(markup.marked(DATED), MARKED):
        attributes = markup.attributes(number)
        yield from (attributes[name] for name in ("content", "datetime", "title") if name in attributes)
        yield from dates_in(text_of(markup.behind(number, MARKED_BYTES)))


def _visible(markup: Markup) -> Iterator[str]:
    """Dates in words around the headline, behind it first."""
    before, behind = markup.around_headline(NEAR_BEFORE, NEAR_BEHIND)
    yield from dates_in(text_of(behind))
    yield from dates_in(text_of(before))


def _anywhere(markup: Markup) -> Iterator[str]:
    """Dates in words in the body."""
    for piece in islice(markup.around_years(YEAR_BEFORE, YEAR_BEHIND), YEARS):
        in_tag, end, rest = piece.partition(">")
        yield from dates_in(text_of(piece if "<" in in_tag or not end else rest))


def _served(headers: Mapping[str, str]) -> Iterator[str]:
    """`Last-Modified`, unless it is the day of the answer: a page that was made on demand says nothing of its age."""
    modified, sent = headers.get("last-modified"), headers.get("date")
    if modified and (sent is None or parse_date(modified) != parse_date(sent)):
        yield modified


def _by_htmldate(html: str, *, url: str | None, crawled: str | None) -> Dating | None:
    need("htmldate", field="dates", otherwise="fast")
    from htmldate import find_date as look

    if danger(html) is not None:  # lxml's tree of such a page takes hours
        return None
    found = look(html, url=url, original_date=True, max_date=(crawled or LATEST)[:10], min_date=f"{EARLIEST}-01-01")
    return Dating(found, "visible") if found else None

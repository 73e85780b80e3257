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

A date that cannot be is refused, and the reason kept so that refusals can be counted: `unreadable`, `no_such_day`,
`epoch` (1970-01-01, the zero of Unix clocks), `too_early` (before the web), `future` (after the crawl). The next source
is then asked. Measured by `python -m benchmarks metadata` against htmldate (Barbaresi 2020), the quality mode `best`,
which reads the whole page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_tz
from itertools import chain, islice
from typing import Literal

from smelt.corpus.extract.markup import (
    Markup,
    Object,
    marked_tags,
    read_markup,
    string_of,
    tags,
    text_of,
    types_of,
)
from smelt.errors import InputError

Source = Literal["declared", "address", "marked", "visible", "month", "anywhere", "modified", "server"]
Refusal = Literal["unreadable", "no_such_day", "epoch", "too_early", "future"]

EARLIEST = "1990"
"""Of a page: the first web page is of 1990-12-20. Texts that are older say so otherwise, and not in these places."""
LATEST = "2100"
"""Where the time of the crawl is not known."""

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
DATE_CHARACTERS, URL_CHARACTERS = 200, 2_000
MARKED = 20
"""Elements of a kind that are looked at."""
DATED = ("date", "Date", "publish", "posted", "timestamp", "meta", "time")
"""In the class, id or itemprop of an element that holds a date, the surest first."""
BEFORE_YEAR, BEHIND_YEAR = 24, 14
"""Characters in which the rest of a date stands around its year: "the 27th of September, "."""
MARKED_CHARACTERS = 300
"""Of markup behind the tag of such an element."""
NEAR_BEFORE, NEAR_AFTER = 4_000, 8_000
"""Characters of markup around the headline in which a date counts as its own (taste)."""

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january januar janvier enero gennaio januari janeiro jan ene gen jänner января",
            "february februar février febrero febbraio februari fevereiro feb fév февраля",
            "march märz mars marzo maart março mar mär марта",
            "april avril abril aprile apr avr abr апреля",
            "may mai mayo maggio mei maio mag мая",
            "june juni juin junio giugno junho jun giu июня",
            "july juli juillet julio luglio julho jul lug июля",
            "august août agosto augustus aug ago aoû августа",
            "september septembre septiembre settembre setembro sep sept set сентября",
            "october oktober octobre octubre ottobre outubro oct okt ott октября",
            "november novembre noviembre novembro nov ноября",
            "december dezember décembre diciembre dicembre dezembro dec dez déc dic декабря",
        ),
        start=1,
    )
    for name in names.split()
}
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_FORMS = re.compile(
    rf"(?<![\d])(?:(?P<y1>\d{{4}})[-/.](?P<m1>\d{{1,2}})[-/.](?P<d1>\d{{1,2}})(?!\d)"
    rf"|(?P<y2>\d{{4}})\s?年\s?(?P<m2>\d{{1,2}})\s?月(?:\s?(?P<d2>\d{{1,2}})\s?[日号號])?"
    rf"|(?P<d3>\d{{1,2}})(?:st|nd|rd|th|\.)?\s{{1,3}}(?:de\s|of\s)?(?P<m3>{_MONTH})\b[.,]?\s{{1,3}}(?:de\s)?(?P<y3>\d{{4}})(?!\d)"
    rf"|(?P<d5>\d{{1,2}})\.\s?(?P<m5>\d{{1,2}})\.\s?(?P<y5>\d{{4}})(?!\d))"
    rf"|\b(?P<m4>{_MONTH})\.?\s{{1,3}}(?P<d4>\d{{1,2}})(?:st|nd|rd|th)?\s?,?\s{{1,3}}(?P<y4>\d{{4}})(?!\d)"
    r"|(?<![\d/])(?P<a>\d{1,2})[/-](?P<b>\d{1,2})[/-](?P<y6>(?:19|20)\d{2})(?![\d/])",
    re.IGNORECASE,
)
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_BARE = re.compile(r"(?P<y>\d{4})(?:-?(?P<m>\d{2})(?:-?(?P<d>\d{2}))?)?(?:$|[T ]\d)")
_ADDRESS = re.compile(
    r"(?<!\d)(?P<y>(?:19|20)\d{2})(?:(?P<by>[/._-])(?P<m>0?[1-9]|1[0-2])(?!\d)(?:(?P=by)(?P<d>0?[1-9]|[12]\d|3[01])(?!\d))?"
    r"|(?P<m2>0[1-9]|1[0-2])(?P<d2>0[1-9]|[12]\d|3[01])(?!\d))"
)


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a text gives no date."""

    reason: Refusal


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
    mode: Literal["fast", "best"] = "fast",
) -> Dating:
    """The date of a page. `crawled` is when it was fetched, in ISO 8601; `headers` are the server's.

    >>> find_date("<body><h1>Ore</h1><p>7 March 2024", url="https://example.org/ore")
    Dating(date='2024-03-07', source='visible', refused=None)
    """
    found = date_of(read_markup(html), url=url, crawled=crawled, headers=headers)
    if mode == "fast" or found.source in ("declared", "address"):
        return found
    return _by_htmldate(html, url=url, crawled=crawled) or found


def date_of(
    markup: Markup,
    *,
    url: str | None = None,
    crawled: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Dating:
    """The date of a page whose markup has been read."""
    refused: Refusal | None = None
    for source, text in _candidates(markup, url, headers or {}):
        found = parse_date(text, latest=crawled or LATEST)
        if isinstance(found, str):
            return Dating(found, source, refused)
        refused = refused or found.reason
    return Dating(refused=refused)


def parse_date(text: str, *, latest: str = LATEST, earliest: str = EARLIEST) -> str | Refused:
    """The first date in a text as ISO 8601 or a prefix of it, or why there is none.

    The day is the one that is written: times and zones are left out. 3/4/2024 is March to some and April to others; the
    month is taken, American, unless it cannot be one.

    >>> [parse_date(text) for text in ("Thu, 07 Mar 2024 10:00:00 GMT", "2024年3月7日", "March 7th, 2024", "2024-03")]
    ['2024-03-07', '2024-03-07', '2024-03-07', '2024-03']
    >>> parse_date("3000-01-01")
    Refused(reason='future')
    """
    text = text.strip()[:DATE_CHARACTERS]
    match = _BARE.match(text) or _FORMS.search(text)
    if match is None:
        return _parse_mail_date(text, latest=latest, earliest=earliest)
    return _plausible(*_parts(match), latest=latest, earliest=earliest)


def _candidates(markup: Markup, url: str | None, headers: Mapping[str, str]) -> Iterator[tuple[Source, str]]:
    sources: tuple[tuple[Source, Iterator[str]], ...] = (
        ("address", _address(url, parts=3)),
        ("declared", _published(markup)),
        ("marked", chain(_timed(markup), _marked(markup))),
        ("visible", _visible(markup)),
        ("month", _address(url, parts=2)),
        ("anywhere", _dates_in(markup.body)),
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


def is_article(kind: str) -> bool:
    """Whether a type of schema.org is an article's: NewsArticle, BlogPosting, Report and their kin."""
    return kind.endswith("Article") or kind in (
        "BlogPosting",
        "Report",
        "SocialMediaPosting",
        "LiveBlogPosting",
        "Recipe",
    )


def is_post(kind: str) -> bool:
    """Whether a type of schema.org is that of a discussion's first post."""
    return kind in ("DiscussionForumPosting", "Question")


def is_page(kind: str) -> bool:
    """Whether a type of schema.org is a page's."""
    return kind.endswith("WebPage")


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
    found = [attributes for attributes, _ in islice(tags(markup.body, "time"), MARKED)]
    for attributes in sorted(found, key=lambda attributes: "pubdate" not in attributes):  # stable: page order else
        if attributes.get("datetime"):
            yield attributes["datetime"]


def _marked(markup: Markup) -> Iterator[str]:
    """Attributes and texts of elements whose class, id or property speaks of a date."""
    for attributes, end in islice(marked_tags(markup.body, *DATED), MARKED):
        yield from (attributes[name] for name in ("content", "datetime", "title") if name in attributes)
        yield from _dates_in(markup.body[end : end + MARKED_CHARACTERS])


def _visible(markup: Markup) -> Iterator[str]:
    """Dates in words around the headline, behind it first."""
    headline = max(markup.body.find("<h1"), 0)
    yield from _dates_in(markup.body[headline : headline + NEAR_AFTER])
    yield from _dates_in(markup.body[max(headline - NEAR_BEFORE, 0) : headline])


def _dates_in(html: str) -> Iterator[str]:
    """The dates in words in a piece of markup: years are found first, since most text is far from any."""
    text = text_of(html)
    for year in _YEAR.finditer(text):
        match = _FORMS.search(text, max(year.start() - BEFORE_YEAR, 0), year.end() + BEHIND_YEAR)
        if match:
            yield match[0]


def _served(headers: Mapping[str, str]) -> Iterator[str]:
    """`Last-Modified`, unless it is the day of the answer: a page that was made on demand says nothing of its age."""
    modified, sent = headers.get("last-modified"), headers.get("date")
    if modified and (sent is None or parse_date(modified) != parse_date(sent)):
        yield modified


def _parts(match: re.Match[str]) -> tuple[int, int | None, int | None]:
    found = {name[0]: value for name, value in match.groupdict().items() if value is not None}
    year = int(found["y"])
    if "a" in found:
        first, second = int(found["a"]), int(found["b"])
        return (year, second, first) if first > 12 else (year, first, second)
    month, day = found.get("m"), found.get("d")
    number = None if month is None else _MONTHS[month.lower()] if month.lower() in _MONTHS else int(month)
    return year, number, None if day is None else int(day)


def _parse_mail_date(text: str, *, latest: str, earliest: str) -> str | Refused:
    """Dates of RFC 2822 in the forms that the patterns lack: two-digit years, or Thursday, 07-Mar-24."""
    if text.isdecimal() and len(text) in (10, 13):  # Unix seconds or milliseconds
        day = datetime.fromtimestamp(int(text[:10]), UTC)
        return _plausible(day.year, day.month, day.day, latest=latest, earliest=earliest)
    parsed = parsedate_tz(text) if text.isascii() else None
    return Refused("unreadable") if parsed is None else _plausible(*parsed[:3], latest=latest, earliest=earliest)


def _plausible(year: int, month: int | None, day: int | None, *, latest: str, earliest: str) -> str | Refused:
    parts = [f"{year:04d}", *(f"{part:02d}" for part in (month, day) if part is not None)]
    written = "-".join(parts)
    try:
        date(year, month or 1, day or 1)
    except ValueError:
        return Refused("no_such_day")
    if written in ("1970-01-01", "1969-12-31"):
        return Refused("epoch")
    if written < earliest:
        return Refused("too_early")
    return Refused("future") if written > latest[: len(written)] and written > _day_after(latest) else written


def _day_after(latest: str) -> str:
    """The day behind the crawl's: it has begun somewhere."""
    try:
        return (date.fromisoformat(latest[:10]) + timedelta(days=1)).isoformat()
    except ValueError:
        return latest


def _by_htmldate(html: str, *, url: str | None, crawled: str | None) -> Dating | None:
    try:
        from htmldate import find_date as look
    except ImportError as error:
        raise InputError(
            where="dates",
            what="mode 'best' needs the package htmldate, which is not installed",
            do="pip install 'smelt[dates]', or use mode 'fast'",
        ) from error
    found = look(html, url=url, original_date=True, max_date=(crawled or LATEST)[:10], min_date=f"{EARLIEST}-01-01")
    return Dating(found, "visible") if found else None

"""Dates as they are written, in any form, as ISO 8601 or a prefix of it; and which of them cannot be.

A date that cannot be is refused, and the reason kept so that refusals can be counted: `unreadable`, `no_such_day`,
`epoch` (1970-01-01, the zero of Unix clocks), `too_early` (before the web), `future` (after the crawl).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_tz
from typing import Literal

Dates = Literal["fast", "best"]
"""Whether htmldate is asked besides where neither the address nor the page's declarations give a date."""
Refusal = Literal["unreadable", "no_such_day", "epoch", "too_early", "future"]

EARLIEST = "1990"
"""Of a page: the first web page is of 1990-12-20. Texts that are older say so otherwise, and not in these places."""
LATEST = "2100"
"""Where the time of the crawl is not known."""
DATE_CHARACTERS = 200
BEFORE_YEAR, BEHIND_YEAR = 24, 14
"""Characters in which the rest of a date stands around its year: "the 27th of September, "."""

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


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a text gives no date."""

    reason: Refusal


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


def dates_in(text: str) -> Iterator[str]:
    """The dates in words in a text: years are found first, since most text is far from any."""
    for year in _YEAR.finditer(text):
        match = _FORMS.search(text, max(year.start() - BEFORE_YEAR, 0), year.end() + BEHIND_YEAR)
        if match:
            yield match[0]


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

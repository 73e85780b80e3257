"""Title, author, date and language are those that a page states, surest source first; hostile pages cost no more."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard

from smelt.corpus.extract.dates import Refused, parse_date
from smelt.corpus.extract.dating import date_of, find_date
from smelt.corpus.extract.markup import read_markup
from smelt.corpus.extract.metadata import PageMetadata, page_metadata

SECONDS = 5
"""That a record may take; CPU time, so that a busy machine fails nothing."""


def page(head: str = "", body: str = "", *, attributes: str = "") -> str:
    return f"<html {attributes}><head>{head}</head><body>{body}</body></html>"


def linked(**fields: object) -> str:
    return f'<script type="application/ld+json">{json.dumps(fields)}</script>'


def test_a_page_that_says_nothing_has_nothing() -> None:
    assert page_metadata("") == PageMetadata() == page_metadata("plain words")


@pytest.mark.parametrize(
    ("html", "title"),
    [
        (page("<title>Ore | The Mine</title>", "<h1>Ore</h1>"), "Ore"),
        (page("<title>Ore and coke, together | The Mine</title>"), "Ore and coke, together"),
        (page('<meta property="og:site_name" content="Mine"><title>Mine - Ore</title>', "<h1>Mine</h1>"), "Ore"),
        (page('<meta property="og:title" content="Ore &amp; coke">', "<h1>Search</h1>"), "Ore & coke"),
        (page(linked(**{"@type": "NewsArticle", "headline": "Ore"}), "<h1>About us all</h1>"), "Ore"),
        (
            page("<title>Mines - best prices</title>", "<h1>Menu</h1><h1>Best prices of <i>all</i> mines</h1>"),
            "Best prices of all mines",
        ),
        (page("", "<h1>Ore</h1>"), "Ore"),
        ("<TITLE>Ore</TITLE><META NAME=author CONTENT=Ada><H1>Ore</H1>", "Ore"),
        (page("<title>大模型的数据_某某网</title>", "<h1>大模型的数据</h1>"), "大模型的数据"),
    ],
)
def test_the_headline_is_taken_that_the_head_agrees_with(html: str, title: str) -> None:
    assert page_metadata(html).title == title


@pytest.mark.parametrize(
    ("html", "author"),
    [
        (page(linked(**{"@type": "Article", "author": {"name": "Ada"}}) + '<meta name="author" content="Bob">'), "Ada"),
        (page(linked(**{"@type": "Article", "author": [{"name": "Ada"}, {"name": "Bob"}]})), "Ada, Bob"),
        (
            page(
                linked(
                    **{
                        "@graph": [
                            {"@type": "Article", "author": {"@id": "#a"}},
                            {"@type": "Person", "@id": "#a", "name": "Ada"},
                        ]
                    }
                )
            ),
            "Ada",
        ),
        (page('<meta name="author" content="By Ada Lovelace">'), "Ada Lovelace"),
        (page('<meta name="author" content="https://example.org/ada"><meta name="dc.creator" content="Ada">'), "Ada"),
        (page("", '<h1>Ore</h1><a rel="author" href="/ada">Ada Lovelace</a>'), "Ada Lovelace"),
        (page("", '<p class="byline">By <b>Ada Lovelace</b>, 7 March</p>'), "Ada Lovelace"),
        (page("", '<span class="author">作者：沈括</span>'), "沈括"),
        (page("", "<p>the author of this page</p>"), None),
        (page('<meta name="author" content="admin">'), None),
    ],
)
def test_the_author_is_the_one_that_is_stated(html: str, author: str | None) -> None:
    assert page_metadata(html).author == author


@pytest.mark.parametrize(
    ("html", "language"),
    [
        (page(attributes='lang="zh-Hans-CN"'), "zh"),
        (page('<meta http-equiv="Content-Language" content="de, en">'), "de"),
        (page('<meta property="og:locale" content="en_US">'), "en"),
        (page(attributes='lang="{{lang}}"'), None),
    ],
)
def test_the_language_is_the_one_that_is_stated(html: str, language: str | None) -> None:
    assert page_metadata(html).language == language


@pytest.mark.parametrize(
    "text",
    [
        *("2024-03-07T23:59:59-08:00", "20240307", "2024/3/7", "7 March 2024", "March 7th, 2024", "Mar. 7, 2024"),
        *(
            "7th of March 2024",
            "Thu, 07 Mar 2024 10:00:00 GMT",
            "2024年3月7日",
            "2024 年 03 月 07 日 10:00",
            "07.03.2024",
        ),
        *("7. März 2024", "7 mars 2024", "3/7/2024", "1709769600", "1709769600000"),
    ],
)
def test_a_date_in_any_form_is_the_same_day(text: str) -> None:
    assert parse_date(text) == "2024-03-07"


def test_what_is_less_than_a_day_stays_so() -> None:
    assert [parse_date(text) for text in ("2024", "2024-03", "2024年3月")] == ["2024", "2024-03", "2024-03"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        *(
            ("3000-01-01", "future"),
            ("2024-06-02", "future"),
            ("0000-01-01", "no_such_day"),
            ("0001-01-01", "too_early"),
        ),
        *(
            ("1970-01-01T00:00:00Z", "epoch"),
            ("0", "unreadable"),
            ("2023-02-30", "no_such_day"),
            ("soon", "unreadable"),
        ),
        *(("31.13.2020", "no_such_day"), ("1850-05-05", "too_early"), ("Feb 30, 2020", "no_such_day")),
    ],
)
def test_a_date_that_cannot_be_is_refused_with_a_reason(text: str, reason: str) -> None:
    assert parse_date(text, latest="2024-05-31T10:00:00Z") == Refused(reason)  # pyright: ignore


def test_the_day_behind_the_crawl_has_begun_somewhere() -> None:
    assert parse_date("2024-06-01", latest="2024-05-31T23:00:00Z") == "2024-06-01"


SOURCES = {
    "address": "https://example.org/2011/01/01/ore",
    "declared": '<meta property="article:published_time" content="2012-01-01">',
    "marked": '<time datetime="2013-01-01">long ago</time>',
    "visible": "<p>Written on 1 January 2014, in the rain.</p>",
    "modified": '<meta property="article:modified_time" content="2015-01-01">',
    "server": "Fri, 01 Jan 2016 10:00:00 GMT",
}


@pytest.mark.parametrize("number", range(len(SOURCES)))
def test_sources_are_believed_in_the_stated_order(number: int) -> None:
    left = dict(list(SOURCES.items())[number:])
    head = left.get("declared", "") + left.get("modified", "")
    html = page(head, "<h1>Ore</h1>" + left.get("marked", "") + left.get("visible", ""))
    found = find_date(html, url=left.get("address"), headers={"last-modified": SOURCES["server"]})
    assert (found.date, found.source) == (f"{2011 + number}-01-01", list(SOURCES)[number])


def test_a_refused_date_leaves_its_reason_and_the_next_source_is_asked() -> None:
    html = page('<meta name="date" content="1970-01-01">', "<h1>Ore</h1><p>2024年3月7日")
    found = page_metadata(html)
    assert (found.date, found.date_source, found.date_refused) == ("2024-03-07", "visible", "epoch")


def test_a_page_made_on_demand_has_no_date_of_its_server() -> None:
    markup = read_markup("<p>words")
    headers = {"last-modified": "Fri, 01 Jan 2016 10:00:00 GMT", "date": "Fri, 01 Jan 2016 10:00:01 GMT"}
    assert date_of(markup, headers=headers).date is None
    assert date_of(markup, headers=headers | {"date": "Sat, 02 Jan 2016 10:00:00 GMT"}).date == "2016-01-01"


def test_the_quality_mode_reads_what_htmldate_reads() -> None:
    html = page("", '<h1>Ore</h1><p>words</p><footer id="foot">updated 2020-09-01</footer>')
    assert find_date(html, dates="best").date == "2020-09-01"


HOSTILE = {
    "open metas": "<meta " * 1_000_000,
    "open quotes": '<meta name="' * 500_000,
    "quotes in turns": "<meta " + "\"'" * 2_000_000,
    "open scripts": '<script type="application/ld+json">' * 200_000,
    "broken JSON": '<script type="application/ld+json">' + '{"@type":' * 200_000 + "</script>",
    "deep JSON": '<script type="application/ld+json">' + "[" * 900_000 + "]" * 900_000 + "</script>",
    "long number": '<script type="application/ld+json">[' + "9" * 1_000_000 + "]</script>",
    "headlines": "<body>" + "<h1>" * 1_000_000,
    "entities": "<title>" + "&amp" * 1_000_000,
    "marked": "<body>" + '<i class="date author byline">' * 200_000,
    "years": "<body><h1>" + "2024年" * 500_000,
    "angles": "<" * 5_000_000,
    "spaces": "<meta name" + " " * 5_000_000 + "=x>",
    "one line": "words " * 8_000_000,
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_page_costs_no_more_than_a_record_may(kind: str) -> None:
    started = time.process_time()
    page_metadata(HOSTILE[kind], url="https://example.org/" + "2024/" * 100_000)
    assert time.process_time() - started < SECONDS


def reviewed(shared_data: Path, n_bytes: int) -> Iterator[dict[str, str]]:
    path = shared_data / "web_gold/wcxb_dev.jsonl.zst"
    with path.open("rb") as file, zstandard.ZstdDecompressor(max_window_size=2**28).stream_reader(file) as stream:
        for line in io.BytesIO(stream.read(n_bytes)).readlines()[:-1]:
            yield json.loads(line)


def test_titles_and_dates_of_reviewed_pages_are_found(shared_data: Path) -> None:
    """Floors below what `python -m benchmarks metadata` prints for all pages."""
    rows = list(reviewed(shared_data, 40_000_000))
    found = [page_metadata(row["html"], url=row["url"]) for row in rows]
    dated = [(one.date, row["publish_date"]) for one, row in zip(found, rows, strict=True) if row["publish_date"]]
    titles = [(one.title or "").casefold() == row["title"].casefold() for one, row in zip(found, rows, strict=True)]
    assert len(dated) > 50
    assert sum(day == gold for day, gold in dated) / len(dated) > 0.8
    assert sum(titles) / len(titles) > 0.65

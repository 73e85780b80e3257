"""Readers give every record of every format, in order, under ids that say where it came from."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import fsspec
import polars as pl
import pytest
import zstandard

from smelt.corpus.collect.sources import expand, in_groups, listing_digest
from smelt.errors import InputError
from source_files import kept, packed, problems, read, record, warc_record

ROOT = Path(__file__).parents[3]
ROWS = [{"text": "one"}, {"text": "two", "url": "http://b", "lang": "en", "date": "2020-01-02", "score": 3}]
JSONL = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
PAGE = "<html><body><p>Größe und Maß</p></body></html>"


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


# ---- formats


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", JSONL),
        ("a.json.gz", gzip.compress(JSONL)),
        ("a.ndjson.zst", zstandard.compress(JSONL)),
        ("a.jsonl.zst", zstandard.compress(JSONL[:20]) + zstandard.compress(JSONL[20:])),
        ("a.jsonl.gz", gzip.compress(JSONL[:20]) + gzip.compress(JSONL[20:])),
    ],
)
def test_json_lines_are_read_packed_or_not(tmp_path: Path, name: str, content: bytes) -> None:
    documents = read(write(tmp_path / name, content))
    assert [(document.id, document.text) for document in documents] == [(f"{name}#1", "one"), (f"{name}#2", "two")]


def test_fields_of_a_row_become_columns_and_the_rest_meta(tmp_path: Path) -> None:
    row = {"id": "x7", "text": "t", "url": "u", "source": "s", "domain": "d", "lang": "lzh", "date": "1998", "n": [1]}
    [document] = read(write(tmp_path / "a.jsonl", json.dumps(row).encode()))
    assert (document.url, document.source, document.domain, document.language) == ("u", "s", "d", "lzh")
    assert document.date == "1998"
    assert json.loads(document.meta or "") == {"id": "x7", "lang": "lzh", "n": [1]}


def test_a_date_that_is_none_stays_in_meta(tmp_path: Path) -> None:
    [document] = read(write(tmp_path / "a.jsonl", b'{"text": "t", "date": "last May"}'))
    assert document.date is None
    assert json.loads(document.meta or "") == {"date": "last May"}


def test_a_row_without_a_source_gets_the_name_of_its_file(tmp_path: Path) -> None:
    assert read(write(tmp_path / "a.jsonl", b'{"text": "t"}'))[0].source == "a.jsonl"


def test_blank_lines_are_skipped_but_counted(tmp_path: Path) -> None:
    documents = read(write(tmp_path / "a.jsonl", b'\n{"text": "t"}\n  \n{"text": "u"}'))
    assert [document.id for document in documents] == ["a.jsonl#2", "a.jsonl#4"]


def test_parquet_rows_are_read_like_those_of_json_lines(tmp_path: Path) -> None:
    rows = pl.DataFrame(ROWS).with_columns(pl.col("date").str.to_date())
    rows.write_parquet(tmp_path / "a.parquet")
    write(tmp_path / "a.jsonl", JSONL)
    one, other = read(tmp_path / "a.parquet"), read(tmp_path / "a.jsonl")
    assert [(d.text, d.url, d.language, d.date, d.meta) for d in one] == [
        (d.text, d.url, d.language, d.date, d.meta) for d in other
    ]
    assert [document.id for document in one] == ["a.parquet#0", "a.parquet#1"]


def test_more_rows_than_are_unpacked_at_a_time_keep_their_numbers(tmp_path: Path) -> None:
    pl.DataFrame({"text": [str(n) for n in range(1000)]}).write_parquet(tmp_path / "a.parquet", row_group_size=300)
    assert all(d.id == f"a.parquet#{d.text}" for d in read(tmp_path / "a.parquet"))


def test_text_and_markdown_are_one_document_a_file(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", b"plain")
    write(tmp_path / "b.md", "# 标题".encode())
    write(tmp_path / "c.html.gz", gzip.compress(b"<p>page</p>"))
    documents = read(tmp_path)
    assert [(d.id, d.text, d.format) for d in documents] == [
        ("a.txt#0", "plain", "text"),
        ("b.md#0", "# 标题", "text"),
        ("c.html.gz#0", "<p>page</p>", "html"),
    ]


# ---- web archives


def test_pages_of_an_archive_are_called_by_the_byte_they_begin_at(tmp_path: Path) -> None:
    records = [warc_record(PAGE.encode(), uri=f"http://example.org/{n}") for n in range(3)]
    content = packed(records)
    documents = read(write(tmp_path / "crawl.warc.gz", content))
    places = [0, len(packed(records[:1])), len(packed(records[:2]))]
    assert [document.id for document in documents] == [f"crawl.warc.gz#{place}" for place in places]
    assert documents[1].url == "http://example.org/1"
    assert documents[1].date == "2021-05-04T03:02:01Z"
    assert {(document.text, document.format) for document in documents} == {(PAGE, "html")}


@pytest.mark.parametrize("pack", [b"".join, lambda rs: gzip.compress(b"".join(rs)), packed])
def test_archives_are_read_packed_by_record_as_a_whole_or_not_at_all(tmp_path: Path, pack: Any) -> None:
    pages = [f"<p>{n}</p>" for n in range(50)]
    documents = read(write(tmp_path / "a.warc.gz", pack([warc_record(page.encode()) for page in pages])))
    assert kept(documents) == pages
    assert len({document.id for document in documents}) == 50


def test_only_what_is_a_page_or_a_text_is_kept_of_an_archive(tmp_path: Path) -> None:
    content = [
        record(b"software: x", kind="warcinfo", media_type="application/warc-fields"),
        warc_record(b"<p>gone</p>", status=b"404 Not Found"),
        warc_record(b"\x89PNG", http=b"Content-Type: image/png"),
        warc_record(b"plain", http=b"Content-Type: text/plain"),
        record("Text für sich".encode(), kind="conversion", media_type="text/plain"),
        warc_record(b"<p>no media type</p>", http=b"Server: x"),
    ]
    documents = read(write(tmp_path / "a.warc", b"".join(content)))
    assert kept(documents) == ["plain", "Text für sich", "<p>no media type</p>"]
    assert list(problems(documents).values()) == ["HTTP status 404", "image/png"]
    assert {d.drop.reason for d in documents if d.drop} == {"not_text"}


def test_transfer_and_content_encodings_are_taken_off(tmp_path: Path) -> None:
    body = gzip.compress(PAGE.encode())
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    content = warc_record(
        chunked, http=b"Content-Type: text/html\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip"
    )
    assert kept(read(write(tmp_path / "a.warc", content))) == [PAGE]


def test_headers_that_date_a_page_are_kept(tmp_path: Path) -> None:
    http = b"Content-Type: text/html\r\nLast-Modified: Thu, 07 Mar 2024 10:00:00 GMT\r\nServer: x"
    [document] = read(write(tmp_path / "a.warc", warc_record(b"<p>ore", http=http)))
    assert json.loads(document.meta or "")["http"] == {"last-modified": "Thu, 07 Mar 2024 10:00:00 GMT"}


# ---- encodings


@pytest.mark.parametrize(
    ("text", "encoding", "http", "meta"),
    [
        ("Größe und Maß", "utf-8", None, None),
        ("Größe und Maß", "utf-8-sig", "iso-8859-1", None),
        ("Größe und Maß", "utf-16", None, None),
        ("Größe und Maß", "cp1252", "ISO-8859-1", None),
        ("Größe und Maß", "cp1252", None, "windows-1252"),
        ("Größe und Maß", "cp1252", "no-such-charset", "windows-1252"),
        ("Größe und Maß", "utf-8", "gb2312", "gb2312"),
        ("第一条 为了加强和规范监督检查，制定本办法。", "gb18030", None, None),
        ("第一条 为了加强和规范监督检查，制定本办法。", "gb18030", "gb2312", None),
        ("臺灣的法律與制度，應當由立法院制定之。", "big5", None, "big5"),
        ("これは日本語の文章です。漢字もあります。", "shift_jis", None, None),
        ("これは日本語の文章です。漢字もあります。", "iso2022_jp", None, None),
        ("Это русский текст для проверки кодировки.", "koi8-r", None, None),
    ],
)
def test_pages_are_decoded_as_they_say_or_as_they_look(
    tmp_path: Path, text: str, encoding: str, http: str | None, meta: str | None
) -> None:
    tag = f'<meta charset="{meta}">' if meta else ""
    page = f"<html><head>{tag}</head><body><p>{text}</p></body></html>"
    header = "Content-Type: text/html" + (f"; charset={http}" if http else "")
    [document] = read(write(tmp_path / "a.warc", warc_record(page.encode(encoding), http=header.encode())))
    assert text in document.text
    assert not document.text.startswith("\ufeff")


def test_one_broken_character_costs_no_page(tmp_path: Path) -> None:
    page = "<html><body>" + "第一条 为了加强监督。" * 50
    [document] = read(write(tmp_path / "a.html", page.encode()[:400] + b"\xff" + page.encode()[400:]))
    assert document.drop is None
    assert document.text.count("\ufffd") <= 3


# ---- which files


def test_names_begin_below_what_is_fixed_of_a_pattern(tmp_path: Path) -> None:
    write(tmp_path / "dumps/2024/a.jsonl", JSONL)
    write(tmp_path / "dumps/b.jsonl", JSONL)

    def names(pattern: str) -> list[str]:
        return [file.name for file in expand([str(tmp_path / pattern)])]

    assert names("dumps/b.jsonl") == ["b.jsonl"]
    assert names("dumps") == names("dumps/") == names("dumps/**") == ["2024/a.jsonl", "b.jsonl"]
    assert names("dumps/*.jsonl") == ["b.jsonl"]
    assert names("*/2*/*.jsonl") == ["dumps/2024/a.jsonl"]


def test_a_folder_gives_only_files_whose_names_tell_a_format(tmp_path: Path) -> None:
    for name in ("a.jsonl", "SHA256SUMS", ".hidden/b.jsonl", "._c.jsonl", "d.png", "sitemap.xml"):
        write(tmp_path / name, JSONL)
    assert [file.name for file in expand([str(tmp_path)])] == ["a.jsonl"]


def test_a_glob_that_catches_a_file_of_no_known_format_says_so(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", JSONL)
    write(tmp_path / "SHA256SUMS", b"")
    with pytest.raises(InputError, match=r"SHA256SUMS.*tells no format"):
        expand([str(tmp_path / "*")])
    assert len(expand([str(tmp_path / "*")], file_format="jsonl")) == 2


def test_a_file_that_two_patterns_match_is_read_once(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", JSONL)
    assert len(expand([str(tmp_path / "a.jsonl"), str(tmp_path / "*.jsonl")])) == 1


def test_a_name_with_brackets_is_no_glob_where_there_is_such_a_file(tmp_path: Path) -> None:
    assert kept(read(write(tmp_path / "a[1].jsonl", JSONL))) == ["one", "two"]


def test_urls_are_read_wherever_fsspec_can(tmp_path: Path) -> None:
    with fsspec.open("memory://bucket/crawl/x.jsonl", "wb") as file:
        file.write(JSONL)
    with fsspec.open("memory://bucket/crawl/y.warc.gz", "wb") as file:
        file.write(packed([warc_record(PAGE.encode())]))
    documents = read("memory://bucket/crawl/*")
    assert [document.id for document in documents] == ["x.jsonl#1", "x.jsonl#2", "y.warc.gz#0"]
    assert [d.id for d in read(f"file://{write(tmp_path / 'z.jsonl', JSONL)}")] == ["z.jsonl#1", "z.jsonl#2"]


def test_the_listing_tells_a_changed_file_and_contents_do_not_mind_where_it_lies(tmp_path: Path) -> None:
    one, other = write(tmp_path / "1/a.jsonl", JSONL), write(tmp_path / "2/a.jsonl", JSONL)
    os.utime(other, (0, 0))
    digest = {of: [listing_digest(expand([str(p)]), of_contents=of) for p in (one, other)] for of in (True, False)}
    assert digest[True][0] == digest[True][1]
    assert digest[False][0] != digest[False][1], "another time of change"
    write(other, JSONL.replace(b"one", b"ONE"))
    assert listing_digest(expand([str(other)]), of_contents=True) != digest[True][1]


def test_groups_hold_neighbours_up_to_a_size(tmp_path: Path) -> None:
    for n, size in enumerate((10, 10, 10, 100, 10)):
        write(tmp_path / f"{n}.txt", b"x" * size)
    groups = in_groups(expand([str(tmp_path)]), 25)
    assert [[file.bytes for file in group] for group in groups] == [[10, 10], [10], [100], [10]]


def test_the_quickstart_is_read_whole() -> None:
    folder = ROOT / "recipes/quickstart"
    documents = read(folder / "*.gz", folder / "*.zst", folder / "*.parquet", folder / "*.txt", max_record=1 << 26)
    assert len(kept(documents)) == len(documents) == 3769
    assert len({document.id for document in documents}) == 3769
    assert all(document.text for document in documents)

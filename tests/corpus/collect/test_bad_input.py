"""What cannot be read goes to `dropped` with its place and its reason, and costs nothing else."""

from __future__ import annotations

import errno
import gzip
import io
import json
import re
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from pydantic import ValidationError

from smelt.core.store import Store
from smelt.core.work import Inline
from smelt.corpus.collect.formats import read_documents
from smelt.corpus.collect.reading import Reading
from smelt.corpus.collect.sources import SourceFile, expand
from smelt.corpus.document import PREVIEW_BYTES, UNREADABLE, as_batch
from smelt.corpus.steps import Curate, Read
from smelt.errors import EmptyResult, InputError
from source_files import kept, packed, problems, read, warc_record

LINES = [json.dumps({"text": f"line {n} " + "of some length " * 20}).encode() + b"\n" for n in range(2000)]
PAGES = [f"<html><body><p>page {n}</p>{'<p>words</p>' * 400}</body></html>" for n in range(9)]
RECORDS = [warc_record(page.encode()) for page in PAGES]
PLACES = [len(packed(RECORDS[:n])) for n in range(10)]
"""Where each record begins in the packed archive."""


@pytest.fixture
def inline_store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store", runner=Inline())


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def flipped(content: bytes, place: int, length: int = 20) -> bytes:
    return content[:place] + bytes(length) + content[place + length :]


# ---- archives


def test_a_truncated_archive_gives_all_pages_before_the_cut(tmp_path: Path) -> None:
    documents = read(write(tmp_path / "a.warc.gz", packed(RECORDS)[:-100]))
    assert kept(documents) == PAGES[:8]
    [(place, problem)] = problems(documents).items()
    assert place == f"a.warc.gz#{PLACES[8]}"
    assert "nothing after it can be read" in str(problem)


@pytest.mark.parametrize("cut", [5, 40, 3000, 4990])
def test_no_cut_through_an_archive_goes_unseen(tmp_path: Path, cut: int) -> None:
    whole = b"".join(RECORDS)
    for name, content in (
        ("gzipped.warc.gz", gzip.compress(whole)),
        ("members.warc.gz", packed(RECORDS)),
        ("a.warc", whole),
    ):
        documents = read(write(tmp_path / name, content[: -min(cut, len(content) - 1)]))
        assert kept(documents) == PAGES[: len(kept(documents))]
        assert len(problems(documents)) == 1


@pytest.mark.parametrize("at", [0, 15, 80])
def test_after_a_broken_record_reading_goes_on_with_the_next(tmp_path: Path, at: int) -> None:
    documents = read(write(tmp_path / "a.warc.gz", flipped(packed(RECORDS), PLACES[4] + at)))
    assert kept(documents) == PAGES[:4] + PAGES[5:]
    [problem] = problems(documents).values()
    assert f"reading goes on at byte {PLACES[5]}" in str(problem)


@pytest.mark.parametrize("pack", [packed, b"".join])
@pytest.mark.parametrize("length", [b"99999", b"99999999999"])
def test_a_record_that_lies_about_its_length_takes_no_other_with_it(
    tmp_path: Path, pack: Callable[[list[bytes]], bytes], length: bytes
) -> None:
    lying = re.sub(rb"Content-Length: \d+", b"Content-Length: " + length, RECORDS[4], count=1)
    documents = read(write(tmp_path / "a.warc.gz", pack([*RECORDS[:4], lying, *RECORDS[5:]])))
    assert kept(documents) == PAGES[:4] + PAGES[5:]
    assert len(problems(documents)) == 1


def test_a_response_that_cannot_be_unpacked_is_unreadable(tmp_path: Path) -> None:
    bad = [
        warc_record(b"not packed", http=b"Content-Type: text/html\r\nContent-Encoding: gzip"),
        warc_record(b"zz", http=b"Content-Type: text/html\r\nTransfer-Encoding: chunked"),
        warc_record(b"zz", http=b"Content-Type: text/html\r\nContent-Encoding: dcb"),
    ]
    documents = read(write(tmp_path / "a.warc", b"".join([*bad, RECORDS[0]])))
    assert kept(documents) == PAGES[:1]
    assert len(problems(documents)) == 3


def test_a_page_that_unpacks_to_more_than_is_held_is_unreadable(tmp_path: Path) -> None:
    bomb = gzip.compress(bytes(32 << 20))
    content = warc_record(bomb, http=b"Content-Type: text/html\r\nContent-Encoding: gzip") + RECORDS[0]
    documents = read(write(tmp_path / "a.warc", content))
    assert kept(documents) == PAGES[:1]
    assert "over 1,048,576 bytes once unpacked" in str(problems(documents)["a.warc#0"])


# ---- files that are not what they say


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.warc.gz", b"<html><body>not an archive</body></html>" * 50),
        ("a.warc.gz", gzip.compress(b"<html><body>not an archive</body></html>" * 50)),
        ("a.warc", b"WARC/1.0\r\n"),
        ("a.warc.gz", b""),
        ("a.parquet", b"PAR1 no table PAR1"),
        ("a.parquet", b""),
        ("a.jsonl.zst", b'{"text": "not packed"}\n'),
        ("a.jsonl.gz", b'{"text": "not packed"}\n'),
        ("a.jsonl.gz", b""),
        ("a.txt.gz", b"not packed"),
        ("a.txt", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(128, 256)) * 5),
        ("a.html", gzip.compress(PAGES[0].encode())),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_one_unreadable_record(
    tmp_path: Path, name: str, content: bytes
) -> None:
    [document] = read(write(tmp_path / name, content))
    assert document.drop is not None
    assert document.drop.reason == UNREADABLE
    assert document.drop.detail


def test_a_table_without_text_says_what_it_has(tmp_path: Path) -> None:
    pl.DataFrame({"title": ["a"], "body": ["b"]}).write_parquet(tmp_path / "a.parquet")
    assert problems(read(tmp_path / "a.parquet")) == {"a.parquet#0": "no column 'text' among title, body"}


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.compress])
def test_a_truncated_file_gives_all_lines_before_the_cut(tmp_path: Path, compress: Callable[[bytes], bytes]) -> None:
    # Random numbers, so that half of the file is about half of the lines.
    lines = [json.dumps({"text": str(zlib.crc32(bytes([n % 256, n // 256])))}).encode() + b"\n" for n in range(50_000)]
    content = compress(b"".join(lines))
    suffix = "gz" if compress is gzip.compress else "zst"
    documents = read(write(tmp_path / f"a.jsonl.{suffix}", content[: len(content) // 2]))
    n = len(kept(documents))
    assert 10_000 < n < 40_000
    assert kept(documents) == [json.loads(line)["text"] for line in lines[:n]]
    assert f"cannot be read on after line {n}: " in list(problems(documents).values())[-1]


# ---- rows


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b'{"text": "cut', "not JSON: Unterminated string"),
        (b"text", "not JSON: Expecting value"),
        (b"[" * 100_000, "not JSON: "),
        (b'["text"]', "a JSON array, not an object"),
        (b'"text"', "a JSON string, not an object"),
        (b'{"body": "b", "title": "t"}', "no 'text' among body, title; expected a string"),
        (b"{}", "no 'text' among no fields; expected a string"),
        (b'{"text": null}', "'text' is null; expected a string"),
        (b'{"text": ["a"]}', "'text' is array; expected a string"),
        (b'{"text": "caf\xe9"}', "not UTF-8 at byte 13 of the line"),
        (b'{"text": "half \\ud83d pair"}', "half a surrogate pair at 5 of 'text'"),
        (b'{"text": "t", "title": "\\udc00"}', "half a surrogate pair"),
        (b'{"text": "a\\u0000b"}', "a NUL character at 1"),
        (b'{"text": "a\x00b"}', "not JSON: Invalid control character"),
    ],
)
def test_a_bad_line_costs_itself_alone(tmp_path: Path, line: bytes, problem: str) -> None:
    documents = read(write(tmp_path / "a.jsonl", LINES[0] + line + b"\n" + LINES[1]))
    assert len(kept(documents)) == 2
    [(place, told)] = problems(documents).items()
    assert place == "a.jsonl#2"
    assert problem in str(told)
    as_batch(documents)  # and what is shown of it can be stored
    shown = documents[1].text
    assert shown == shown.encode(errors="replace").decode()
    assert len(shown) <= PREVIEW_BYTES


def test_bad_rows_of_a_table_cost_themselves_alone(tmp_path: Path) -> None:
    pl.DataFrame({"text": ["one", None, "nul\0", "x" * (2 << 20), "two"]}).write_parquet(tmp_path / "a.parquet")
    documents = read(tmp_path / "a.parquet")
    assert kept(documents) == ["one", "two"]
    assert list(problems(documents)) == ["a.parquet#1", "a.parquet#2", "a.parquet#3"]


def test_a_string_of_a_table_that_is_not_utf8_costs_itself_alone(tmp_path: Path) -> None:
    texts = pa.array([b"one", b"caf\xe9", b"two"], pa.binary())
    buffers = pa.Array.from_buffers(pa.string(), 3, texts.buffers())
    pq.write_table(pa.table({"text": buffers}), tmp_path / "a.parquet")
    documents = read(tmp_path / "a.parquet")
    assert kept(documents) == ["one", "two"]
    assert problems(documents) == {"a.parquet#1": "not UTF-8 at byte 3 of a string"}


def test_a_line_of_200_megabytes_is_skipped_without_being_held(tmp_path: Path) -> None:
    parts = [LINES[0], b'{"text": "', *[b"a" * (1 << 20)] * 200, b'"}\n', LINES[1]]
    path = write(tmp_path / "a.jsonl", b"".join(parts))
    tracemalloc.start()
    documents = read(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(kept(documents)) == 2
    assert "a line of 209,715,213 bytes, over the limit of 1,048,576" in str(problems(documents)["a.jsonl#2"])
    assert peak < 16 << 20


def test_a_line_of_just_the_limit_is_read(tmp_path: Path) -> None:
    line = b'{"text": "' + b"a" * 100 + b'"}'
    path = write(tmp_path / "a.jsonl", line + b"\n" + line)
    assert len(kept(read(path, max_record=len(line)))) == 2
    assert len(kept(read(path, max_record=len(line) - 1))) == 0


def test_a_text_file_over_the_limit_is_unreadable(tmp_path: Path) -> None:
    documents = read(write(tmp_path / "a.txt", b"a" * (2 << 20)))
    assert problems(documents) == {"a.txt#0": "a file of over 1,048,576 bytes"}


# ---- what is no fault of the file


@pytest.mark.parametrize("name", ["a.jsonl", "a.warc.gz", "a.txt", "a.parquet", "a.jsonl.zst"])
@pytest.mark.parametrize("error", [OSError(errno.EIO, "Input/output error"), TimeoutError(), ConnectionResetError()])
def test_a_failing_disk_or_network_makes_no_record_unreadable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, error: OSError
) -> None:
    class Failing(io.BytesIO):
        def read(self, *_: object) -> bytes:
            raise error

        readline = read

    path = write(tmp_path / name, b"x" * 100)
    monkeypatch.setattr(SourceFile, "open", lambda _: Failing(b"x" * 100))
    with pytest.raises(type(error)):
        read(path)


def test_a_file_that_went_away_is_told_by_name(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", LINES[0])
    [file] = expand([str(path)])
    path.unlink()
    with pytest.raises(InputError, match=r"a.jsonl: cannot be opened: No such file"):
        list(read_documents(file, Reading(max_record=100)))


# ---- the step


def test_unreadable_records_are_counted_and_the_run_goes_on(tmp_path: Path, inline_store: Store) -> None:
    write(tmp_path / "a.jsonl", b"".join(LINES[:39]) + b"broken\n")
    corpus = inline_store.make(Read(paths=str(tmp_path / "a.jsonl")))
    assert corpus.manifest.counts["documents"] == 39
    [entry] = corpus.ledger()
    assert entry["dropped"]["unreadable"]["documents"] == 1
    assert corpus.trace("a.jsonl#40")[0].fate == "dropped"


def test_too_large_a_share_stops_it_with_the_first_few(tmp_path: Path, inline_store: Store) -> None:
    write(tmp_path / "a.jsonl", b"".join(LINES[:6]) + b"broken\n" * 4)
    with pytest.raises(InputError) as caught:
        inline_store.make(Read(paths=str(tmp_path / "a.jsonl")))
    message = str(caught.value)
    assert "4 of 10 records cannot be read" in message
    assert message.count("not JSON") == 3
    assert "and 1 more" in message
    assert "a.jsonl#7 (not JSON" in message
    assert "max_unreadable = 0.4" in message
    assert inline_store.make(Read(paths=str(tmp_path / "a.jsonl"), max_unreadable=0.4))


def test_files_without_a_single_document_are_no_corpus(tmp_path: Path, inline_store: Store) -> None:
    write(tmp_path / "a.jsonl", b"\n")
    with pytest.raises(EmptyResult, match="none of 0 records is a document"):
        inline_store.make(Read(paths=str(tmp_path / "a.jsonl")))


def test_a_path_that_matches_nothing_is_told_before_anything_runs(tmp_path: Path) -> None:
    step = Read(paths=str(tmp_path / "dumps/*.warc.gz"))
    with pytest.raises(InputError) as caught:
        _ = step.fingerprint
    assert f"looked at {tmp_path}/dumps/*.warc.gz" in str(caught.value)


def test_a_path_that_is_empty_is_not_the_working_directory() -> None:
    with pytest.raises(ValidationError, match="a path is empty"):
        Read(paths="")


def test_two_files_of_one_name_are_refused_by_name(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder / "a.jsonl", LINES[0])
    with pytest.raises(InputError, match=r"two files go by the name 'a.jsonl'.*one/a.jsonl.*two/a.jsonl") as caught:
        Read(paths=[str(tmp_path / "one"), str(tmp_path / "two")]).files()
    assert caught.value.do is not None
    advice = caught.value.do.split()[-1]
    assert [file.name for file in Read(paths=advice).files()] == ["one/a.jsonl", "two/a.jsonl"]


def test_an_empty_corpus_after_curation_says_what_emptied_it(tmp_path: Path, inline_store: Store) -> None:
    write(tmp_path / "a.jsonl", '{"text": "Les élèves étaient là où commence la forêt."}'.encode())
    clean = Curate(corpus=Read(paths=str(tmp_path / "a.jsonl")), ops=[{"op": "language", "keep": ["en"]}])
    with pytest.raises(EmptyResult, match=r"none of 1 documents is left; most fell for language \(1 document"):
        inline_store.make(clean)


@pytest.mark.parametrize(
    ("ops", "problem"),
    [
        (["gofer"], "there is no op 'gofer'; did you mean 'gopher'"),
        ([{"op": "language", "keeps": ["en"]}], "keeps"),
        ([{"keep": ["en"]}], "there is no op None"),
        ([3], "3 is no op"),
        ([{"op": "language", "keep": ["english"]}], "pattern"),
        ([], "at least 1 item"),
    ],
)
def test_ops_that_are_none_are_refused_by_name(tmp_path: Path, ops: list[object], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        Curate(corpus=Read(paths=str(tmp_path)), ops=ops)

"""Files made to harm a reader: each costs itself alone, within bounds of time and memory, and the ledger balances."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from benchmarks.wrappings import pdf, tarred, zipped

from hostile import outcome
from smelt.corpus.collect import bundles
from smelt.corpus.collect.sources import SourceFile, expand
from smelt.corpus.document import Unreadable
from smelt.errors import InputError
from source_files import packed, record, warc_record
from zip_quine import quine

MIB = 1 << 20
PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lambda content: lzma.compress(content, preset=0),
    "zst": zstandard.compress,
}
GOOD = warc_record(b"<p>good")
BOMB = "more than 200 times its size: a bomb"


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    (tmp_path / "raw").mkdir()
    return tmp_path / "raw"


@pytest.fixture(scope="module")
def bombs() -> dict[str, bytes]:
    """80 MiB of text, packed to some KB: ten packs one after the other."""
    return {name: pack(b"text of ores " * (8 * MIB // 13)) * 10 for name, pack in PACKINGS.items()}


# ---- packings


@pytest.mark.parametrize("packing", PACKINGS)
def test_a_bomb_is_unpacked_no_further_than_allowed_whatever_holds_it(
    raw: Path, bombs: dict[str, bytes], packing: str
) -> None:
    bomb = bombs[packing]
    for name in ("b.csv", "b.txt", "b.warc", "b.parquet", "wiki.xml"):
        (raw / f"{name}.{packing}").write_bytes(bomb)
    (raw / "held.zip").write_bytes(zipped({f"b.txt.{packing}": bomb, "good.txt": "good"}))
    (raw / "held.tar").write_bytes(tarred({f"b.txt.{packing}": bomb, "good.txt": b"good"}))
    found = outcome(raw)
    assert found.kept.items() >= {("held.zip/good.txt#0", "good"), ("held.tar/good.txt#0", "good")}
    bombs_told = {name for name, why in found.dropped.items() if BOMB in why}
    assert {f"b.parquet.{packing}#0", f"wiki.xml.{packing}#1", f"held.zip/b.txt.{packing}#0"} <= bombs_told
    assert {f"held.tar/b.txt.{packing}#0", f"b.txt.{packing}#0"} <= bombs_told | set(found.dropped)
    assert all(why.startswith("unreadable: ") for why in found.dropped.values())


@pytest.mark.parametrize("packing", PACKINGS)
def test_a_packed_file_that_is_cut_says_so(raw: Path, packing: str) -> None:
    lines = [json.dumps({"text": f"{zlib.crc32(bytes([n % 256, n // 256]))} lines"}).encode() for n in range(9_000)]
    pack = PACKINGS[packing]
    for name, content in (("a.jsonl", b"\n".join(lines)), ("b.txt", os.urandom(9_000).hex().encode())):
        (raw / f"{name}.{packing}").write_bytes(pack(content)[:-30])
    found = outcome(raw)
    assert [json.loads(line)["text"] for line in lines[: len(found.kept)]] == list(found.kept.values())
    (line, why), (text, whole) = found.dropped.items()
    assert (line, text) == (f"a.jsonl.{packing}#{len(found.kept) + 1}", f"b.txt.{packing}#0")
    assert f"cannot be read on after line {len(found.kept)}: " in why
    assert "unreadable: " in whole


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("zstd", zstandard.compress),
        ("gzip, gzip", lambda content: gzip.compress(gzip.compress(content))),
    ],
)
def test_a_page_that_unpacks_without_end_costs_itself_alone(
    raw: Path, encoding: str, pack: Callable[[bytes], bytes]
) -> None:
    http = f"Content-Type: text/html\r\nContent-Encoding: {encoding}".encode()
    (raw / "a.warc").write_bytes(warc_record(pack(bytes(100 * MIB)), http=http) + GOOD)
    found = outcome(raw)
    assert list(found.kept.values()) == ["<p>good"]
    assert found.dropped == {"a.warc#0": "unreadable: a page of over 67,108,864 bytes once unpacked"}


@pytest.mark.parametrize(
    ("bomb", "why"),
    [
        (record(bytes(100 * MIB), media_type="text/plain"), "over the limit of 67,108,864"),
        (b"WARC/1.0\r\nX: " + b"a" * (100 * MIB), "Maximum header length exceeded"),
        (warc_record(b"", http=b"X: " + b"a" * (100 * MIB)), "over the limit of 67,108,864"),
    ],
    ids=["body", "header", "HTTP header"],
)
def test_a_record_of_an_archive_that_unpacks_without_end_costs_itself_alone(raw: Path, bomb: bytes, why: str) -> None:
    (raw / "a.warc.gz").write_bytes(packed([bomb, GOOD]))
    found = outcome(raw)
    assert list(found.kept.values()) == ["<p>good"]
    assert why in found.dropped["a.warc.gz#0"]


@pytest.mark.parametrize("length", ["0", "1", "-1", "9223372036854775808", "1e3", "", "x"])
def test_a_length_that_lies_costs_its_record_alone(raw: Path, length: str) -> None:
    lying = re.sub(rb"Content-Length: \d+", f"Content-Length: {length}".encode(), GOOD, count=1)
    (raw / "a.warc").write_bytes(GOOD + lying + GOOD)
    (raw / "b.warc.gz").write_bytes(packed([GOOD, lying, GOOD]))
    found = outcome(raw)
    assert list(found.kept.values()) == ["<p>good"] * 4
    assert len({name.partition("#")[0] for name in found.dropped}) == 2


# ---- archives


def test_an_archive_that_holds_itself_is_opened_a_few_times(raw: Path) -> None:
    content = quine()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.read("a.zip") == content
    (raw / "a.zip").write_bytes(content)
    found = outcome(raw)
    assert found.kept == {}
    [(place, why)] = found.dropped.items()
    assert place == "a.zip/a.zip/a.zip/a.zip/a.zip#0"
    assert why == "unreadable: archives inside one another, more than 3 deep"


def test_archives_that_multiply_stop_at_a_depth(raw: Path) -> None:
    content = zipped({f"{n}.txt": "at the bottom" for n in range(8)})
    for _ in range(5):
        content = zipped({f"{n}.zip": content for n in range(8)})  # 8 ** 6 texts
    (raw / "a.zip").write_bytes(content)
    found = outcome(raw)
    assert found.kept == {}
    assert len(found.dropped) == 8**4
    assert set(found.dropped.values()) == {"unreadable: archives inside one another, more than 3 deep"}


def overlapping(content: bytes, times: int) -> bytes:
    """An archive that lists its one member many times (Fifield 2019): each unpacks the same bytes."""
    listing, end = content.index(b"PK\1\2"), content.rindex(b"PK\5\6")
    entries = content[listing:end] * times
    told = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, times, times, len(entries), listing, 0)
    return content[:listing] + entries + told


@pytest.mark.parametrize("kind", ["many members", "one member listed many times", "members of members"])
def test_an_archive_is_bounded_as_a_whole(raw: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(bundles, "ALL_FROM", 100 * MIB)
    member = zipped({"0.txt": b"iron ore\n" * (30 * MIB // 9)})
    content = {
        "many members": zipped({f"{n}.txt": b"iron ore\n" * (30 * MIB // 9) for n in range(6)}),
        "one member listed many times": overlapping(member, 1_000),
        "members of members": zipped({f"{n}.zip": member for n in range(6)}),
    }[kind]
    (raw / "a.zip").write_bytes(content)
    found = outcome(raw, memory=512 * MIB)
    assert len(found.kept) == 3
    assert list(found.dropped)[-1] == "a.zip#0"
    assert all(BOMB in why for why in found.dropped.values())


def test_members_of_one_name_are_told_apart(raw: Path) -> None:
    (raw / "a.zip").write_bytes(overlapping(zipped({"b.jsonl": b'{"text": "one"}'}), 3))
    assert list(outcome(raw).kept) == ["a.zip/b.jsonl#1", "a.zip/+1/b.jsonl#1", "a.zip/+2/b.jsonl#1"]


def test_names_without_anything_under_them_are_left_aside_however_many(raw: Path) -> None:
    (raw / "a.zip").write_bytes(zipped({f"{n}.png": "" for n in range(30_000)}))
    found = outcome(raw)
    assert found.kept == found.dropped == {}


# ---- file systems


def test_a_file_that_may_not_be_read_costs_itself_alone(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (raw / "a.txt").write_text("mine")
    (raw / "a.txt").chmod(0)
    if os.access(raw / "a.txt", os.R_OK):  # who may do anything is refused here instead
        opened = SourceFile.open

        def refused(file: SourceFile) -> io.BufferedIOBase:
            if file.name == "a.txt":
                raise Unreadable("cannot be opened: Permission denied")
            return opened(file)

        monkeypatch.setattr(SourceFile, "open", refused)
    assert outcome(raw).dropped == {"a.txt#0": "unreadable: cannot be opened: Permission denied"}


def test_links_that_lead_in_circles_or_nowhere_cost_themselves_alone(raw: Path) -> None:
    (raw / "inner").mkdir()
    (raw / "inner/b.txt").write_text("below")
    (raw / "inner/above").symlink_to(raw)  # a folder that holds itself
    (raw / "own.txt").symlink_to(raw / "own.txt")
    (raw / "one.txt").symlink_to(raw / "other.txt")
    (raw / "other.txt").symlink_to(raw / "one.txt")
    (raw / "gone.txt").symlink_to(raw / "nothing.txt")
    found = outcome(raw)
    assert found.kept == {"inner/b.txt#0": "below"}
    assert sorted(found.dropped) == ["gone.txt#0", "one.txt#0", "other.txt#0", "own.txt#0"]
    assert all("cannot be opened: " in why for why in found.dropped.values())


def test_a_folder_that_may_not_be_looked_into_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def scandir(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(InputError, match=r"may not be looked into: .*; |may not be looked into: ") as caught:
        expand([str(tmp_path)])
    assert caught.value.do == "ask for the right to read it, or name the files that may be read"


# ---- tables


@pytest.mark.parametrize(
    "field",
    ['"' + "a\n" * (2 * MIB) + '"', '"' + "a" * (3 * MIB) + '\n\n"', "a" * (3 * MIB), '"' + "a, b\n" * MIB + '""\n"'],
    ids=["lines", "a line and two", "a line", "commas and quotes"],
)
def test_a_field_over_the_limit_costs_its_row_alone(raw: Path, field: str) -> None:
    (raw / "a.csv").write_text(f"text,n\ngood,1\n{field},2\nalso good,3\n")
    found = outcome(raw, max_record=MIB)
    assert found.kept == {"a.csv#1": "good", "a.csv#3": "also good"}
    assert list(found.dropped) == ["a.csv#2"]
    assert "limit" in found.dropped["a.csv#2"]


def test_a_quote_that_is_never_closed_costs_no_more_than_a_stretch(raw: Path) -> None:
    rows = "".join(f"row {n},{n}\n" for n in range(60_000))
    (raw / "a.csv").write_text(f'text,n\n"never closed,0\n{rows}')
    found = outcome(raw, max_record=30_000)
    assert list(found.dropped) == ["a.csv#1"]
    assert "bytes behind it belong to it" in found.dropped["a.csv#1"]
    assert list(found.kept.values())[-1] == "row 59999"
    assert len(found.kept) > 40_000


def test_a_stray_quote_in_a_row_that_is_broken_otherwise_costs_that_row_alone(raw: Path) -> None:
    rows = "".join(f"row {n},{n}\n" for n in range(9))
    (raw / "a.csv").write_bytes(b'text,n\n5" pipe\rbroken,0\n' + rows.encode())
    found = outcome(raw)
    assert list(found.kept.values()) == [f"row {n}" for n in range(9)]
    assert list(found.dropped) == ["a.csv#1"]


def test_a_row_of_millions_of_lines_is_given_up(raw: Path) -> None:
    (raw / "a.csv").write_text('text,n\n"' + "a\n" * (4 * MIB) + '",1\ngood,2\n')
    found = outcome(raw)
    assert found.kept == {"a.csv#2": "good"}
    assert "a row of over 2,000,000 lines" in found.dropped["a.csv#1"]


def test_a_column_that_would_hide_another_is_refused(raw: Path) -> None:
    (raw / "a.csv").write_text("text,text\none,two\n")
    assert "the first line names 'text' twice" in outcome(raw).dropped["a.csv#1"]


def parquet(path: Path, **columns: object) -> None:
    pq.write_table(pa.table(columns), path)


def test_a_table_whose_schema_changes_from_file_to_file_is_read_as_far_as_it_goes(raw: Path) -> None:
    columns: dict[str, dict[str, object]] = {
        "a": {"text": ["one"]},
        "b": {"text": [1]},
        "c": {"text": [b"bytes"]},
        "d": {"text": [["a list"]]},
        "e": {"text": [{"inner": "a struct"}]},
        "f": {"body": ["another name"]},
        "g": {"text": pa.array(["from a dictionary"]).dictionary_encode(), "url": [3]},
        "h": {"text": pa.array(["large"], pa.large_string()), "date": [2.5]},
        "i": {"text": pa.nulls(1)},
    }
    for name, said in columns.items():
        parquet(raw / f"{name}.parquet", **said)
    found = outcome(raw)
    assert list(found.kept.values()) == ["one", "from a dictionary", "large"]
    assert [why.removeprefix("unreadable: ") for why in found.dropped.values()] == [
        "'text' is number; expected a string",
        "'text' is bytes; expected a string",
        "'text' is array; expected a string",
        "'text' is object; expected a string",
        "no column 'text' among body",
        "'text' is null; expected a string",
    ]


def test_a_text_that_is_stored_once_and_said_often_is_not_held_often(raw: Path) -> None:
    said = pa.DictionaryArray.from_arrays(pa.array([0] * 400, pa.int32()), pa.array(["b" * (8 * MIB)]))
    parquet(raw / "a.parquet", text=said, n=list(range(400)))
    found = outcome(raw, max_record=MIB)  # as sixteen rows at a time they would take 256 MiB and more
    assert len(found.dropped) == 400
    assert set(found.dropped.values()) == {"unreadable: a text of over 1,048,576 bytes"}


def test_a_table_that_unpacks_without_end_is_a_bomb(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = pa.table({"text": [f"{n}" + "a" * (10 * MIB) for n in range(10)]})
    pq.write_table(table, raw / "a.parquet", compression="zstd", use_dictionary=False)
    monkeypatch.setattr("smelt.corpus.collect.tables.TEXTS_FROM", 50 * MIB)
    parquet(raw / "b.parquet", text=pa.array(["b" * MIB] * 100).dictionary_encode())
    found = outcome(raw)
    assert found.dropped["a.parquet#0"] == f"unreadable: unpacks to {BOMB}"
    assert found.dropped[f"b.parquet#{len(found.kept)}"].endswith(f"its texts are {BOMB}")
    assert len(found.kept) < 80


YEARS = {"year 5881580": 2**31 - 1, "year 0": -719_529, "year 3000": 376_200, "2022": 19_000}


@pytest.mark.parametrize("unit", ["date", "s", "us", "ns"])
def test_dates_that_cannot_be_leave_their_document_undated_or_drop_it(raw: Path, unit: str) -> None:
    days = dict(list(YEARS.items())[{"date": 0, "s": 0, "us": 1, "ns": 3}[unit] :])  # those that the unit has room for
    if unit == "date":
        dates = pa.array(days.values(), pa.int32()).cast(pa.date32())
    else:
        scale = {"s": 1, "us": 10**6, "ns": 10**9}[unit] * 86_400
        dates = pa.array([day * scale + 1 for day in days.values()], pa.int64()).cast(pa.timestamp(unit, "UTC"))
    parquet(raw / "a.parquet", text=list(days), date=dates)
    found = outcome(raw)
    assert list(found.kept.values()) == [name for name in days if name in ("year 3000", "2022")]
    assert len(found.dropped) == len(days) - len(found.kept)
    assert all("a value that cannot be read" in why for why in found.dropped.values())


def test_dates_of_a_text_table_that_cannot_be_stay_in_meta(raw: Path) -> None:
    dates = ("0000-01-01", "0001-01-01", "3000-01-01", "-0044-03-15", "2020-02-30", "9" * 5_000, "2020-02-29")
    (raw / "a.csv").write_text("text,date\n" + "".join(f"{date[:12]},{date}\n" for date in dates))
    assert list(outcome(raw).kept.values()) == [date[:12] for date in dates]


# ---- texts


def test_halves_of_characters_and_nuls_cost_their_record_alone(raw: Path) -> None:
    half, nul = b'{"text": "a\\ud800b"}', b'{"text": "a\\u0000b"}'
    (raw / "a.jsonl").write_bytes(half + b"\n" + nul + b'\n{"text": "good"}\n')
    (raw / "b.json").write_bytes(b"[" + half + b"," + nul + b', {"text": "good"}]')
    (raw / "c.csv").write_bytes(b"text,n\na\xed\xa0\x80b,1\na\0b,2\ngood,3\n")
    (raw / "d.html").write_bytes(b"<p>a\0b")
    (raw / "e.txt").write_bytes("a\0b".encode("utf-16"))
    (raw / "f.warc").write_bytes(warc_record(b"<p>a\0b") + GOOD)
    found = outcome(raw)
    assert list(found.kept.values()) == ["good", "good", "good", "<p>good"]
    assert sum("NUL" in why for why in found.dropped.values()) == 6
    assert sum("surrogate" in why for why in found.dropped.values()) == 3


WARC = f"WARC/1.0\r\nWARC-Type: resource\r\nContent-Type: text/html\r\nContent-Length: {200 * MIB}\r\n\r\n"
AROUND = {
    "a.csv": (b"text,n\n", b",1\ngood,2\n"),
    "a.json": (b'{"text": "', b""),
    "a.warc": (WARC.encode(), b"\r\n\r\n" + GOOD),
}


@pytest.mark.parametrize("name", ["a.html", "a.txt", "a.md", "a.json", "a.csv", "a.warc"])
def test_one_line_of_200_megabytes_is_not_held(raw: Path, name: str) -> None:
    before, after = AROUND.get(name, (b"", b""))
    with (raw / name).open("wb") as file:
        file.writelines([before, *[b"word " * (MIB // 5)] * 200, after])
    found = outcome(raw, max_record=16 * MIB)
    assert len(found.dropped) == 1
    assert ("limit of 16,777,216" in str(found.dropped)) or "of over 16,777,216 bytes" in str(found.dropped)
    assert list(found.kept.values()) == {"a.csv": ["good"], "a.warc": ["<p>good"]}.get(name, [])


# ---- PDF


def numbered(*objects: bytes) -> bytes:
    """A PDF of objects; what ends it tells no place, so that a reader looks for them itself."""
    body = b"".join(b"%d 0 obj\n%s\nendobj\n" % (number, content) for number, content in enumerate(objects, 1))
    return b"%PDF-1.7\n" + body + b"trailer\n<</Root 1 0 R/Size %d>>\n%%%%EOF\n" % (len(objects) + 1)


def stream(content: bytes, about: bytes = b"") -> bytes:
    return b"<</Length %d%s>>stream\n%s\nendstream" % (len(content), about, content)


ROOT = b"<</Type/Catalog/Pages 2 0 R>>"
ONE_PAGE = (ROOT, b"<</Type/Pages/Kids[3 0 R]/Count 1>>")
PAGE = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Resources<</XObject<</X 5 0 R>>>>/Contents 4 0 R>>"
TWICE = b"/Filter[/FlateDecode/FlateDecode]"
FORM = b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X 5 0 R>>>>"
PAPERS: dict[str, Callable[[], bytes]] = {
    "a tree of pages that loops": lambda: numbered(*ONE_PAGE, b"<</Type/Pages/Parent 2 0 R/Kids[2 0 R]/Count 1>>"),
    "a node that is its own child": lambda: numbered(ROOT, b"<</Type/Pages/Kids[2 0 R 2 0 R]/Count 2000>>"),
    "a billion pages": lambda: numbered(ROOT, b"<</Type/Pages/Kids[]/Count 1000000000>>"),
    "a stream of 500 MB": lambda: numbered(
        *ONE_PAGE, PAGE, stream(zlib.compress(zlib.compress(bytes(500 * MIB), 1)), TWICE)
    ),
    "a drawing that draws itself": lambda: numbered(*ONE_PAGE, PAGE, stream(b"/X Do"), stream(b"/X Do /X Do", FORM)),
}


@pytest.mark.parametrize("kind", PAPERS)
def test_a_hostile_paper_costs_itself_alone(raw: Path, kind: str) -> None:
    (raw / "a.pdf").write_bytes(PAPERS[kind]())
    (raw / "b.pdf").write_bytes(pdf(["Iron ore."]))
    found = outcome(raw)
    assert found.kept == {"b.pdf#0": "Iron ore."}
    assert list(found.dropped) == ["a.pdf#0"]
    assert found.dropped["a.pdf#0"].startswith(("unreadable: ", "no_text: "))

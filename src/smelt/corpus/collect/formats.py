"""Files to documents, one record at a time: WARC, HTML, JSONL, CSV, Parquet, EPUB, text and Markdown; zip and tar.

A record that cannot be read becomes a document that is dropped as `unreadable`, with its place and what is wrong with
it, and reading goes on behind it. However large a record is, no more than `max_record` bytes of it are held (a Parquet
file aside, which is unpacked some rows at a time).
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.parquet as pq

from smelt.corpus.collect.books import book_document
from smelt.corpus.collect.bundles import tar_documents, zip_documents
from smelt.corpus.collect.charset import decode
from smelt.corpus.collect.rows import document_of
from smelt.corpus.collect.sources import FileFormat, SourceFile, blame_file
from smelt.corpus.collect.warc import warc_documents
from smelt.corpus.document import Document, Format, Unreadable

PARQUET_ROWS = 256
"""Rows of a Parquet file unpacked at a time (taste: some MB of common documents)."""


def read_documents(file: SourceFile, *, max_record: int) -> Iterator[Document]:
    """The documents of a file, in order; records over `max_record` bytes are unreadable."""
    return _READERS[file.format](file, max_record)


def _warc(file: SourceFile, max_record: int) -> Iterator[Document]:
    return warc_documents(file, max_record=max_record)


def _page(file: SourceFile, max_record: int) -> Iterator[Document]:
    raw = b""
    try:
        with file.open() as stored:
            raw = _unpacked(file, stored).read(max_record + 1)
        if len(raw) > max_record:
            raise Unreadable(f"a file of over {max_record:,} bytes")
        form: Format = "html" if file.format == "html" else "text"
        text, encoding = decode(raw, is_html=form == "html")
        meta = json.dumps({"encoding": encoding})
        yield Document(f"{file.name}#0", text, source=file.name, format=form, meta=meta)
    except Unreadable as problem:
        yield _whole_file(file, problem.detail, raw)
    except OSError as error:
        blame_file(error)
        yield _whole_file(file, str(error))


def _jsonl(file: SourceFile, max_record: int) -> Iterator[Document]:
    number = 0
    try:
        with file.open() as stored:
            lines = _unpacked(file, stored)
            while line := lines.readline(max_record + 1):
                number += 1
                if line.strip():
                    yield _line(line, lines, file, number=number, max_record=max_record)
    except OSError as error:
        blame_file(error)
        problem = Unreadable(f"the file cannot be read on after line {number}: {error}")
        yield problem.document(f"{file.name}#{number + 1}", source=file.name)


def _line(line: bytes, lines: BinaryIO, file: SourceFile, *, number: int, max_record: int) -> Document:
    place = f"{file.name}#{number}"
    try:
        if len(line) > max_record and not line.endswith(b"\n"):
            size = len(line) + _skip_line(lines)
            raise Unreadable(f"a line of {size:,} bytes, over the limit of {max_record:,}")
        return document_of(_json(line), document_id=place, source=file.name)
    except Unreadable as problem:
        return problem.document(place, source=file.name, preview=line)


def _json(line: bytes) -> object:
    try:
        return json.loads(line.decode("utf-8-sig").rstrip())
    except UnicodeDecodeError as error:
        raise Unreadable(f"not UTF-8 at byte {error.start} of the line") from error
    except (ValueError, RecursionError) as error:  # RecursionError: a hundred thousand brackets
        raise Unreadable(f"not JSON: {error}") from error


def _skip_line(lines: BinaryIO) -> int:
    """Reads on to the end of the line, holding none of it; how long that was."""
    skipped = 0
    while rest := lines.readline(1 << 20):
        skipped += len(rest)
        if rest.endswith(b"\n"):
            break
    return skipped


def _csv(file: SourceFile, max_record: int) -> Iterator[Document]:
    number = 0
    csv.field_size_limit(max_record)
    try:
        with file.open() as stored:
            # Bytes that are no UTF-8 become lone surrogates, which make their row unreadable and no other.
            lines = io.TextIOWrapper(_unpacked(file, stored), "utf-8-sig", "surrogateescape", newline="")
            for number, row in enumerate(csv.DictReader(lines, delimiter=_delimiter(file, lines)), 1):
                yield _cells(row, f"{file.name}#{number}", file.name)
    except (OSError, csv.Error, EOFError) as error:
        if isinstance(error, OSError):
            blame_file(error)
        problem = Unreadable(f"the file cannot be read on after row {number}: {error}")
        yield problem.document(f"{file.name}#{number + 1}", source=file.name)


def _delimiter(file: SourceFile, lines: io.TextIOWrapper) -> str:
    """What parts the fields of the first line most often; of a .tsv the tab."""
    if ".tsv" in file.name.lower():
        return "\t"
    first = cast("BinaryIO", lines.buffer)
    head = cast("io.BufferedReader", first).peek(1 << 16).split(b"\n", 1)[0] if hasattr(first, "peek") else b""
    return max((",", ";", "\t"), key=lambda mark: head.count(mark.encode()))


def _cells(row: dict[str | Any, str | Any], place: str, source: str) -> Document:
    try:
        if None in row or None in row.values():
            raise Unreadable("a row of more or fewer fields than the first line names", str(row))
        return document_of(row, document_id=place, source=source)
    except Unreadable as problem:
        return problem.document(place, source=source)


def _epub(file: SourceFile, max_record: int) -> Iterator[Document]:
    try:
        with file.open() as stored:
            yield book_document(file, stored, max_record)
    except Unreadable as problem:
        yield _whole_file(file, problem.detail)
    except OSError as error:
        blame_file(error)
        yield _whole_file(file, str(error))


def _bundle(file: SourceFile, max_record: int) -> Iterator[Document]:
    opened = {"zip": zip_documents, "tar": tar_documents}[file.format]
    try:
        with file.open() as stored:
            content = stored if file.format == "zip" else _unpacked(file, stored)
            yield from opened(file, content, max_record, _read_file)
    except OSError as error:
        blame_file(error)
        yield _whole_file(file, str(error))


def _read_file(file: SourceFile, max_record: int) -> Iterator[Document]:
    return read_documents(file, max_record=max_record)


def _parquet(file: SourceFile, max_record: int) -> Iterator[Document]:
    number = 0
    try:
        with file.open() as stored, pq.ParquetFile(stored) as table:
            if "text" not in table.schema_arrow.names:
                raise Unreadable(f"no column 'text' among {', '.join(table.schema_arrow.names)}")
            for rows in table.iter_batches(PARQUET_ROWS):
                for row in _values(rows):
                    yield _row(row, f"{file.name}#{number}", file.name, max_record)
                    number += 1
    except (OSError, pa.ArrowException, Unreadable) as error:
        if isinstance(error, OSError):
            blame_file(error)
        after = f"the file cannot be read on after row {number - 1}: " if number else ""
        yield Unreadable(f"{after}{error}").document(f"{file.name}#{number}", source=file.name)


def _row(row: object, place: str, source: str, max_record: int) -> Document:
    try:
        if isinstance(row, Unreadable):
            raise row
        document = document_of(row, document_id=place, source=source)
        if len(document.text) > max_record:
            raise Unreadable(f"a text of over {max_record:,} bytes", document.text[:max_record])
        return document
    except Unreadable as problem:
        return problem.document(place, source=source)


def _values(rows: Any) -> list[object]:  # of a pyarrow.RecordBatch
    try:
        return rows.to_pylist()
    except UnicodeDecodeError as error:
        if rows.num_rows == 1:
            return [Unreadable(f"not UTF-8 at byte {error.start} of a string", error.object)]
        return [value for number in range(rows.num_rows) for value in _values(rows.slice(number, 1))]


def _unpacked(file: SourceFile, stored: BinaryIO) -> BinaryIO:
    """The bytes that are packed in a file; unlike zstandard's reader, Arrow's raises `OSError` where they are cut."""
    if file.compression is None:
        return stored
    unpacked = io.BufferedReader(pa.input_stream(stored, compression=file.compression))
    if not unpacked.peek(1) and not stored.seek(0, os.SEEK_END):
        raise OSError("the file is empty")
    return cast("BinaryIO", unpacked)


def _whole_file(file: SourceFile, detail: str, preview: bytes = b"") -> Document:
    return Unreadable(detail).document(f"{file.name}#0", source=file.name, preview=preview)


_READERS: dict[FileFormat, Callable[[SourceFile, int], Iterator[Document]]] = {
    "warc": _warc,
    "html": _page,
    "text": _page,
    "jsonl": _jsonl,
    "csv": _csv,
    "epub": _epub,
    "zip": _bundle,
    "tar": _bundle,
    "parquet": _parquet,
}

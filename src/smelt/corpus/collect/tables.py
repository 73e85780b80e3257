"""Tables, row by row: CSV and TSV with a line of names, and Parquet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from smelt.corpus.collect.lines import skip_line
from smelt.corpus.collect.reading import Reading
from smelt.corpus.collect.rows import document_of
from smelt.corpus.collect.sources import SourceFile, blame_file
from smelt.corpus.collect.unpack import as_utf8, seekable, unpacked
from smelt.corpus.document import Document, Unreadable

PARQUET_ROWS = 256
"""Rows of a Parquet file unpacked at a time (taste: some MB of common documents)."""
MARKS = (",", ";", "\t")


def csv_documents(file: SourceFile, reading: Reading) -> Iterator[Document]:
    """The documents of a table of text; a bad row costs itself alone, a field without an end the rows it swallows."""
    number = 0
    csv.field_size_limit(reading.max_record)
    try:
        with file.open() as stored:
            stream = as_utf8(unpacked(file, stored))
            rows = csv.reader(_Lines(stream, reading.max_record), delimiter=_delimiter(file, stream))
            names = next(rows, [])
            while (row := _next_row(rows)) is not None:
                number += 1
                if row:
                    yield _cells(names, row, f"{file.name}#{number}", file.name, reading)
    except (OSError, csv.Error, Unreadable) as error:
        if isinstance(error, OSError):
            blame_file(error)
        problem = Unreadable(f"the file cannot be read on after row {number}: {error}")
        yield problem.document(f"{file.name}#{number + 1}", source=file.name)


class _Lines:
    """Lines as text, for `csv`; those over a limit are `Unreadable`, and the next line comes after."""

    def __init__(self, stream: io.BufferedReader, limit: int) -> None:
        self._stream, self._limit, self._is_first = stream, limit, True

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._stream.readline(self._limit + 1)
        if not line:
            raise StopIteration
        if len(line) > self._limit and not line.endswith(b"\n"):
            size = len(line) + skip_line(self._stream)
            raise Unreadable(f"a line of {size:,} bytes, over the limit of {self._limit:,}", line)
        encoding = "utf-8-sig" if self._is_first else "utf-8"
        self._is_first = False
        # Bytes that are no UTF-8 become lone surrogates, which make their row unreadable and no other.
        return line.decode(encoding, "surrogateescape")


def _next_row(rows: Iterator[list[str]]) -> list[str] | Unreadable | None:
    """The next row, what is wrong with it, or None where there is none: after an error `csv` begins a new row."""
    try:
        return next(rows, None)
    except csv.Error as error:
        return Unreadable(str(error))
    except Unreadable as problem:
        return problem


def _delimiter(file: SourceFile, stream: io.BufferedReader) -> str:
    """What parts the fields of the first line most often; of a .tsv the tab."""
    if ".tsv" in file.name.lower():
        return "\t"
    head = stream.peek(1).split(b"\n", 1)[0]
    return max(MARKS, key=lambda mark: head.count(mark.encode()))


def _cells(names: list[str], row: list[str] | Unreadable, place: str, source: str, reading: Reading) -> Document:
    try:
        if isinstance(row, Unreadable):
            raise row
        if len(row) != len(names):
            raise Unreadable(f"a row of {len(row)} fields, where the first line names {len(names)}", str(row[:100]))
        fields = dict(zip(names, row, strict=True))
        return document_of(fields, document_id=place, source=source, columns=reading.columns)
    except Unreadable as problem:
        return problem.document(place, source=source)


def parquet_documents(file: SourceFile, reading: Reading) -> Iterator[Document]:
    """The documents of a Parquet file; a bad row costs itself alone."""
    number = 0
    try:
        with file.open() as stored, seekable(file, stored) as content, pq.ParquetFile(content) as table:
            _check_columns(table.schema_arrow.names, reading.text_column)
            for rows in table.iter_batches(PARQUET_ROWS):
                for row in _values(rows):
                    yield _row(row, f"{file.name}#{number}", file.name, reading)
                    number += 1
    except (OSError, pa.ArrowException, Unreadable) as error:
        if isinstance(error, OSError):
            blame_file(error)
        after = f"the file cannot be read on after row {number - 1}: " if number else ""
        yield Unreadable(f"{after}{error}").document(f"{file.name}#{number}", source=file.name)


def _check_columns(names: list[str], text: str) -> None:
    if text not in names and text.split(".")[0] not in names:
        raise Unreadable(f"no column {text!r} among {', '.join(names)}")


def _row(row: object, place: str, source: str, reading: Reading) -> Document:
    try:
        if isinstance(row, Unreadable):
            raise row
        document = document_of(row, document_id=place, source=source, columns=reading.columns)
        if len(document.text) > reading.max_record:
            raise Unreadable(f"a text of over {reading.max_record:,} bytes", document.text[: reading.max_record])
        return document
    except Unreadable as problem:
        return problem.document(place, source=source)


def _values(rows: Any) -> list[object]:  # of a pyarrow.RecordBatch
    try:
        return rows.to_pylist()
    except (ValueError, OverflowError) as error:  # no UTF-8; a date that Python has no word for, as of the year 0
        if rows.num_rows == 1:
            return [_problem(error)]
        return [value for number in range(rows.num_rows) for value in _values(rows.slice(number, 1))]


def _problem(error: ValueError | OverflowError) -> Unreadable:
    if isinstance(error, UnicodeDecodeError):
        return Unreadable(f"not UTF-8 at byte {error.start} of a string", error.object)
    return Unreadable(f"a value that cannot be read: {error}")

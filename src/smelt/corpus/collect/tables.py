"""Tables, row by row: CSV and TSV with a line of names, and Parquet."""

from __future__ import annotations

import csv
import io
import os
from collections import Counter
from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from smelt.corpus.collect.reading import Reading
from smelt.corpus.collect.rows import document_of
from smelt.corpus.collect.sources import SourceFile, blame_file
from smelt.corpus.collect.unpack import MAX_RATIO, as_utf8, most_unpacked, seekable, unpacked
from smelt.corpus.document import Document, Unreadable

PARQUET_ROWS = 16
"""Rows of a Parquet file unpacked at a time: a dictionary may give each of them the longest text (taste)."""
SMALL = 8 * 2**20
"""Bytes of rows that become Python's all at once (taste)."""
TEXTS_FROM = 2**30
"""What the texts of a Parquet file may come to, however small it is (taste)."""
ROW_LINES = 2_000_000
"""In a row of CSV at most (taste: a second's work; of books, the longest have a tenth)."""
PASSED_OVER = 4
"""So many times `max_record` of a field that is too long are passed over in search of its end (taste): then its quote
was a stray one, and has none."""
MARKS = (",", ";", "\t")


def csv_documents(file: SourceFile, reading: Reading) -> Iterator[Document]:
    """The documents of a table of text; a bad row costs itself alone, a field without an end the rows it swallows."""
    number = 0
    csv.field_size_limit(reading.max_record)
    try:
        with file.open() as stored:
            stream = as_utf8(unpacked(file, stored))
            lines = _Lines(stream, reading.max_record)
            rows = csv.reader(lines, delimiter=_delimiter(file, stream))
            names = next(rows, [])
            if names:
                _check_names(names, reading.text_column)
            while (row := _next_row(rows, lines)) is not None:
                number += 1
                if row:
                    yield _cells(names, row, f"{file.name}#{number}", file.name, reading)
    except (OSError, csv.Error, Unreadable) as error:
        if isinstance(error, OSError):
            blame_file(error)
        after = f"the file cannot be read on after row {number}: " if number else ""
        yield Unreadable(f"{after}{error}").document(f"{file.name}#{number + 1}", source=file.name)


class _Lines:
    """Lines as text, for `csv`; those over a limit are `Unreadable`, and the next line comes after."""

    def __init__(self, stream: io.BufferedReader, limit: int) -> None:
        self._stream, self._limit, self._is_first = stream, limit, True
        self._quotes = 0
        """In the row so far: while they are odd, a field goes on."""
        self._lines = 0

    def begin_row(self) -> None:
        """Forgets the quotes and lines of the row before."""
        self._quotes = self._lines = 0

    def pass_over(self) -> int:
        """Reads on to the end of a field that is open, if it has one that is near; how many bytes that was."""
        passed = 0
        while self._quotes % 2 and passed < PASSED_OVER * self._limit and (block := self._stream.peek(1)):
            mark = block.find(b'"') + 1
            passed += len(self._stream.read(mark or len(block)))
            if mark:
                self._quotes += 1
                passed += self._rest_of_line()
        return passed + (self._rest_of_line() if self._quotes % 2 else 0)

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._stream.readline(self._limit + 1)
        if not line:
            raise StopIteration
        self._quotes += line.count(b'"')
        self._lines += 1
        if self._lines > ROW_LINES:
            raise Unreadable(f"a row of over {ROW_LINES:,} lines", line)
        if len(line) > self._limit and not line.endswith(b"\n"):
            size = len(line) + self._rest_of_line()
            raise Unreadable(f"a line of {size:,} bytes, over the limit of {self._limit:,}", line)
        encoding = "utf-8-sig" if self._is_first else "utf-8"
        self._is_first = False
        # Bytes that are no UTF-8 become lone surrogates, which make their row unreadable and no other.
        return line.decode(encoding, "surrogateescape")

    def _rest_of_line(self) -> int:
        """Reads to the end of a line, holding none of it but its quotes' number; how long it was."""
        size = 0
        while part := self._stream.readline(1 << 20):
            size += len(part)
            self._quotes += part.count(b'"')
            if part.endswith(b"\n"):
                break
        return size


def _next_row(rows: Iterator[list[str]], lines: _Lines) -> list[str] | Unreadable | None:
    """The next row, what is wrong with it, or None where there is none: after an error `csv` begins a new row."""
    lines.begin_row()
    try:
        return next(rows, None)
    except csv.Error as error:
        problem = Unreadable(str(error))
        if "field limit" not in str(error):
            return problem  # whose row ends where its line does
    except Unreadable as error:
        problem = error
    passed = lines.pass_over()
    return Unreadable(f"{problem}; {passed:,} bytes behind it belong to it", problem.preview) if passed else problem


def _check_names(names: list[str], text: str) -> None:
    _check_columns(names, text)
    twice = [name for name, n in Counter(names).items() if name and n > 1]
    if twice:
        raise Unreadable(f"the first line names {twice[0]!r} twice: one would hide the other")


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
        with file.open() as stored, seekable(file, stored) as content, _opened(content, reading) as table:
            room = max(most_unpacked(content.seek(0, os.SEEK_END)), TEXTS_FROM)
            for rows in table.iter_batches(PARQUET_ROWS):
                for row in _values(_in_microseconds(rows)):
                    document = _row(row, f"{file.name}#{number}", file.name, reading)
                    room -= len(document.text)
                    if room < 0:
                        raise Unreadable(f"its texts are more than {MAX_RATIO} times its size: a bomb")
                    yield document
                    number += 1
    except (OSError, pa.ArrowException, Unreadable) as error:
        if isinstance(error, OSError):
            blame_file(error)
        after = f"the file cannot be read on after row {number - 1}: " if number else ""
        yield Unreadable(f"{after}{error}").document(f"{file.name}#{number}", source=file.name)


def _opened(content: BinaryIO, reading: Reading) -> pq.ParquetFile:
    """A Parquet file that has a text and is no bomb.

    Strings of columns that say many things few times are stored once; where they may be long, they are left so, since
    each row that says one would hold it anew.
    """
    about = pq.read_metadata(content)
    _check_columns(about.schema.to_arrow_schema().names, reading.text_column)
    chunks = [
        about.row_group(n).column(column) for n in range(about.num_row_groups) for column in range(about.num_columns)
    ]
    unpacked_bytes = sum(chunk.total_uncompressed_size for chunk in chunks)
    if unpacked_bytes > most_unpacked(content.seek(0, os.SEEK_END)):
        raise Unreadable(f"unpacks to more than {MAX_RATIO} times its size: a bomb")
    stored_once = {
        chunk.path_in_schema
        for chunk in chunks
        if chunk.physical_type == "BYTE_ARRAY" and chunk.total_uncompressed_size > reading.max_record
    }
    return pq.ParquetFile(content, read_dictionary=sorted(stored_once))


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


def _values(rows: Any) -> Iterator[object]:  # of a pyarrow.RecordBatch
    """The rows, one by one where they are large: sixteen times the longest text may be far more than one."""
    if rows.num_rows == 1 or _is_small(rows):
        try:
            yield from rows.to_pylist()
            return
        except (ValueError, OverflowError) as error:  # no UTF-8; a date that Python has no word for, as of the year 0
            if rows.num_rows == 1:
                yield _problem(error)
                return
    for number in range(rows.num_rows):
        yield from _values(rows.slice(number, 1))


def _is_small(rows: Any) -> bool:
    return rows.nbytes <= SMALL and not any(pa.types.is_dictionary(kind.type) for kind in rows.schema)


def _in_microseconds(rows: Any) -> Any:  # a pyarrow.RecordBatch
    """The rows with times as Python has them: what is finer is cut off."""
    for place, kind in enumerate(rows.schema):
        if pa.types.is_timestamp(kind.type) and kind.type.unit == "ns":
            cut = rows.column(place).cast(pa.timestamp("us", kind.type.tz), safe=False)
            rows = rows.set_column(place, kind.name, cut)
    return rows


def _problem(error: ValueError | OverflowError) -> Unreadable:
    if isinstance(error, UnicodeDecodeError):
        return Unreadable(f"not UTF-8 at byte {error.start} of a string", error.object)
    return Unreadable(f"a value that cannot be read: {error}")

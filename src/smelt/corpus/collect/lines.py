"""JSON: a value a line, or in `.json` files an array of objects, or objects one after the other."""

from __future__ import annotations

import codecs
import io
import json
import re
from collections.abc import Iterator

from smelt.corpus.collect.reading import Reading
from smelt.corpus.collect.rows import document_of
from smelt.corpus.collect.sources import SourceFile, blame_file
from smelt.corpus.collect.unpack import as_utf8, unpacked
from smelt.corpus.document import Document, Unreadable

BLOCK = 1 << 16
"""Bytes read at a time of a file that is no lines; doubled as long as a value is not whole."""
_BETWEEN = re.compile(r"[\s,]*")


def line_documents(file: SourceFile, reading: Reading) -> Iterator[Document]:
    """The documents of JSON lines; a bad line costs itself alone."""
    number = 0
    try:
        with file.open() as stored:
            lines = as_utf8(unpacked(file, stored))
            while line := lines.readline(reading.max_record + 1):
                if line.strip():
                    yield _line(line, lines, file, reading, number=number + 1)
                number += 1
    except OSError as error:
        blame_file(error)
        problem = Unreadable(f"the file cannot be read on after line {number}: {error}")
        yield problem.document(f"{file.name}#{number + 1}", source=file.name)


def json_documents(file: SourceFile, reading: Reading) -> Iterator[Document]:
    """The documents of a `.json` file: lines, if its first line is an object; else an array, or objects in a row."""
    with file.open() as stored:
        stream = as_utf8(unpacked(file, stored))
        is_lines = _begins_with_a_row(stream.peek(1))
        if not is_lines:
            yield from _values(stream, file, reading)
    if is_lines:
        yield from line_documents(file, reading)


def _begins_with_a_row(beginning: bytes) -> bool:
    """Whether the first line is a row, or too long to be looked at: no pretty printer writes such a line."""
    line, is_whole, _ = beginning.removeprefix(codecs.BOM_UTF8).lstrip().partition(b"\n")
    if line.startswith(b"["):
        return False
    if not is_whole:
        return len(line) > BLOCK
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _line(line: bytes, lines: io.BufferedReader, file: SourceFile, reading: Reading, *, number: int) -> Document:
    place = f"{file.name}#{number}"
    try:
        if len(line) > reading.max_record and not line.endswith(b"\n"):
            size = len(line) + skip_line(lines)
            raise Unreadable(f"a line of {size:,} bytes, over the limit of {reading.max_record:,}")
        return document_of(_json(line), document_id=place, source=file.name, columns=reading.columns)
    except Unreadable as problem:
        return problem.document(place, source=file.name, preview=line)


def _json(line: bytes) -> object:
    try:
        return json.loads(line.decode("utf-8-sig").rstrip())
    except UnicodeDecodeError as error:
        raise Unreadable(f"not UTF-8 at byte {error.start} of the line") from error
    except (ValueError, RecursionError) as error:  # RecursionError: a hundred thousand brackets
        raise Unreadable(f"not JSON: {error}") from error


def skip_line(lines: io.BufferedReader) -> int:
    """Reads on to the end of the line, holding none of it; how long that was."""
    skipped = 0
    while rest := lines.readline(1 << 20):
        skipped += len(rest)
        if rest.endswith(b"\n"):
            break
    return skipped


def _values(stream: io.BufferedReader, file: SourceFile, reading: Reading) -> Iterator[Document]:
    """The documents of an array, or of values one after the other; nothing behind a broken one can be told apart."""
    number = 0
    try:
        for number, value in enumerate(_decoded(stream, reading.max_record), 1):
            place = f"{file.name}#{number}"
            try:
                yield document_of(value, document_id=place, source=file.name, columns=reading.columns)
            except Unreadable as problem:
                yield problem.document(place, source=file.name, preview=str(value)[:1_000].encode(errors="replace"))
    except (Unreadable, OSError) as error:
        if isinstance(error, OSError):
            blame_file(error)
        preview = error.preview if isinstance(error, Unreadable) else b""
        problem = Unreadable(f"the file cannot be read on after value {number}: {error}", preview)
        yield problem.document(f"{file.name}#{number + 1}", source=file.name)


def _decoded(stream: io.BufferedReader, max_record: int) -> Iterator[object]:
    """The values in a stream, or in the array that it is; `Unreadable` where one is broken or too long."""
    decoder, text = json.JSONDecoder(), io.TextIOWrapper(stream, "utf-8-sig")
    held, place, is_array, wanted = "", 0, None, BLOCK
    while True:
        place = _between(held, place)
        if is_array is None and place < len(held):
            is_array = held[place] == "["
            place = _between(held, place + is_array)
        if is_array and held[place:].rstrip() == "]":
            return
        try:
            value, end = decoder.raw_decode(held, place)
            if end < len(held) or (not is_array and isinstance(value, dict)):
                yield value
                place, wanted = end, BLOCK
                continue
            problem = "ends within a value"
        except (ValueError, RecursionError) as error:
            problem = f"not JSON: {error}"
        held, place = held[place:], 0
        if len(held) > max_record:
            raise Unreadable(f"a value of over {max_record:,} characters, or {problem}", held[:1_000])
        more = _text(text, wanted)
        if not more:
            if held.strip() or is_array:
                raise Unreadable(problem if held else "the array has no end", held[:1_000])
            return
        held, wanted = held + more, 2 * wanted


def _between(held: str, place: int) -> int:
    match = _BETWEEN.match(held, place)
    return match.end() if match else place


def _text(text: io.TextIOWrapper, size: int) -> str:
    try:
        return text.read(size)
    except UnicodeDecodeError as error:
        raise Unreadable(f"not UTF-8: {error.reason}") from error

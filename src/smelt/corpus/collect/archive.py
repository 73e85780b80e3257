"""The records of a web archive, broken ones included, with FastWARC (Bevendorff et al. 2018).

FastWARC stops at the first broken record, and takes a shortened archive for a whole one. Here each record's length
and the archive's end are checked, and after a broken record reading goes on where the next begins: a bad block in a
large archive costs the pages in it, and no page is lost in silence.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import pyarrow as pa
from fastwarc.warc import ArchiveIterator, WarcRecord, WarcRecordType

from smelt.corpus.collect.sources import blame_file
from smelt.corpus.document import PREVIEW_BYTES, Unreadable

_TYPES = WarcRecordType.response | WarcRecordType.resource | WarcRecordType.conversion
_GZIP, _ZSTD = b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd"
_MARKS = re.compile(b"|".join(re.escape(mark) for mark in (_GZIP, _ZSTD, b"WARC/1.")))
"""How records begin: WARC files hold each in a gzip member or zstd frame of its own, or have them as they are."""
_LONGEST_MARK = 7


@dataclass(frozen=True, slots=True)
class Breakage:
    """Where an archive could not be read on."""

    place: str
    """The byte where the broken record begins, or else the one after the beginning of the last good record."""
    problem: Unreadable


@dataclass(frozen=True, slots=True)
class Block:
    """A record, and all that stands behind its header."""

    place: str
    """The byte where it begins; with a number behind it where several do."""
    record: WarcRecord
    content: bytes


class _Broken(Exception):
    """The archive cannot be read on from `offset`."""

    def __init__(self, offset: int, why: str, preview: bytes = b"") -> None:
        super().__init__(why)
        self.offset, self.why, self.preview = offset, why, preview


def archive_blocks(stream: BinaryIO, *, max_record: int) -> Iterator[Block | Breakage]:
    """The records of an archive that may hold documents, in order; those over `max_record` bytes are unreadable."""
    start: int | None = 0
    while start is not None:
        try:
            yield from _until_broken(stream, start, max_record)
            return
        except _Broken as broken:
            start = _next_record(stream, broken.offset + 1)
            onward = "nothing after it can be read" if start is None else f"reading goes on at byte {start}"
            yield Breakage(str(broken.offset), Unreadable(f"{broken.why}; {onward}", broken.preview))


def _until_broken(stream: BinaryIO, start: int, max_record: int) -> Iterator[Block]:
    stream.seek(start)
    offset, again = start - 1, 0
    try:
        for record in ArchiveIterator(stream, _TYPES, parse_http=False):
            # In a file that was gzipped as a whole, many records begin "at" one byte.
            again = again + 1 if record.stream_pos == offset else 0
            offset = record.stream_pos
            yield Block(f"{offset}.{again}" if again else str(offset), record, _content(record, max_record))
    except OSError as error:
        blame_file(error)
        preview = _peek(stream, start) if offset < start else b""
        raise _Broken(offset + 1, f"broken WARC record: {error}", preview) from error
    _check_end(stream, offset)


def _content(record: WarcRecord, max_record: int) -> bytes:
    if not (record.headers.get("Content-Length") or "").strip().isdecimal():
        raise _Broken(record.stream_pos, "a WARC record that does not say its length")
    expected = record.content_length
    content = record.reader.read(min(expected, max_record))
    if len(content) == expected:
        return content
    # A length over the limit may be a lie, and would swallow the records behind it: they are searched for.
    why = f"is over the limit of {max_record:,}" if expected > max_record else f"ends after {len(content):,}"
    raise _Broken(record.stream_pos, f"a WARC record of {expected:,} bytes {why}", content)


def _check_end(stream: BinaryIO, last: int) -> None:
    """Raises `_Broken` unless the archive ends as a whole one does; its last record begins at `last`."""
    # In a file that was gzipped as a whole nothing begins where FastWARC says: it is unpacked from its start.
    packed = _packing(stream, last) or _packing(stream, 0)
    try:
        if packed:
            place, compression = packed
            stream.seek(place)
            unpacked = pa.input_stream(stream, compression=compression)
            while unpacked.read(1 << 20):
                pass
        elif not _tail(stream).endswith((b"\r\n\r\n", b"\n\n")):
            raise OSError("the last record has no end")
    except OSError as error:
        blame_file(error)
        raise _Broken(last + 1, f"the WARC archive is cut off: {error}") from error


def _packing(stream: BinaryIO, place: int) -> tuple[int, str] | None:
    beginning = _peek(stream, place) if place >= 0 else b""
    found = [name for mark, name in ((_GZIP, "gzip"), (_ZSTD, "zstd")) if beginning.startswith(mark)]
    return (place, found[0]) if found else None


def _next_record(stream: BinaryIO, after: int) -> int | None:
    """The first byte from `after` on where a record begins that can be read."""
    while (place := _find_mark(stream, after)) is not None:
        if _begins_record(stream, place):
            return place
        after = place + 1
    return None


def _find_mark(stream: BinaryIO, after: int) -> int | None:
    stream.seek(after)
    window, window_start = b"", after
    while block := stream.read(1 << 20):
        window += block
        if found := _MARKS.search(window):
            return window_start + found.start()
        cut = max(len(window) - _LONGEST_MARK + 1, 0)
        window_start += cut
        window = window[cut:]
    return None


def _begins_record(stream: BinaryIO, place: int) -> bool:
    stream.seek(place)
    try:
        return next(iter(ArchiveIterator(stream, parse_http=False)), None) is not None
    except OSError as error:
        blame_file(error)
        return False


def _peek(stream: BinaryIO, place: int) -> bytes:
    stream.seek(place)
    return stream.read(PREVIEW_BYTES)


def _tail(stream: BinaryIO) -> bytes:
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(size - 4, 0))
    return stream.read()

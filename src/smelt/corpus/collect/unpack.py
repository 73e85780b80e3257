"""The bytes that are packed in a file: gzip, zstd, bzip2 and xz, over one another too, and never far more than that.

All that goes wrong in unpacking is an `OSError` without a number: it is the file's fault, not the disk's.
"""

from __future__ import annotations

import codecs
import io
import lzma
import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager
from typing import BinaryIO, cast

import pyarrow as pa

from smelt.corpus.collect.charset import BYTE_ORDER_MARKS
from smelt.corpus.collect.sources import Compression, SourceFile

MAX_RATIO, RATIO_FROM = 200, 64 * 2**20
"""How many times its packed size something may unpack to, once that is over RATIO_FROM bytes: text packs to a tenth, a
bomb to a thousandth (taste)."""
XZ_MEMORY = 256 * 2**20
"""What an xz stream may ask for: its strongest preset takes 65 MiB."""
MEMORY = 16 * 2**20
"""Bytes of something unpacked that are held in memory; more go to a temporary file."""
BUFFER = 1 << 18


def unpacked(file: SourceFile, stored: BinaryIO) -> io.BufferedReader:
    """What is packed in a file's stored bytes; reading raises `OSError` where it is cut, broken or a bomb."""
    stream = _buffered(stored.read)
    if not file.compressions:
        return stream
    size = stored.seek(0, os.SEEK_END)
    stored.seek(0)
    limit = most_unpacked(size)
    for compression in file.compressions:
        stream = _buffered(_Bounded(_opened(stream, compression), limit).read)
    if not stream.peek(1) and not size:
        raise OSError("the file is empty")
    return stream


@contextmanager
def seekable(file: SourceFile, stored: BinaryIO, *, leave: Collection[Compression] = ()) -> Generator[BinaryIO]:
    """What is packed in a file, for readers that jump: from a temporary file, unless it is not packed at all.

    What is packed once, by one of `leave`, is left as it is: FastWARC unpacks a record at a time.
    """
    if not file.compressions or (len(file.compressions) == 1 and file.compressions[0] in leave):
        yield stored
        return
    with tempfile.SpooledTemporaryFile(MEMORY) as content:
        shutil.copyfileobj(unpacked(file, stored), content, BUFFER)
        content.seek(0)
        yield cast("BinaryIO", content)


def most_unpacked(packed: int) -> int:
    """How many bytes may come out of so many: more is a bomb."""
    return max(RATIO_FROM, MAX_RATIO * packed)


def as_utf8(stream: io.BufferedReader) -> io.BufferedReader:
    """The same text as UTF-8, where a byte order mark says that it is UTF-16 or UTF-32."""
    beginning = stream.peek(4)
    for mark, encoding in BYTE_ORDER_MARKS[1:]:  # UTF-8 needs no other words
        if beginning.startswith(mark):
            stream.read(len(mark))
            return _buffered(_Recoded(stream, encoding).read)
    return stream


class _Pulled(io.RawIOBase):
    """A stream from a function that gives up to so many bytes; what that reads is closed by its owner."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._pull = read

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        block = self._pull(len(buffer))
        buffer[: len(block)] = block
        return len(block)


class _Bounded:
    """A stream that fails once too much has come out of it."""

    def __init__(self, stream: BinaryIO, limit: int) -> None:
        self._stream, self._limit, self._read = stream, limit, 0

    def read(self, size: int) -> bytes:
        block = self._stream.read(size)
        self._read += len(block)
        if self._read > self._limit:
            raise OSError(f"unpacks to more than {MAX_RATIO} times its size: a bomb")
        return block


class _Xz:
    """Xz streams, one after the other, within XZ_MEMORY: Python's own reader takes what the file asks for."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._decompressor: lzma.LZMADecompressor | None = None
        self._rest = b""

    def read(self, size: int) -> bytes:
        try:
            return self._read(size)
        except lzma.LZMAError as error:
            raise OSError(str(error)) from error

    def _read(self, size: int) -> bytes:
        while True:
            if self._decompressor is None or self._decompressor.eof:
                self._rest = self._rest.lstrip(b"\0") or self._stream.read(BUFFER).lstrip(b"\0")  # padding
                if not self._rest:
                    return b""
                self._decompressor = lzma.LZMADecompressor(memlimit=XZ_MEMORY)
            if self._decompressor.needs_input and not self._rest:
                self._rest = self._stream.read(BUFFER)
                if not self._rest:
                    raise OSError("Truncated compressed stream")
            block = self._decompressor.decompress(self._rest, size)
            self._rest = self._decompressor.unused_data
            if block:
                return block


class _Recoded:
    """Text of another encoding as UTF-8; half a character becomes a replacement."""

    def __init__(self, stream: BinaryIO, encoding: str) -> None:
        self._stream, self._rest = stream, b""
        self._decoder = codecs.getincrementaldecoder(encoding)(errors="replace")

    def read(self, size: int) -> bytes:
        while not self._rest:
            block = self._stream.read(BUFFER)
            self._rest = self._decoder.decode(block, final=not block).encode(errors="replace")
            if not block:
                break
        given, self._rest = self._rest[:size], self._rest[size:]
        return given


def _opened(stream: BinaryIO, compression: Compression) -> BinaryIO:
    if compression == "xz":
        return cast("BinaryIO", _Xz(stream))
    return cast("BinaryIO", pa.input_stream(stream, compression=compression))


def _buffered(read: Callable[[int], bytes]) -> io.BufferedReader:
    return io.BufferedReader(_Pulled(read), BUFFER)

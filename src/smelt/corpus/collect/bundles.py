"""Files that hold files: zip and tar. Each member is read as a file of its own name, `crawl.zip/2024/a.html#0`; the
second that goes by this name as `crawl.zip/+1/2024/a.html#0`.

Nothing is ever unpacked under a member's name: its bytes go to a temporary file without one. So a name that climbs
out of the archive can do no harm; it is unreadable all the same, as are links, devices, members under a password,
members that unpack to far more than was packed, and archives inside one another beyond a depth. Members whose names
tell no format are left aside, as in a folder.
"""

from __future__ import annotations

import lzma
import os
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import IO, BinaryIO, cast

from smelt.corpus.collect.reading import Reader, Reading
from smelt.corpus.collect.sources import SourceFile, format_of
from smelt.corpus.collect.unpack import MAX_RATIO, MEMORY, most_unpacked, seekable, unpacked
from smelt.corpus.document import Document, Unreadable

MAX_DEPTH = 3
"""Archives inside one another (taste)."""
ALL_FROM = 2**30
"""What all members of an archive may unpack to together, however small it is: some seconds (taste)."""
MAX_MEMBERS = 1_000_000
"""Names in an archive (taste): each costs time and memory, even where nothing is under it."""
BLOCK = 1 << 20
_BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    NotImplementedError,
    ValueError,
    OverflowError,
)
"""What Python's readers of archives raise of broken ones."""


class _Bomb(Exception):
    """An archive as a whole unpacks to too much."""


@dataclass(slots=True)
class _Room:
    """What may still come out of an archive and of all archives inside it."""

    left: int

    def take(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise _Bomb(f"its members together unpack to more than {MAX_RATIO} times its size: a bomb")


@dataclass(frozen=True, slots=True)
class _Entry:
    """What an archive lists."""

    name: str
    again: int
    """How many went by that name before."""
    packed: int
    opened: Callable[[], IO[bytes]]


@dataclass(frozen=True, slots=True)
class Member(SourceFile):
    """A file inside an archive, unpacked."""

    content: IO[bytes]
    room: _Room

    def open(self) -> BinaryIO:
        """Its bytes."""
        self.content.seek(0)
        return cast("BinaryIO", self.content)


def zip_documents(file: SourceFile, reading: Reading, read: Reader) -> Iterator[Document]:
    """The documents of all members of a zip archive, in the archive's order."""
    try:
        with file.open() as stored, seekable(file, stored) as content, zipfile.ZipFile(content) as archive:
            room = _room(file, stored)
            infos, seen = archive.infolist(), Counter[str]()
            if len(infos) > MAX_MEMBERS:
                raise _Bomb(f"{len(infos):,} members, over the limit of {MAX_MEMBERS:,}")
            for info in infos:
                if not info.is_dir():
                    opened = partial(_open_zip, archive, info)
                    entry = _Entry(info.filename, seen[info.filename], info.compress_size, opened)
                    seen[info.filename] += 1
                    yield from _member(file, entry, room, reading, read)
    except (_Bomb, *_BROKEN) as error:
        yield Unreadable(f"the archive cannot be read: {error}").document(f"{file.name}#0", source=file.name)


def tar_documents(file: SourceFile, reading: Reading, read: Reader) -> Iterator[Document]:
    """The documents of all members of a tar archive, in one pass over its unpacked bytes.

    An archive that was cut between two members looks whole, unless it was packed.
    """
    try:
        with file.open() as stored:
            room = _room(file, stored)
            stream, seen = unpacked(file, stored), Counter[str]()
            with tarfile.open(fileobj=stream, mode="r|") as archive:
                for number, info in enumerate(archive):
                    if number >= MAX_MEMBERS:
                        raise _Bomb(f"more than {MAX_MEMBERS:,} members")
                    if not info.isdir():
                        opened = partial(_open_tar, archive, info)
                        entry = _Entry(info.name, seen[info.name], max(file.bytes, 1), opened)
                        seen[info.name] += 1
                        yield from _member(file, entry, room, reading, read)
            while stream.read(BLOCK):  # to its very end, where packing tells whether it is whole
                pass
    except (_Bomb, *_BROKEN) as error:
        yield Unreadable(f"the archive cannot be read on: {error}").document(f"{file.name}#end", source=file.name)


def _room(file: SourceFile, stored: BinaryIO) -> _Room:
    """An archive inside another has what is left to that."""
    if isinstance(file, Member):
        return file.room
    size = stored.seek(0, os.SEEK_END)
    stored.seek(0)
    return _Room(max(most_unpacked(size), ALL_FROM))


def _open_zip(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> IO[bytes]:
    if info.flag_bits & 1:
        raise Unreadable("is under a password")
    return archive.open(info)


def _open_tar(archive: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    content = archive.extractfile(info) if info.isreg() else None
    if content is None:
        raise Unreadable("is a link or a device, not a file")
    return content


def _member(file: SourceFile, entry: _Entry, room: _Room, reading: Reading, read: Reader) -> Iterator[Document]:
    """The documents of one member, or one that says why it cannot be read."""
    again = f"+{entry.again}/" if entry.again else ""
    name = f"{file.name}/{again}{_writable(entry.name.lstrip('/'))}"
    try:
        _check_name(file, entry.name)
        told = format_of(entry.name)
        if told is None:
            return
        with tempfile.SpooledTemporaryFile(MEMORY) as content:
            size = _copy(entry, content, room)
            inner = Member(name, f"{file.url}/{_writable(entry.name)}", size, file.changed, told, content, room)
            yield from read(inner, reading)
    except Unreadable as problem:
        yield problem.document(f"{name}#0", source=file.name)


def _writable(name: str) -> str:
    """A name as text that can be stored: bytes that are no UTF-8 become surrogates, which cannot."""
    return name.encode(errors="backslashreplace").decode()


def _check_name(file: SourceFile, member: str) -> None:
    parts = PurePosixPath(member.replace("\\", "/")).parts
    if ".." in parts or member.startswith(("/", "\\")) or (parts and parts[0].endswith(":")):
        raise Unreadable("its name climbs out of the archive")
    if isinstance(file, Member) and _depth(file) > MAX_DEPTH:
        raise Unreadable(f"archives inside one another, more than {MAX_DEPTH} deep")


def _depth(file: SourceFile) -> int:
    """How many archives a name leads through."""
    return sum(format_of(part) in ("zip", "tar") for part in file.name.split("/"))


def _copy(entry: _Entry, content: IO[bytes], room: _Room) -> int:
    """Unpacks a member; gives its size."""
    size = 0
    try:
        with entry.opened() as stream:
            while block := stream.read(BLOCK):
                size += len(block)
                room.take(len(block))
                if size > most_unpacked(entry.packed):
                    raise Unreadable(f"unpacks to more than {MAX_RATIO} times its size: a bomb")
                content.write(block)
    except Unreadable:
        raise
    except _BROKEN as error:
        raise Unreadable(f"cannot be unpacked: {error}") from error
    return size

"""Files that hold files: zip and tar. Each member is read as a file of its own name, `crawl.zip/2024/a.html#0`.

Nothing is ever unpacked under a member's name: its bytes go to a temporary file without one. So a name that climbs
out of the archive can do no harm; it is unreadable all the same, as are links, devices, members under a password,
members that unpack to far more than was packed, and archives inside one another beyond a depth. Members whose names
tell no format are left aside, as in a folder.
"""

from __future__ import annotations

import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, BinaryIO, cast

from smelt.corpus.collect.sources import SourceFile, format_of
from smelt.corpus.document import Document, Unreadable

Reader = Callable[[SourceFile, int], Iterator[Document]]

MAX_DEPTH = 3
"""Archives inside one another (taste)."""
MAX_RATIO, RATIO_FROM = 200, 64 * 2**20
"""How many times its packed size a member may unpack to, once it is larger than RATIO_FROM bytes: text packs to a
tenth, a bomb to a thousandth (taste)."""
MEMORY = 16 * 2**20
"""Bytes of a member held in memory; more go to a temporary file."""
BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Member(SourceFile):
    """A file inside an archive, unpacked."""

    content: IO[bytes]

    def open(self) -> BinaryIO:
        """Its bytes."""
        self.content.seek(0)
        return cast("BinaryIO", self.content)


def zip_documents(file: SourceFile, stored: BinaryIO, max_record: int, read: Reader) -> Iterator[Document]:
    """The documents of all members of a zip archive, in the archive's order."""
    try:
        with zipfile.ZipFile(stored) as archive:
            for info in archive.infolist():
                opened = _open_zip(archive, info)
                if not info.is_dir():
                    yield from _member(file, info.filename, opened, info.compress_size, max_record, read)
    except zipfile.BadZipFile as error:
        yield Unreadable(f"the archive cannot be read: {error}").document(f"{file.name}#0", source=file.name)


def tar_documents(file: SourceFile, stored: BinaryIO, max_record: int, read: Reader) -> Iterator[Document]:
    """The documents of all members of a tar archive, in one pass over its unpacked bytes.

    An archive that was cut between two members looks whole, unless it was packed.
    """
    try:
        with tarfile.open(fileobj=stored, mode="r|") as archive:
            for info in archive:
                opened = _open_tar(archive, info)
                if not info.isdir():
                    yield from _member(file, info.name, opened, max(file.bytes, 1), max_record, read)
        while stored.read(BLOCK):  # to its very end, where packing tells whether it is whole
            pass
    except (tarfile.TarError, EOFError, zlib.error) as error:
        yield Unreadable(f"the archive cannot be read on: {error}").document(f"{file.name}#end", source=file.name)


def _open_zip(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Callable[[], IO[bytes]]:
    def opened() -> IO[bytes]:
        if info.flag_bits & 1:
            raise Unreadable("is under a password")
        return archive.open(info)

    return opened


def _open_tar(archive: tarfile.TarFile, info: tarfile.TarInfo) -> Callable[[], IO[bytes]]:
    def opened() -> IO[bytes]:
        content = archive.extractfile(info) if info.isreg() else None
        if content is None:
            raise Unreadable("is a link or a device, not a file")
        return content

    return opened


def _member(
    file: SourceFile, member: str, opened: Callable[[], IO[bytes]], packed: int, max_record: int, read: Reader
) -> Iterator[Document]:
    """The documents of one member, or one that says why it cannot be read."""
    name = f"{file.name}/{member.lstrip('/')}"
    try:
        _check_name(file, member)
        told = format_of(member)
        if told is None:
            return
        with tempfile.SpooledTemporaryFile(MEMORY) as content:
            size = _copy(opened, content, packed)
            inner = Member(name, f"{file.url}/{member}", size, file.changed, told, content)
            yield from read(inner, max_record)
    except Unreadable as problem:
        yield problem.document(f"{name}#0", source=file.name)


def _check_name(file: SourceFile, member: str) -> None:
    parts = PurePosixPath(member.replace("\\", "/")).parts
    if ".." in parts or member.startswith(("/", "\\")) or (parts and parts[0].endswith(":")):
        raise Unreadable("its name climbs out of the archive")
    if isinstance(file, Member) and _depth(file) > MAX_DEPTH:
        raise Unreadable(f"archives inside one another, more than {MAX_DEPTH} deep")


def _depth(file: SourceFile) -> int:
    """How many archives a name leads through."""
    return sum(format_of(part) in ("zip", "tar") for part in file.name.split("/"))


def _copy(opened: Callable[[], IO[bytes]], content: IO[bytes], packed: int) -> int:
    """Unpacks a member; gives its size."""
    size = 0
    try:
        with opened() as stream:
            while block := stream.read(BLOCK):
                size += len(block)
                if size > max(RATIO_FROM, MAX_RATIO * packed):
                    raise Unreadable(f"unpacks to more than {MAX_RATIO} times its size: a bomb")
                content.write(block)
    except (zipfile.BadZipFile, NotImplementedError, tarfile.TarError, EOFError, zlib.error) as error:
        raise Unreadable(f"cannot be unpacked: {error}") from error
    return size

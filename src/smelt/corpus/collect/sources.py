"""Which files a corpus is read from: patterns expanded to a listing, and the listing's digest.

A pattern is a file, a folder (all files below it whose names tell a format), a glob, or an fsspec URL of any of them.
A file is called by its place below the pattern's fixed parent, since document ids begin with that name and must
survive a move of the folder:

    crawl/a.warc.gz     a.warc.gz
    crawl               2024/a.warc.gz
    crawl/*/*.gz        2024/a.warc.gz
    s3://bucket/crawl/**  2024/a.warc.gz
"""

from __future__ import annotations

import errno
import hashlib
import os
import posixpath
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Any, BinaryIO, Literal, cast

import fsspec.core
import xxhash
from fsspec.implementations.local import LocalFileSystem
from fsspec.spec import AbstractFileSystem
from pydantic import JsonValue

from smelt.core.shards import canonical_json
from smelt.corpus.document import Unreadable
from smelt.errors import InputError

FileFormat = Literal[
    "warc", "html", "jsonl", "json", "csv", "parquet", "text", "markdown", "pdf", "epub", "mediawiki", "zip", "tar"
]

_FORMATS: dict[str, FileFormat] = {
    ".warc": "warc",
    ".wet": "warc",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".epub": "epub",
    ".zip": "zip",
    ".tar": "tar",
    ".tgz": "tar",
    ".tbz2": "tar",
    ".txz": "tar",
    ".txt": "text",
    ".md": "markdown",
    ".markdown": "markdown",
    ".pdf": "pdf",
}
_DUMP = re.compile(r"(?:wik|pages)[^/]*\.xml(?:-p\d+p\d+)?$", re.IGNORECASE)
"""Names of MediaWiki dumps, parts of them too (enwiki-20240101-pages-articles1.xml-p1p41242): other XML is none."""
Compression = Literal["gzip", "zstd", "bz2", "xz"]
_COMPRESSIONS: dict[str, Compression] = {
    ".gz": "gzip",
    ".zst": "zstd",
    ".bz2": "bz2",
    ".xz": "xz",
    ".tgz": "gzip",
    ".tbz2": "bz2",
    ".txz": "xz",
}
_UNREADABLE = (errno.EACCES, errno.EPERM, errno.ELOOP, errno.EISDIR)
"""What is wrong with one file, and not with the disk."""
MAX_COMPRESSIONS = 3
"""Packings of a file over one another (taste): a.jsonl.gz.xz has two."""
PACKED = ("parquet", "epub", "pdf", "zip", "tar")
UNPACKED = 4
"""Bytes of text to expect in a byte of a packed file: the quickstart's hold 3.3 to 6 (2026-11)."""
_CHANGED = ("mtime", "LastModified", "last_modified", "updated", "ETag", "etag", "created")
"""Where fsspec's file systems say when, or that, a file has changed."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file to read."""

    name: str
    """What document ids begin with."""
    url: str
    bytes: int
    """As stored, so packed where the file is; 0 where its file system does not know."""
    changed: str
    """When it was last changed, as its file system says it."""
    format: FileFormat

    @property
    def expected_bytes(self) -> int:
        """How much text to expect in it, about."""
        return self.bytes * UNPACKED if self.compressions or self.format in PACKED else self.bytes

    @property
    def compressions(self) -> tuple[Compression, ...]:
        """What the name says the bytes are packed with, the outermost first."""
        return _split(self.name)[1]

    def open(self) -> BinaryIO:
        """The stored bytes; `Unreadable` where they may not be read, `InputError` where they are gone."""
        try:
            system, path = _system(self.url)
            return cast("BinaryIO", system.open(path, "rb"))
        except OSError as error:
            if error.errno in _UNREADABLE or os.path.islink(self.url):
                raise Unreadable(f"cannot be opened: {error.strerror}") from error
            if not isinstance(error, FileNotFoundError):
                raise
            raise InputError(
                where=self.url, what=f"cannot be opened: {error.strerror or error}", do="see whether it is still there"
            ) from error


def expand(patterns: Sequence[str], *, file_format: FileFormat | Literal["auto"] = "auto") -> list[SourceFile]:
    """The files that the patterns match, by name; each once.

    Raises `InputError` where a pattern matches nothing, where a name tells no format, and where two different files
    would go by one name.
    """
    by_url: dict[str, SourceFile] = {}
    for pattern in patterns:
        for file in _matches(pattern, file_format):
            by_url.setdefault(file.url, file)
    files = sorted(by_url.values(), key=lambda file: file.name)
    for one, other in pairwise(files):
        if one.name == other.name:
            above = posixpath.commonpath([one.url, other.url])
            raise InputError(
                where=f"paths {' '.join(patterns)}",
                what=f"two files go by the name {one.name!r}: {one.url} and {other.url}",
                expected="names that differ, since they begin the documents' ids",
                do=f"match both by one pattern that is fixed above them only, such as {above}/*/{one.name}",
            )
    return files


def blame_file(error: OSError) -> None:
    """Raises `error` again unless it is the file's own: a disk or network that fails makes no file unreadable.

    What the system reports has a number; what a reader finds wrong in the bytes has none, or EINVAL where it was told
    by them to jump to before the file's beginning.
    """
    if error.errno not in (None, errno.EINVAL) or isinstance(error, ConnectionError | TimeoutError):
        raise error


def listing_digest(files: Iterable[SourceFile], *, of_contents: bool) -> str:
    """A digest of names, sizes and times of change, or of names and contents."""
    listing: list[JsonValue] = [
        [file.name, _content_digest(file)] if of_contents else [file.name, file.bytes, file.changed] for file in files
    ]
    return hashlib.sha256(canonical_json(listing).encode()).hexdigest()


def in_groups(files: Iterable[SourceFile], group_bytes: int) -> list[tuple[SourceFile, ...]]:
    """Neighbouring files together, up to `group_bytes` of expected text."""
    groups: list[list[SourceFile]] = []
    room = 0
    for file in files:
        if not groups or file.expected_bytes > room:
            groups.append([])
            room = group_bytes
        groups[-1].append(file)
        room -= file.expected_bytes
    return [tuple(group) for group in groups]


def _matches(pattern: str, file_format: FileFormat | Literal["auto"]) -> list[SourceFile]:
    system, path = _system(pattern)
    parent, found = _look(system, path)
    is_folder = parent == path
    files: list[SourceFile] = []
    for place, info in found.items():
        name = place.removeprefix(parent).lstrip("/")
        told = format_of(name) if file_format == "auto" else file_format
        if told is None and not is_folder:
            raise InputError(
                where=f"paths {pattern}",
                what=f"the name {name!r} tells no format",
                expected=f"a name that ends in one of {' '.join(_FORMATS)}, then .gz, .zst, .bz2, .xz or nothing",
                do='narrow the pattern, or say what the files are: format = "jsonl"',
            )
        if told is not None:
            url = place if isinstance(system, LocalFileSystem) else system.unstrip_protocol(place)
            files.append(SourceFile(name, url, int(info["size"] or 0), _changed(info), told))
    if not files:
        raise InputError(
            where=f"paths {pattern}",
            what=f"matches no file to read; looked at {path}",
            do="check the path: relative ones start from the recipe's folder, or else from where you are",
        )
    return files


def _system(url: str) -> tuple[AbstractFileSystem, str]:
    return cast("tuple[AbstractFileSystem, str]", fsspec.core.url_to_fs(url))


def _look(system: AbstractFileSystem, path: str) -> tuple[str, dict[str, dict[str, Any]]]:
    """The fixed parent of a pattern, and the files that match it with what the file system says of them."""
    if system.isfile(path):
        return path.rpartition("/")[0], {path: system.info(path)}
    if system.isdir(path):
        found = cast("dict[str, dict[str, Any]]", _find(system, path))
        hidden = [place for place in found if "/." in place.removeprefix(path)]
        return path, {place: info for place, info in found.items() if place not in hidden}
    fixed = re.split(r"[*?\[]", path, maxsplit=1)[0]
    found = cast("dict[str, dict[str, Any]]", system.glob(path, detail=True))
    return fixed.rpartition("/")[0], {place: info for place, info in found.items() if info["type"] == "file"}


def format_of(name: str) -> FileFormat | None:
    """What a name says a file is, None where it says nothing.

    >>> format_of("2024/a.jsonl.gz"), format_of("zhwiki-20240101-pages-articles.xml.bz2"), format_of("logo.png")
    ('jsonl', 'mediawiki', None)
    """
    bare, _ = _split(name)
    return "mediawiki" if _DUMP.search(bare) else _FORMATS.get(PurePosixPath(bare).suffix.lower())


def _split(name: str) -> tuple[str, tuple[Compression, ...]]:
    """A name without what it says of packing, and that."""
    found: list[Compression] = []
    while len(found) < MAX_COMPRESSIONS and (suffix := PurePosixPath(name).suffix.lower()) in _COMPRESSIONS:
        found.append(_COMPRESSIONS[suffix])
        if suffix in _FORMATS:
            break
        name = name[: -len(suffix)]
    return name, tuple(found)


def _find(system: AbstractFileSystem, folder: str) -> object:
    """All files below a folder; a folder that may not be looked into is told, and not left out in silence."""
    try:
        return system.find(folder, detail=True, on_error="raise")
    except PermissionError as error:
        raise InputError(
            where=f"paths {folder}",
            what=f"may not be looked into: {error.filename or error}",
            do="ask for the right to read it, or name the files that may be read",
        ) from error


def _changed(info: dict[str, Any]) -> str:
    return next((str(info[key]) for key in _CHANGED if key in info), "")


def _content_digest(file: SourceFile) -> str:
    digest = xxhash.xxh3_128()
    with file.open() as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()

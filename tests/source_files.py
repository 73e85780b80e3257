"""Files for tests of the readers: archives as crawlers write them, and sources to read them by."""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from pathlib import Path

from smelt.corpus.collect.formats import read_documents
from smelt.corpus.collect.reading import Reading
from smelt.corpus.collect.sources import expand
from smelt.corpus.document import Document

MAX_RECORD = 1 << 20


def read(*paths: Path | str, max_record: int = MAX_RECORD, columns: Mapping[str, str] | None = None) -> list[Document]:
    """All documents of all files."""
    reading = Reading(max_record=max_record, columns=columns or {})
    files = expand([str(path) for path in paths])
    return [document for file in files for document in read_documents(file, reading)]


def kept(documents: Sequence[Document]) -> list[str]:
    """The texts that were read."""
    return [document.text for document in documents if document.drop is None]


def problems(documents: Sequence[Document]) -> dict[str, str | None]:
    """What is wrong with the others, by id."""
    return {document.id: document.drop.detail for document in documents if document.drop is not None}


def warc_record(
    body: bytes,
    *,
    http: bytes = b"Content-Type: text/html",
    status: bytes = b"200 OK",
    uri: str = "http://example.org/",
    kind: str = "response",
) -> bytes:
    """A record of an HTTP response."""
    block = b"HTTP/1.1 " + status + b"\r\n" + http + b"\r\n\r\n" + body
    return record(block, uri=uri, kind=kind, media_type="application/http; msgtype=response")


def record(block: bytes, *, uri: str = "http://example.org/", kind: str = "resource", media_type: str) -> bytes:
    """A WARC record."""
    header = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Record-ID: <urn:uuid:8ac8ad20-0000-4000-8000-000000000000>\r\n"
        f"WARC-Target-URI: {uri}\r\nWARC-Date: 2021-05-04T03:02:01Z\r\nContent-Type: {media_type}\r\n"
        f"Content-Length: {len(block)}\r\n\r\n"
    )
    return header.encode() + block + b"\r\n\r\n"


def packed(records: Sequence[bytes]) -> bytes:
    """Records as most archives hold them: each in a gzip member of its own."""
    return b"".join(gzip.compress(record, mtime=0) for record in records)

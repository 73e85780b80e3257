"""Files to documents, one record at a time, by format.

A record that cannot be read becomes a document that is dropped as `unreadable`, with its place and what is wrong with
it, and reading goes on behind it. However large a record is, no more than `max_record` bytes of it are held (a Parquet
file aside, which is unpacked some rows at a time).
"""

from __future__ import annotations

from collections.abc import Iterator

from smelt.corpus.collect.books import book_documents
from smelt.corpus.collect.bundles import tar_documents, zip_documents
from smelt.corpus.collect.dumps import dump_documents
from smelt.corpus.collect.lines import json_documents, line_documents
from smelt.corpus.collect.pages import page_documents, pdf_documents
from smelt.corpus.collect.reading import Reader, Reading
from smelt.corpus.collect.sources import FileFormat, SourceFile, blame_file
from smelt.corpus.collect.tables import csv_documents, parquet_documents
from smelt.corpus.collect.warc import warc_documents
from smelt.corpus.document import Document, Unreadable


def read_documents(file: SourceFile, reading: Reading) -> Iterator[Document]:
    """The documents of a file, in order; what is wrong with the file as a whole is one unreadable record."""
    try:
        yield from _READERS[file.format](file, reading)
    except Unreadable as problem:
        yield problem.document(f"{file.name}#0", source=file.name)
    except OSError as error:
        blame_file(error)
        yield Unreadable(str(error)).document(f"{file.name}#0", source=file.name)


def _zip(file: SourceFile, reading: Reading) -> Iterator[Document]:
    return zip_documents(file, reading, read_documents)


def _tar(file: SourceFile, reading: Reading) -> Iterator[Document]:
    return tar_documents(file, reading, read_documents)


_READERS: dict[FileFormat, Reader] = {
    "warc": warc_documents,
    "html": page_documents,
    "text": page_documents,
    "markdown": page_documents,
    "pdf": pdf_documents,
    "jsonl": line_documents,
    "json": json_documents,
    "csv": csv_documents,
    "parquet": parquet_documents,
    "epub": book_documents,
    "mediawiki": dump_documents,
    "zip": _zip,
    "tar": _tar,
}

"""EPUB: a book as one document, its chapters in the order of reading, with title, author, date and language.

An EPUB is a zip archive: META-INF/container.xml names a package file, whose spine lists the chapters, which are XHTML.
"""

from __future__ import annotations

import json
import lzma
import posixpath
import struct
import zipfile
import zlib
from collections.abc import Iterator
from urllib.parse import unquote
from xml.etree import ElementTree

from smelt.corpus.collect.reading import Reading
from smelt.corpus.collect.rows import plausible_date
from smelt.corpus.collect.sources import SourceFile
from smelt.corpus.collect.unpack import seekable
from smelt.corpus.document import Document, Unreadable

CONTAINER = "META-INF/container.xml"
ABOUT = ("title", "creator", "date", "language", "rights")
_BROKEN = (
    zipfile.BadZipFile,
    ElementTree.ParseError,
    KeyError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    ValueError,
    struct.error,
)
"""What Python's readers of zip and XML raise of broken files."""
DUBLIN_CORE = "{http://purl.org/dc/elements/1.1/}"


def book_documents(file: SourceFile, reading: Reading) -> Iterator[Document]:
    """The one book in an EPUB; `Unreadable` where there is none, or where it is over `max_record` when unpacked."""
    try:
        with file.open() as stored, seekable(file, stored) as content, zipfile.ZipFile(content) as archive:
            package_path = _package_path(archive, reading.max_record)
            package = _parsed(_read(archive, package_path, reading.max_record), package_path)
            chapters = _chapters(package, posixpath.dirname(package_path))
            text = _text(archive, chapters, reading.max_record)
    except Unreadable:
        raise
    except _BROKEN as error:
        raise Unreadable(f"not an EPUB that can be read: {error}") from error
    about = {name: package.findtext(f".//{DUBLIN_CORE}{name}") for name in ABOUT}
    yield Document(
        f"{file.name}#0",
        text,
        source=file.name,
        date=plausible_date(about["date"]),
        language=about["language"],
        meta=json.dumps({name: value for name, value in about.items() if value}, ensure_ascii=False),
    )


def _parsed(content: bytes, name: str) -> ElementTree.Element:
    """The document's root; entities of its own are refused, since ten lines of them unpack to a billion."""
    if b"<!ENTITY" in content.replace(b"\0", b""):  # in UTF-16 too
        raise Unreadable(f"{name} declares entities of its own")
    return ElementTree.fromstring(content)


def _package_path(archive: zipfile.ZipFile, max_record: int) -> str:
    container = _parsed(_read(archive, CONTAINER, max_record), CONTAINER)
    found = container.find(".//{*}rootfile")
    if found is None:
        raise Unreadable(f"not an EPUB that can be read: {CONTAINER} names no package")
    return found.attrib.get("full-path", "")


def _chapters(package: ElementTree.Element, folder: str) -> list[str]:
    files = {item.attrib.get("id"): item.attrib.get("href", "") for item in package.iterfind(".//{*}manifest/{*}item")}
    places = (files.get(item.attrib.get("idref")) for item in package.iterfind(".//{*}spine/{*}itemref"))
    return [posixpath.normpath(posixpath.join(folder, unquote(place))) for place in places if place]


def _text(archive: zipfile.ZipFile, chapters: list[str], max_record: int) -> str:
    from resiliparse.extract.html2text import extract_plain_text

    texts: list[str] = []
    left = max_record
    for chapter in chapters:
        page = _read(archive, chapter, left)
        left -= len(page)
        texts.append(extract_plain_text(page.decode("utf-8", "replace"), main_content=False).strip())
    return "\n\n".join(text for text in texts if text)


def _read(archive: zipfile.ZipFile, name: str, room: int) -> bytes:
    if archive.getinfo(name).flag_bits & 1:
        raise Unreadable("is under a password")
    with archive.open(name) as stream:
        content = stream.read(room + 1)
    if len(content) > room:
        raise Unreadable("a book that is over the limit when unpacked")
    return content

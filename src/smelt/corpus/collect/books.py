"""EPUB: a book as one document, its chapters in the order of reading, with title, author, date and language.

An EPUB is a zip archive: META-INF/container.xml names a package file, whose spine lists the chapters, which are XHTML.
"""

from __future__ import annotations

import json
import posixpath
import zipfile
import zlib
from typing import BinaryIO
from urllib.parse import unquote
from xml.etree import ElementTree

from smelt.corpus.collect.sources import SourceFile
from smelt.corpus.document import Document, Unreadable

CONTAINER = "META-INF/container.xml"
ABOUT = ("title", "creator", "date", "language", "rights")
DUBLIN_CORE = "{http://purl.org/dc/elements/1.1/}"


def book_document(file: SourceFile, stored: BinaryIO, max_record: int) -> Document:
    """The book in an EPUB; `Unreadable` where it is none, or over `max_record` bytes when unpacked."""
    try:
        with zipfile.ZipFile(stored) as archive:
            package_path = _package_path(archive, max_record)
            package = ElementTree.fromstring(_read(archive, package_path, max_record))
            chapters = _chapters(package, posixpath.dirname(package_path))
            text = _text(archive, chapters, max_record)
    except (zipfile.BadZipFile, ElementTree.ParseError, KeyError, zlib.error, EOFError, NotImplementedError) as error:
        raise Unreadable(f"not an EPUB that can be read: {error}") from error
    about = {name: package.findtext(f".//{DUBLIN_CORE}{name}") for name in ABOUT}
    date = about["date"] or ""
    return Document(
        f"{file.name}#0",
        text,
        source=file.name,
        date=date if date[:4].isdecimal() and len(date) in (4, 10) else None,
        language=about["language"],
        meta=json.dumps({name: value for name, value in about.items() if value}, ensure_ascii=False),
    )


def _package_path(archive: zipfile.ZipFile, max_record: int) -> str:
    container = ElementTree.fromstring(_read(archive, CONTAINER, max_record))
    found = container.find(".//{*}rootfile")
    if found is None:
        raise Unreadable(f"not an EPUB that can be read: {CONTAINER} names no package")
    return found.attrib["full-path"]


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

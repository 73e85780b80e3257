"""The same documents in every format that is read: what the fuzz campaign mutates and what reading is measured on."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from xml.sax.saxutils import escape

import polars as pl
import zstandard

SITEINFO = (
    '<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="{language}">\n'
    "  <siteinfo>\n    <sitename>Ironpedia</sitename>\n    <dbname>{language}wiki</dbname>\n"
    "    <base>https://{language}.wiki.example/wiki/Main_Page</base>\n    <generator>MediaWiki 1.44.0</generator>\n"
    '    <case>first-letter</case>\n    <namespaces>\n      <namespace key="0" case="first-letter" />\n'
    '      <namespace key="1" case="first-letter">Talk</namespace>\n'
    '      <namespace key="6" case="first-letter">File</namespace>\n'
    '      <namespace key="10" case="first-letter">Template</namespace>\n'
    '      <namespace key="14" case="first-letter">{category}</namespace>\n    </namespaces>\n  </siteinfo>\n'
)
CONTAINER = (
    '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles><rootfile '
    'full-path="book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
)
PACKAGE = (
    '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata>'
    "<dc:title>A book</dc:title><dc:language>en</dc:language></metadata>"
    "<manifest>{items}</manifest><spine>{refs}</spine></package>"
)


def web_archive(pages: Sequence[str], *, kind: str = "response") -> bytes:
    """WARC records: pages as responses, or texts as the conversions of a WET file."""
    return b"".join(web_records(pages, kind=kind))


def web_records(pages: Sequence[str], *, kind: str = "response") -> list[bytes]:
    """The records one by one: most archives pack each in a gzip member of its own."""
    return [_record(page.encode(errors="replace"), number, kind) for number, page in enumerate(pages)]


def json_lines(texts: Sequence[str]) -> bytes:
    """A row a line."""
    return b"".join(json.dumps({"text": text, "date": "2024-01-01"}).encode() + b"\n" for text in texts)


def json_array(texts: Sequence[str]) -> bytes:
    """An array of rows, printed pretty."""
    return json.dumps([{"text": text, "url": "https://example.org"} for text in texts], indent=1).encode()


def table(texts: Sequence[str], separator: str = ",") -> bytes:
    """CSV, or TSV."""
    frame = pl.DataFrame({"text": texts, "number": range(len(texts))})
    return frame.write_csv(separator=separator).encode()


def parquet(texts: Sequence[str]) -> bytes:
    """A Parquet file."""
    held = io.BytesIO()
    pl.DataFrame({"text": texts, "number": range(len(texts))}).write_parquet(held)
    return held.getvalue()


def markdown(texts: Sequence[str]) -> bytes:
    """A text with front matter."""
    return ("---\ntitle: A text\ndate: 2024-01-01\ntags: [one, two]\n---\n" + "\n\n".join(texts)).encode()


def book(texts: Sequence[str]) -> bytes:
    """An EPUB, a chapter a text."""
    names = range(len(texts))
    items = "".join(f'<item id="c{n}" href="{n}.xhtml"/>' for n in names)
    refs = "".join(f'<itemref idref="c{n}"/>' for n in names)
    chapters = {f"{n}.xhtml": f"<html><body><p>{escape(text)}</p></body></html>" for n, text in enumerate(texts)}
    package = PACKAGE.format(items=items, refs=refs)
    return zipped({"META-INF/container.xml": CONTAINER, "book.opf": package, **chapters})


def dump(articles: Sequence[str], *, language: str = "en", category: str = "Category") -> bytes:
    """A MediaWiki dump of articles in wikitext, in the export schema 0.11."""
    pages = "".join(dump_page(f"Article {number}", text) for number, text in enumerate(articles))
    return (SITEINFO.format(language=language, category=category) + pages + "</mediawiki>\n").encode()


def dump_page(title: str, wikitext: str, *, space: int = 0, redirect: str | None = None) -> str:
    """A page of a dump."""
    to = f'    <redirect title="{redirect}" />\n' if redirect else ""
    return (
        f"  <page>\n    <title>{escape(title)}</title>\n    <ns>{space}</ns>\n    <id>7</id>\n{to}    <revision>\n"
        "      <id>71</id>\n      <timestamp>2024-05-06T07:08:09Z</timestamp>\n      <contributor>\n"
        "        <username>Smith</username>\n        <id>1</id>\n      </contributor>\n      <model>wikitext</model>\n"
        f'      <format>text/x-wiki</format>\n      <text bytes="{len(wikitext.encode())}" xml:space="preserve">'
        f"{escape(wikitext)}</text>\n      <sha1>x</sha1>\n    </revision>\n  </page>\n"
    )


def pdf(pages: Sequence[str]) -> bytes:
    """A PDF of one font that has the characters of all pages under numbers of two bytes, as most programs write it."""
    alphabet = sorted(set("".join(pages)) - {"\n"})[:60_000]
    codes = {character: number + 1 for number, character in enumerate(alphabet)}
    chars = "".join(f"<{code:04x}> <{c.encode('utf-16-be').hex()}>\n" for c, code in codes.items())
    cmap = (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def 1 begincodespacerange <0000> "
        f"<ffff> endcodespacerange {len(codes)} beginbfchar\n{chars}endbfchar endcmap end end"
    )
    first = 6
    kids = " ".join(f"{first + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Kids[{kids}]/Count {len(pages)}>>",
        "<</Type/Font/Subtype/Type0/BaseFont/X/Encoding/Identity-H/DescendantFonts[4 0 R]/ToUnicode 5 0 R>>",
        "<</Type/Font/Subtype/CIDFontType2/BaseFont/X/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)"
        "/Supplement 0>>/DW 500/FontDescriptor<</Type/FontDescriptor/FontName/X/Flags 4/FontBBox[0 0 1000 1000]"
        "/ItalicAngle 0/Ascent 800/Descent -200/CapHeight 700/StemV 80>>>>",
        _stream(cmap),
    ]
    for number, page in enumerate(pages):
        content = first + 2 * number + 1
        objects.append(
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Resources<</Font<</F 3 0 R>>>>/Contents {content} 0 R>>"
        )
        objects.append(_stream(_shown(page, codes)))
    return _numbered(objects)


def zipped(members: Mapping[str, bytes | str]) -> bytes:
    """A zip archive."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return held.getvalue()


def tarred(members: Mapping[str, bytes]) -> bytes:
    """A tar archive."""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return held.getvalue()


PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".zst": zstandard.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}
"""What the names of packed files end in."""


def wrapped(pages: Sequence[str], texts: Sequence[str]) -> dict[str, bytes]:
    """Pages of HTML and texts in every format, by a name that tells it."""
    plain: dict[str, bytes] = {
        "page.html": pages[0].encode(errors="replace"),
        "text.txt": texts[0].encode(),
        "text.md": markdown(texts),
        "rows.jsonl": json_lines(texts),
        "rows.json": json_array(texts),
        "rows.csv": table(texts),
        "rows.tsv": table(texts, "\t"),
    }
    return {
        **plain,
        "crawl.warc": web_archive(pages),
        "crawl.wet": web_archive(texts, kind="conversion"),
        "rows.parquet": parquet(texts),
        "book.epub": book(texts),
        "paper.pdf": pdf([text[:2_000] for text in texts]),
        "wiki.xml": dump([f"== One ==\n{{{{Box|a=b}}}}\n* '''x''' [[y|z]]<ref>r</ref>\n{text}" for text in texts]),
        "all.zip": zipped(plain),
        "all.tar": tarred(plain),
    }


def _record(body: bytes, number: int, kind: str) -> bytes:
    media = "text/plain" if kind == "conversion" else "application/http; msgtype=response"
    block = body if kind == "conversion" else b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + body
    header = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Record-ID: <urn:uuid:8ac8ad20-0000-4000-8000-{number:012}>\r\n"
        f"WARC-Target-URI: https://example.org/{number}\r\nWARC-Date: 2024-05-04T03:02:01Z\r\n"
        f"WARC-Identified-Content-Language: zho,eng\r\nContent-Type: {media}\r\nContent-Length: {len(block)}\r\n\r\n"
    )
    return header.encode() + block + b"\r\n\r\n"


def _shown(page: str, codes: Mapping[str, int]) -> str:
    lines = ("".join(f"{codes.get(c, 0):04x}" for c in line) for line in page.split("\n"))
    return "BT /F 10 Tf 12 TL 40 780 Td " + " ".join(f"<{line}> Tj T*" for line in lines) + " ET"


def _stream(content: str) -> str:
    return f"<</Length {len(content)}>>stream\n{content}\nendstream"


def _numbered(objects: Sequence[str]) -> bytes:
    body, places = b"%PDF-1.7\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(body))
        body += f"{number} 0 obj\n{content}\nendobj\n".encode()
    table_of = "".join(f"{place:010} 00000 n \n" for place in places)
    end = (
        f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table_of}trailer\n<</Root 1 0 R/Size {len(objects) + 1}>>\n"
    )
    return body + f"{end}startxref\n{len(body)}\n%%EOF\n".encode()

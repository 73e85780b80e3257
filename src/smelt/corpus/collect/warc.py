"""The pages of a web archive.

A document is a `response`, `resource` or `conversion` record of HTML or plain text; its id names the byte where the
record begins. Requests, metadata and the like are no documents; a response that is an error or an image is dropped as
`not_text`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial

from fastwarc.stream_io import BrotliReader, ChunkedReader, GzipReader, WarcReader, ZstdReader
from fastwarc.warc import WarcRecord

from smelt.corpus.collect.archive import Block, Breakage, archive_blocks
from smelt.corpus.collect.charset import decode
from smelt.corpus.collect.reading import Reading
from smelt.corpus.collect.rows import plausible_date
from smelt.corpus.collect.sources import SourceFile
from smelt.corpus.collect.unpack import seekable
from smelt.corpus.document import Document, Drop, Format, Unreadable

NOT_TEXT = "not_text"
"""The reason of responses that are no pages: errors, redirects, images."""

DATING = ("last-modified", "date")
"""HTTP headers that are kept under `http` in `meta`: what a document's date falls back on (extract/dates.py)."""

_FORMATS: dict[str, Format] = {"text/html": "html", "application/xhtml+xml": "html", "text/plain": "text"}
_DECODERS: dict[str, Callable[[WarcReader], WarcReader]] = {
    "gzip": GzipReader,
    "x-gzip": GzipReader,
    "deflate": partial(GzipReader, zlib=True),
    "br": BrotliReader,
    "zstd": ZstdReader,
}


_CODES = (
    "afr:af ara:ar aze:az bel:be ben:bn bos:bs bul:bg cat:ca ces:cs cym:cy dan:da deu:de ell:el eng:en epo:eo "
    "est:et eus:eu fas:fa fin:fi fra:fr gle:ga glg:gl guj:gu heb:he hin:hi hrv:hr hun:hu hye:hy ind:id isl:is "
    "ita:it jpn:ja kan:kn kat:ka kaz:kk khm:km kor:ko lat:la lav:lv lit:lt mal:ml mar:mr mkd:mk mon:mn msa:ms "
    "mya:my nep:ne nld:nl nno:nn nor:no pan:pa pol:pl por:pt ron:ro rus:ru sin:si slk:sk slv:sl spa:es sqi:sq "
    "srp:sr swa:sw swe:sv tam:ta tel:te tgl:tl tha:th tur:tr ukr:uk urd:ur uzb:uz vie:vi zho:zh"
)
_LANGUAGES = {pair[:3]: pair[4:] for pair in _CODES.split()}
"""ISO 639-3, which WET files have, to 639-1, which documents have, for the common languages of the web."""


@dataclass(frozen=True, slots=True)
class _Payload:
    """What a record carries, once its HTTP envelope is taken off."""

    body: bytes
    media_type: str | None
    charset: str | None = None
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict[str, str])
    """Those of `DATING`, by name."""


def warc_documents(file: SourceFile, reading: Reading) -> Iterator[Document]:
    """The documents of a web archive, in order."""
    with file.open() as stored, seekable(file, stored, leave=("gzip", "zstd")) as stream:
        seen: Counter[str] = Counter()
        for found in archive_blocks(stream, max_record=reading.max_record):
            again = seen[found.place]  # reading may begin anew inside a broken record
            seen[found.place] += 1
            place = f"{file.name}#{found.place}" + (f"+{again}" if again else "")
            try:
                if isinstance(found, Breakage):
                    raise found.problem
                yield _document(found, place, file.name, reading.max_record)
            except Unreadable as problem:
                yield problem.document(place, source=file.name)


def _document(block: Block, place: str, name: str, max_record: int) -> Document:
    record = block.record
    date = record.record_date
    about = Document(
        id=place,
        text="",
        url=record.headers.get("WARC-Target-URI"),
        source=name,
        date=plausible_date(date.strftime("%Y-%m-%dT%H:%M:%SZ")) if date else None,
        language=_language(record),
    )
    payload = _payload(block, max_record)
    if payload.status is not None and not 200 <= payload.status < 300:
        return replace(about, drop=Drop(NOT_TEXT, detail=f"HTTP status {payload.status}"))
    form = _format(payload)
    if form is None:
        return replace(about, drop=Drop(NOT_TEXT, detail=payload.media_type or "no media type"))
    text, encoding = decode(payload.body, charset=payload.charset, is_html=form == "html")
    meta = {"encoding": encoding, **({"http": payload.headers} if payload.headers else {})}
    return replace(about, text=text, format=form, meta=json.dumps(meta))


def _language(record: WarcRecord) -> str | None:
    """What a WET record was identified as: the first of `zho,eng`, by its two letters where it is a common one."""
    first = (record.headers.get("WARC-Identified-Content-Language") or "").partition(",")[0].strip()
    return _LANGUAGES.get(first, first) or None


def _payload(block: Block, max_record: int) -> _Payload:
    record, content = block.record, block.content
    if not record.is_http:
        return _Payload(content, record.headers.get("Content-Type"))
    response = WarcRecord()
    response.init_headers(record.record_type)
    response.set_bytes_content(content)
    response.is_http = True
    try:
        response.parse_http()
        body = _unpacked(response, max_record)
    except OSError as error:
        raise Unreadable(f"broken HTTP response: {error}", content) from error
    headers = response.http_headers
    dating = {name: value for name in DATING if (value := headers.get(name))}
    return _Payload(body, response.http_content_type, response.http_charset, headers.status_code, dating)


def _unpacked(response: WarcRecord, max_record: int) -> bytes:
    """The body without its transfer and content encodings, unpacked no further than `max_record`."""
    reader: WarcReader = response.reader
    headers = response.http_headers
    if "chunked" in (headers.get("Transfer-Encoding") or "").lower():
        reader = ChunkedReader(reader)
    for encoding in reversed((headers.get("Content-Encoding") or "identity").lower().split(",")):
        if encoding.strip() in _DECODERS:
            reader = _DECODERS[encoding.strip()](reader)
        elif encoding.strip() != "identity":
            raise Unreadable(f"Content-Encoding {encoding.strip()!r} is not known")
    body = reader.read(max_record + 1)
    if len(body) > max_record:
        raise Unreadable(f"a page of over {max_record:,} bytes once unpacked", body)
    return body


def _format(payload: _Payload) -> Format | None:
    if payload.media_type is None:  # old archives: take what looks like a page for one
        return "html" if payload.body.lstrip()[:1] == b"<" else None
    return _FORMATS.get(payload.media_type.partition(";")[0].strip().lower())

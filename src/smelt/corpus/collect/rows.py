"""Rows of JSONL and Parquet to documents: the fields a document has by name, all others as `meta`.

text                  required, a string
url, source, domain   taken as they are
lang or language      the source's own label: `language`, and in `meta` too, where it outlives the op that
                      identifies languages anew
date                  taken if it begins with a year; in `meta` too if it does not
anything else         `meta`; so is the row's own `id`, since ours names the record
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Mapping

from smelt.corpus.document import Document, Unreadable

_TAKEN = ("text", "url", "source", "domain")
_DATE = re.compile(r"\d{4}(-\d\d(-\d\d.*)?)?", re.ASCII)


def document_of(row: object, *, document_id: str, source: str) -> Document:
    """The document in a row, of the source it names or else of `source`; `Unreadable` where there is none."""
    if not isinstance(row, Mapping):
        raise Unreadable(f"a JSON {_kind(row)}, not an object")
    fields = {str(name): value for name, value in row.items()}
    text = fields.get("text")
    if not isinstance(text, str):
        has = f"'text' is {_kind(text)}" if "text" in fields else f"no 'text' among {', '.join(fields) or 'no fields'}"
        raise Unreadable(f"{has}; expected a string")
    if "\0" in text:
        raise Unreadable(f"a NUL character at {text.index(chr(0))}: not a text")
    document = Document(
        id=document_id,
        text=text,
        url=_string(fields.get("url")),
        source=_string(fields.get("source")) or source,
        date=_date(fields.get("date")),
        language=_string(fields.get("language", fields.get("lang"))),
        domain=_string(fields.get("domain")),
        meta=_meta(fields),
    )
    _check_surrogates(document)
    return document


def _meta(fields: Mapping[str, object]) -> str | None:
    taken = {*_TAKEN, *(["date"] if _date(fields.get("date")) else [])}
    rest = {name: value for name, value in fields.items() if name not in taken and value is not None}
    return json.dumps(rest, ensure_ascii=False, sort_keys=True, default=str) if rest else None


def _date(value: object) -> str | None:
    if isinstance(value, datetime.date):
        return value.isoformat()
    text = str(value) if isinstance(value, str | int) else ""
    return text if _DATE.fullmatch(text) else None


def _string(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _check_surrogates(document: Document) -> None:
    for name in ("text", "url", "source", "language", "domain", "date", "meta"):
        value = getattr(document, name)
        try:
            (value or "").encode()
        except UnicodeEncodeError as error:
            raise Unreadable(f"half a surrogate pair at {error.start} of {name!r}") from error


def _kind(value: object) -> str:
    kinds = {
        "NoneType": "null",
        "bool": "boolean",
        "int": "number",
        "float": "number",
        "str": "string",
        "list": "array",
    }
    return kinds.get(type(value).__name__, type(value).__name__)

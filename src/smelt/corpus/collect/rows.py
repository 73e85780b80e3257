"""Rows of JSON, CSV and Parquet to documents: the fields a document has by name, all others as `meta`.

text                  required, a string; or a page under a name that the user gives to `html`
url, source, domain   taken as they are
lang or language      the source's own label: `language`, and in `meta` too, where it outlives the op that
                      identifies languages anew
date                  taken if it is one (see `plausible_date`); in `meta` too if it is not
anything else         `meta`, as `title` and `author`; so is the row's own `id`, since ours names the record

Each may stand under another name, inside other fields too: `{"text": "message.content"}`.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterator, Mapping
from typing import cast

from smelt.corpus.document import Document, Unreadable

COLUMNS = ("text", "html", "url", "source", "date", "language", "domain", "title", "author", "id")
"""What a row can say of a document, and what may stand under another name."""
FIRST_YEAR, LAST_YEAR = 1000, 2100
"""Years that documents are from: before lie defaults such as 0001-01-01, behind lie errors (taste)."""
SHOWN = 20
"""Fields of a row that are told where the one looked for is not there."""

_TAKEN = ("text", "url", "source", "domain")
_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d).*)?)?", re.ASCII)


def document_of(row: object, *, document_id: str, source: str, columns: Mapping[str, str] | None = None) -> Document:
    """The document in a row, of the source it names or else of `source`; `Unreadable` where there is none."""
    if not isinstance(row, Mapping):
        raise Unreadable(f"a JSON {_kind(row)}, not an object")
    fields = {str(name): value for name, value in cast("Mapping[object, object]", row).items()}
    names = {"text" if ours == "html" else ours: theirs for ours, theirs in (columns or {}).items()}
    if names:
        fields = _renamed(fields, names)
    text = fields.get("text")
    if not isinstance(text, str):
        raise Unreadable(_without_text(fields, names.get("text", "text")))
    if "\0" in text:
        raise Unreadable(f"a NUL character at {text.index(chr(0))}: not a text")
    document = Document(
        id=document_id,
        text=text,
        url=_string(fields.get("url")),
        source=_string(fields.get("source")) or source,
        date=plausible_date(fields.get("date")),
        language=_string(fields.get("language", fields.get("lang"))),
        domain=_string(fields.get("domain")),
        format="html" if "html" in (columns or {}) else "text",
        meta=_meta(fields),
    )
    _check_surrogates(document)
    return document


def check_columns(columns: Mapping[str, str]) -> None:
    """`ValueError` where a column is named for what no document has, or both for a text and for a page."""
    unknown = [name for name in columns if name not in COLUMNS]
    if unknown:
        raise ValueError(f"a document has no column {unknown[0]!r}; expected one of {', '.join(COLUMNS)}")
    if {"text", "html"} <= columns.keys():
        raise ValueError("both 'text' and 'html' are named; expected one of them: what a document says, or its page")


def plausible_date(value: object) -> str | None:
    """An ISO 8601 date, or a prefix of one, that a document can be from; None of anything else.

    >>> [plausible_date(value) for value in ("2024-02-29", "1998", "2023-02-29", "0001-01-01", "3000", "last May")]
    ['2024-02-29', '1998', None, None, None, None]
    """
    if isinstance(value, datetime.date):
        value = value.isoformat()
    text = str(value) if isinstance(value, str | int) else ""
    match = _DATE.fullmatch(text)
    if match is None or not FIRST_YEAR <= int(match[1]) <= LAST_YEAR:
        return None
    try:
        datetime.date(int(match[1]), int(match[2] or 1), int(match[3] or 1))
    except ValueError:
        return None
    return text


def _renamed(fields: dict[str, object], columns: Mapping[str, str]) -> dict[str, object]:
    """The fields with those that `columns` names under our names, taken from where they stood."""
    found = {ours: _taken(fields, theirs.split(".")) for ours, theirs in columns.items()}
    rest = {name: value for name, value in fields.items() if name not in columns}
    theirs = {
        f"{name}_": fields[name] for name in columns if name in fields
    }  # what has our name, and is something else
    return {**rest, **theirs, **{name: value for name, value in found.items() if value is not None}}


def _taken(fields: dict[str, object], path: list[str]) -> object:
    """Takes what stands at the path out of the fields; they change, what is inside them is copied."""
    whole = ".".join(path)
    if len(path) == 1 or whole in fields:
        return fields.pop(whole, None)
    inner = fields.get(path[0])
    if not isinstance(inner, Mapping):
        return None
    copied = {str(name): value for name, value in cast("Mapping[object, object]", inner).items()}
    value = _taken(copied, path[1:])
    fields[path[0]] = copied or None
    return value


def _without_text(fields: Mapping[str, object], name: str) -> str:
    if "text" in fields:
        return f"{name!r} is {_kind(fields['text'])}; expected a string"
    names = list(_names(fields))
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"no {name!r} among {', '.join(names[:SHOWN]) or 'no fields'}{more}; expected a string"


def _names(fields: Mapping[str, object]) -> Iterator[str]:
    for name, value in fields.items():
        yield name
        if isinstance(value, Mapping):
            yield from (f"{name}.{inner}" for inner in cast("Mapping[object, object]", value))


def _meta(fields: Mapping[str, object]) -> str | None:
    taken = {*_TAKEN, *(["date"] if plausible_date(fields.get("date")) else [])}
    rest = {name: value for name, value in fields.items() if name not in taken and value is not None}
    return json.dumps(rest, ensure_ascii=False, sort_keys=True, default=str) if rest else None


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
        "dict": "object",
    }
    return kinds.get(type(value).__name__, type(value).__name__)

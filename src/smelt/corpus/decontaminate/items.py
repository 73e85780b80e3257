"""Evaluation items: what is asked, and what the right answer says, from files in the layouts that benchmarks come in.

    question   question, query, prompt, input, sentence, sentence1 ... (QUESTION), behind the passage it is about
    answer     the answer's own words; where it is a letter or a number, the words of that choice

Fields are found by name, in any case; others can be named. JSONL, JSON (an array), CSV, TSV and Parquet, packed or not.
"""

from __future__ import annotations

import ast
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import polars as pl

from smelt.corpus.collect.sources import SourceFile, blame_file, format_of
from smelt.corpus.collect.unpack import unpacked
from smelt.errors import InputError

CONTEXT = ("passage", "context", "biased_prompt")
QUESTION = (
    *("question", "query", "prompt", "input", "instruction", "sentence", "sentence1", "sentence2", "stem", "content"),
    *("good", "sent_more", "filled_template", "text", "context"),
)
"""Where a question stands, the first that is there and no context of another: LAMBADA's is its context."""
ANSWER = (
    "best answer",
    "canonical_solution",
    "continuation",
    "answer",
    "target",
    "gold",
    "label",
    "output",
    "answer_index",
)
CHOICES = ("choices", "options", "endings", "candidates", "classes")


@dataclass(frozen=True, slots=True)
class Item:
    """One question of an evaluation set."""

    id: str
    """`<file name>#<row>`."""
    file: str
    context: str | None
    question: str | None
    answer: str | None


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields to read, where their names are not among those that are known."""

    question: str | None = None
    answer: str | None = None


def read_items(files: Sequence[SourceFile], fields: Fields | None = None) -> list[Item]:
    """The items of all files; `InputError` names a file in which no row has a question or an answer."""
    return [item for file in files for item in _file_items(file, fields or Fields())]


def _file_items(file: SourceFile, fields: Fields) -> list[Item]:
    rows = _rows(file)
    items = [_item(row, f"{file.name}#{number}", file.name, fields) for number, row in enumerate(rows)]
    found = [item for item in items if item.question or item.answer]
    if not found:
        seen = ", ".join(rows[0]) if rows else "no rows"
        raise InputError(
            where=file.url,
            what=f"is no evaluation set that is known; its fields are: {seen}",
            expected=f"a question under one of {', '.join(QUESTION)}",
            do='name the fields: --question-field and --answer-field, or question_field = "..." in a recipe',
        )
    return found


def _item(row: Mapping[str, Any], name: str, file: str, fields: Fields) -> Item:
    low = {key.lower(): value for key, value in row.items()}
    asked = (fields.question.lower(),) if fields.question else QUESTION
    told = (fields.answer.lower(),) if fields.answer else ANSWER
    question = _first(low, asked)
    context = _first(low, CONTEXT)
    return Item(name, file, context if context != question else None, question, _answer(low, told))


def _first(row: Mapping[str, Any], names: Sequence[str]) -> str | None:
    found = next((value for name in names if isinstance(value := row.get(name), str) and value.strip()), None)
    return None if found is None else _whole(found)


def _answer(row: Mapping[str, Any], names: Sequence[str]) -> str | None:
    told = next((value for name in names if (value := row.get(name)) not in (None, "")), None)
    choices = next((_listed(row[name]) for name in CHOICES if row.get(name)), [])
    if isinstance(told, list):
        told = cast("list[Any]", told)[0] if told else None
    place = _place(told, len(choices))
    said = choices[place] if place is not None else told
    return _whole(said) if isinstance(said, str) else None


def _whole(text: str) -> str:
    """The text without halves of characters, which JSON can hold and UTF-8 cannot."""
    return text.encode(errors="replace").decode()


def _place(told: object, n: int) -> int | None:
    """Which choice a letter or number stands for, if it stands for one."""
    text = str(told).strip()
    place = int(text) if text.isdecimal() else ord(text) - ord("A") if len(text) == 1 and text.isupper() else -1
    return place if 0 <= place < n else None


def _listed(value: object) -> list[str]:
    """Choices as a list, also where a file holds them as the text of one."""
    if isinstance(value, str):
        try:
            value = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            return []
    return [str(choice) for choice in cast("list[object]", value)] if isinstance(value, list | tuple) else []


def _rows(file: SourceFile) -> list[dict[str, Any]]:
    try:
        with file.open() as stored:
            raw = unpacked(file, stored).read()
        return _parsed(raw, file.name)
    except (ValueError, RecursionError, OSError, pl.exceptions.PolarsError) as error:
        if isinstance(error, OSError):
            blame_file(error)
        raise InputError(
            where=file.url, what=f"cannot be read: {error}", expected="JSONL, JSON, CSV, TSV or Parquet"
        ) from error


def _parsed(raw: bytes, name: str) -> list[dict[str, Any]]:
    form = format_of(name)
    if form == "parquet":
        return pl.read_parquet(io.BytesIO(raw)).to_dicts()
    if form == "csv":
        separator = "\t" if ".tsv" in name.lower() else ","
        return pl.read_csv(io.BytesIO(raw), separator=separator, infer_schema=False).to_dicts()
    text = raw.decode("utf-8-sig")
    if text.lstrip().startswith("["):
        return [_named(value) for value in json.loads(text)]
    return [_named(json.loads(line)) for line in text.split("\n") if line.strip()]


def _named(value: object) -> dict[str, Any]:
    """A row by field; an array's values by their place, which a recipe may name: question = "1"."""
    if isinstance(value, Mapping):
        return dict(cast("Mapping[str, Any]", value))
    listed = cast("list[Any]", value) if isinstance(value, list) else [value]
    return {str(place): part for place, part in enumerate(listed)}

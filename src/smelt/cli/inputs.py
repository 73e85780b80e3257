"""What the verbs read: paths, or what an earlier command wrote; and under which names rows hold a document's fields."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from smelt.cli.files import named
from smelt.core.artifact import Artifact
from smelt.core.step import Step
from smelt.corpus.collect.rows import check_columns
from smelt.corpus.corpus import KEPT, Corpus
from smelt.corpus.duplicates.steps import Existing
from smelt.corpus.steps import Read
from smelt.errors import InputError


def read_inputs(paths: Sequence[str], column: Sequence[str] | None) -> Read:
    """What reads the paths, with the columns that `--column` names.

    A folder that an earlier command wrote stands for the documents it kept.
    """
    columns = parse_columns(column or ())
    with named("INPUT"):
        return Read(
            paths=tuple(str(Path(path) / KEPT) if _is_corpus(path) else path for path in paths), columns=columns
        )


def corpus_of(path: str, column: Sequence[str] | None) -> Step[Corpus]:
    """The corpus at a path: as it is where an earlier command wrote it, or else read from files."""
    return Existing(folder=path) if _is_corpus(path) else read_inputs((path,), column)


def parse_columns(values: Sequence[str]) -> dict[str, str]:
    """The names that rows have for the fields of a document, by field.

    >>> parse_columns(["text=body", "date=meta.created"])
    {'text': 'body', 'date': 'meta.created'}
    """
    columns: dict[str, str] = {}
    for value in values:
        field, name = (part.strip() for part in value.partition("=")[::2])
        if not field or not name:
            raise InputError(where="--column", what=f"{value!r} is no FIELD=NAME", expected="such as text=body")
        if field in columns:
            raise InputError(where="--column", what=f"{field!r} is named twice", expected="one column for each field")
        columns[field] = name
    with named("--column"):
        check_columns(columns)
    return columns


def tokenizer_of(path: Path) -> Step[Artifact]:
    """The tokenizer at a path: a file, or a folder with one."""
    from smelt.tokens.steps import ExistingTokenizer

    return ExistingTokenizer(path=str(path))


def _is_corpus(path: str) -> bool:
    return (Path(path) / KEPT).is_dir()

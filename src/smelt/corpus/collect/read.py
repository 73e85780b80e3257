"""Reading: groups of files to shards."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import polars as pl
from pydantic import BaseModel, JsonValue

from smelt.corpus.collect.formats import read_documents
from smelt.corpus.collect.labels import Label, label_of, with_label
from smelt.corpus.collect.reading import Reading
from smelt.corpus.collect.sources import SourceFile
from smelt.corpus.corpus import DROPPED, KEPT, write_shard
from smelt.corpus.document import DROP, UNREADABLE, Document, as_batch, is_kept
from smelt.corpus.ledger import Entry, entry_of
from smelt.errors import EmptyResult, InputError

PROBLEMS = 3
"""Unreadable records that are told by name; all are counted."""


BATCH_DOCUMENTS = 100_000
"""In a shard at most (taste): in memory a document costs about a KB more than its text."""


@dataclass(frozen=True, slots=True)
class Group:
    """Files to read together."""

    name: str
    files: tuple[SourceFile, ...]

    @property
    def expected_bytes(self) -> int:
        """How much text to expect in them, about."""
        return sum(file.expected_bytes for file in self.files)


class GroupResult(BaseModel):
    """What the reading of a group gave."""

    shards: int
    ledger: list[Entry]
    problems: list[str]
    """What is wrong with the first unreadable records."""
    found: list[str]
    """Of the columns that the user named, those that a document had anything in."""


def read_group(
    group: Group, *, reading: Reading, labels: Mapping[str, Label], folder: Path, shard_bytes: int
) -> JsonValue:
    """Writes a group's documents into shards of its own below `folder`; gives a `GroupResult`."""
    documents = chain.from_iterable(labelled(file, reading, labels) for file in group.files)
    entries: list[Entry] = []
    problems: list[str] = []
    found: set[str] = set()
    for number, batch in enumerate(in_batches(documents, shard_bytes)):
        write_shard(folder / group.name, f"{number:05d}", batch)
        entries.append(entry_of("read", batch.with_columns(drop=pl.lit(None, DROP)), batch))
        problems += _problems(batch)
        found |= {name for name in reading.columns if batch.select((is_kept() & _is_said(name)).any()).item()}
    total = sum(entries[1:], start=entries[0])
    result = GroupResult(shards=len(entries), ledger=[total], problems=problems[:PROBLEMS], found=sorted(found))
    return result.model_dump(mode="json")


def labelled(file: SourceFile, reading: Reading, labels: Mapping[str, Label]) -> Iterable[Document]:
    """The documents of a file, under the labels that its name has."""
    label = label_of(file.name, labels)
    documents = read_documents(file, reading)
    return documents if label == Label() else with_label(documents, label)


def in_batches(documents: Iterable[Document], batch_bytes: int) -> Iterator[pl.DataFrame]:
    """The documents in batches of at least `batch_bytes` of text, or of BATCH_DOCUMENTS, the last one aside; one batch
    at least, if empty."""
    held: list[Document] = []
    size, is_empty = 0, True
    for document in documents:
        held.append(document)
        size += len(document.text.encode())
        if size >= batch_bytes or len(held) == BATCH_DOCUMENTS:
            yield as_batch(held)
            held, size, is_empty = [], 0, False
    if held or is_empty:
        yield as_batch(held)


def number_shards(results: Sequence[GroupResult], groups: Sequence[Group], *, scratch: Path, folder: Path) -> None:
    """Moves the groups' shards to their place in the corpus, numbered through; those moved before are left there."""
    places = [
        (scratch / group.name, f"{number:05d}.parquet")
        for group, result in zip(groups, results, strict=True)
        for number in range(result.shards)
    ]
    for number, (place, name) in enumerate(places):
        for part in (KEPT, DROPPED):
            target = folder / part / f"{number:05d}.parquet"
            target.parent.mkdir(exist_ok=True)
            if (place / part / name).exists():
                os.replace(place / part / name, target)


def check_read(ledger: Sequence[Entry], problems: Sequence[str], *, max_unreadable: float) -> None:
    """Raises `InputError` where too large a share is unreadable, and `EmptyResult` where nothing was read."""
    entry = ledger[0]
    unreadable = entry.dropped[UNREADABLE].documents if UNREADABLE in entry.dropped else 0
    if unreadable > max_unreadable * entry.documents_in:
        told = ", ".join(problems[:PROBLEMS])
        more = f" and {unreadable - PROBLEMS:,} more" if unreadable > PROBLEMS else ""
        raise InputError(
            where="read",
            what=f"{unreadable:,} of {entry.documents_in:,} records cannot be read: {told}{more}",
            expected=f"a share of at most {max_unreadable:.3g}",
            do="mend or leave out these files, or name the column of their text (--column text=NAME), or go on without "
            f"them: max_unreadable = {_enough(unreadable, entry)}",
        )
    if entry.documents_out == 0:
        raise EmptyResult(
            where="read",
            what=f"none of {entry.documents_in:,} records is a document",
            expected="at least one",
            do="see whether the paths are the right ones",
        )


def check_found(columns: Mapping[str, str], results: Sequence[GroupResult]) -> None:
    """Raises `InputError` where no record at all has a column that was named: it is misspelt."""
    found = {name for result in results for name in result.found}
    for name, theirs in columns.items():
        if name not in found:
            raise InputError(
                where=f"column {name} = {theirs!r}",
                what="is in none of the records",
                expected="a name in rows of JSON, CSV or Parquet, or a.b for what is inside another",
                do="see how they spell it, or leave it out",
            )


def _is_said(name: str) -> pl.Expr:
    """Whether a document says what a column is for, as one of its own or in `meta`."""
    in_meta = pl.col("meta").str.json_path_match(f"$.{name}").is_not_null()
    if name in ("text", "html"):
        return pl.lit(value=True)
    if name == "source":  # else it is the name of the file
        return pl.col(name) != pl.col("id").str.replace("#[^#]*$", "")
    return in_meta | pl.col(name).is_not_null() if name in ("url", "date", "language", "domain") else in_meta


def _problems(batch: pl.DataFrame) -> list[str]:
    drop = pl.col("drop").struct
    rows = batch.filter(drop.field("reason") == UNREADABLE).select("id", drop.field("detail")).head(PROBLEMS)
    return [f"{document_id} ({detail})" for document_id, detail in rows.iter_rows()]


def _enough(unreadable: int, entry: Entry) -> float:
    """The share of unreadable records, rounded up to a percent."""
    return -(-unreadable * 100 // entry.documents_in) / 100

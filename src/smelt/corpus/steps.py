"""The steps of this room: raw files to documents, documents to those worth training on.

A recipe is read and checked without what it takes to make anything (Arrow, numba, scipy: two seconds to load), so that
is imported where it is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, cast

from pydantic import BeforeValidator, Field, JsonValue, SerializeAsAny, ValidationInfo, field_validator

from smelt.core.artifact import Artifact, Counts
from smelt.core.shards import shard_size
from smelt.core.step import RUNTIME, Estimate, Sizes, Step
from smelt.core.work import Amounts, Work
from smelt.corpus.collect.labels import Label, check_labels
from smelt.corpus.collect.reading import Reading
from smelt.corpus.collect.rows import check_columns
from smelt.corpus.collect.sources import FileFormat, SourceFile, expand, in_groups, listing_digest
from smelt.corpus.corpus import Corpus, write_ledger
from smelt.corpus.curate import amounts_in, curate_shard, parse_ledgers
from smelt.corpus.document import Op
from smelt.corpus.ledger import Entry, add_up, worst_reasons
from smelt.corpus.ops import ops_identity, parse_op
from smelt.errors import EmptyResult
from smelt.units import Bytes

READ_BYTES_PER_SECOND = 30e6
"""Text read on one core, the quickstart's files (2026-11)."""
CURATE_BYTES_PER_SECOND = 6e6
"""Likewise, for extraction, languages and Gopher's rules."""


def absolute_paths(paths: object, info: ValidationInfo) -> object:
    """Relative paths as they are meant: from the recipe's folder, else from the working directory."""
    given = [paths] if isinstance(paths, str | Path) else paths
    if not isinstance(given, list | tuple):
        return given
    folder = Path((cast("dict[str, Any]", info.context) or {}).get("folder", ".")).absolute()
    texts = [str(path) for path in cast("Sequence[object]", given)]
    if "" in texts:
        raise ValueError("a path is empty")
    return [text if "://" in text else str(folder / Path(text).expanduser()) for text in texts]


class Read(Step[Corpus]):
    """Reads WARC, WET, HTML, text, Markdown, PDF, EPUB, JSON, CSV, Parquet and MediaWiki dumps, also from zip and tar.

    What cannot be read is dropped as `unreadable`.
    What it makes depends on the names of the files below the paths and on what is in them, not on where they lie.
    """

    step: ClassVar[str] = "read"
    version: ClassVar[int] = 3
    makes: ClassVar[type[Artifact]] = Corpus

    paths: Annotated[tuple[str, ...], BeforeValidator(absolute_paths), RUNTIME] = Field(min_length=1)
    """Files, folders, globs, or fsspec URLs of them (`s3://bucket/crawl/**`); one or a list."""
    format: FileFormat | Literal["auto"] = "auto"
    """What all files are, where their names do not say it."""
    identify: Literal["listing", "content"] = "listing"
    """How a change of the files is seen: by names, sizes and times, or by their contents, which takes reading them."""
    columns: dict[str, str] = Field(default_factory=dict)
    """Where rows of JSON, CSV and Parquet have what under which name: { text = "body", date = "meta.created" }. Under
    `html` stands a page that is to be extracted, in place of `text`; `title`, `author` and `id` go to `meta`."""
    labels: dict[str, Label] = Field(default_factory=dict)
    """Languages and domains of files by patterns of their names: { "law/*" = { language = "zh", domain = "law" } }."""
    max_record: Annotated[Bytes, Field(gt=0)] = 64 * 2**20
    """The longest record held in memory, in bytes; longer ones are unreadable (taste)."""
    max_unreadable: Annotated[float, Field(ge=0, le=1), RUNTIME] = 0.05
    """The share of unreadable records above which the step fails (taste). It decides whether a corpus is made, not what
    is in it."""
    shard_bytes: Annotated[Bytes, Field(gt=0), RUNTIME] = 64 * 2**20
    """Text in a shard, about: what a worker holds at a time."""

    @field_validator("columns")
    @classmethod
    def _check_columns(cls, columns: dict[str, str]) -> dict[str, str]:
        check_columns(columns)
        return columns

    def files(self) -> list[SourceFile]:
        """The files that the paths match now; `InputError` where they, or the patterns of labels, match none."""
        files = expand(self.paths, file_format=self.format)
        check_labels(self.labels, files)
        return files

    def extra_identity(self) -> dict[str, JsonValue]:
        """The listing of the files, or their contents."""
        files = self.files()
        digest = listing_digest(files, of_contents=self.identify == "content")
        return {"files": len(files), "bytes": sum(file.bytes for file in files), "digest": digest}

    def estimate(self, sizes: Sizes) -> Estimate:
        """Reading takes time in proportion to the text."""
        n_bytes = sum(file.expected_bytes for file in self.files())
        return Estimate(core_seconds=n_bytes / READ_BYTES_PER_SECOND, counts={"bytes": n_bytes})

    def make(self, work: Work) -> Counts:
        """Reads groups of files side by side, then numbers their shards through."""
        from smelt.corpus.collect.read import Group, GroupResult, check_found, check_read, number_shards, read_group

        groups = [Group(f"{n:05d}", files) for n, files in enumerate(in_groups(self.files(), self.shard_bytes))]
        reading = Reading(max_record=self.max_record, columns=self.columns)
        task = partial(
            read_group, reading=reading, labels=self.labels, folder=work.scratch, shard_bytes=self.shard_bytes
        )
        read = work.map(task, groups, label="read", cost=lambda group: group.expected_bytes, counts=_amounts_read)
        results = [GroupResult.model_validate(result) for result in read]
        ledger = add_up(result.ledger for result in results)
        problems = [problem for result in results for problem in result.problems]
        check_read(ledger, problems, max_unreadable=self.max_unreadable)
        check_found(self.columns, results)
        if problems:
            work.events.emit("warning", message=f"unreadable: {worst_reasons(ledger)}, such as {problems[0]}")
        number_shards(results, groups, scratch=work.scratch, folder=work.folder)
        return finish(work, ledger)


def _parse_ops(values: object, info: ValidationInfo) -> object:
    given = values if isinstance(values, list | tuple) else [values]
    context = cast("dict[str, Any]", info.context)
    return [parse_op(value, context=context) for value in cast("Sequence[object]", given)]


class Curate(Step[Corpus]):
    """Applies ops to every document, and splits those kept from those dropped.

    What the corpus it starts from had dropped stays there: a journey through several steps is put together by `trace`.
    """

    step: ClassVar[str] = "curate"
    makes: ClassVar[type[Artifact]] = Corpus

    corpus: Step[Corpus]
    """The documents to begin with."""
    ops: Annotated[tuple[SerializeAsAny[Op], ...], BeforeValidator(_parse_ops)] = Field(min_length=1)
    """What is done to them, in order: names ("extract", "gopher") or tables ({ op = "language", keep = ["en"] })."""

    def extra_identity(self) -> dict[str, JsonValue]:
        """The ops' settings one by one, so that a change is told by its name."""
        return ops_identity(self.ops)

    def estimate(self, sizes: Sizes) -> Estimate:
        """Curation takes time in proportion to the text."""
        n_bytes = sizes.number(self.corpus, "bytes")
        return Estimate(core_seconds=n_bytes / CURATE_BYTES_PER_SECOND, counts={**sizes[self.corpus]})

    def make(self, work: Work) -> Counts:
        """Curates the shards side by side."""
        from smelt.corpus.split import check_is_split

        shards = work.open(self.corpus).shards
        needs_split = next((op.label for op in self.ops if op.needs_split), None)
        if needs_split is not None:
            check_is_split(work, shards, where=needs_split)
        task = partial(curate_shard, ops=self.ops, folder=work.folder)
        ledger = parse_ledgers(work.map(task, shards, label="curate", cost=shard_size, counts=amounts_in))
        if ledger[-1].documents_out == 0:
            raise EmptyResult(
                where="curate",
                what=f"none of {ledger[0].documents_in:,} documents is left; most fell for {worst_reasons(ledger)}",
                expected="at least one",
                do="loosen these ops, or see whether the files are what they should be",
            )
        return finish(work, ledger)


def _amounts_read(result: JsonValue) -> Amounts:
    return amounts_in(cast("dict[str, JsonValue]", result)["ledger"])


def finish(work: Work, ledger: Sequence[Entry]) -> Counts:
    """Writes a corpus's ledger; gives the counts for its manifest."""
    write_ledger(work.folder, ledger)
    counts: Counts = {"documents": ledger[-1].documents_out, "bytes": ledger[-1].bytes_out}
    return {**counts, "dropped": sum(entry.lost.documents for entry in ledger)}

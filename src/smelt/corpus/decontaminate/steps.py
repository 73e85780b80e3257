"""The step: documents that hold evaluation items are dropped, or the items masked, and all of it reported.

    search  a shard   n-grams of its documents looked up in the index; matches to scratch
    join    all       answers that are phrases in common use are told from leaks; the reports
    mark    a shard   documents dropped or masked

items.parquet     an item each: how many documents hold it, the best coverage, or why it cannot be searched for
matches.parquet   a part of an item in a document each: kind, form, coverage, spans in characters
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, JsonValue

from smelt.core.artifact import Artifact, Counts
from smelt.core.shards import shard_size
from smelt.core.step import RUNTIME, Estimate, Sizes, Step
from smelt.core.work import Work
from smelt.corpus.collect.sources import SourceFile, expand, listing_digest
from smelt.corpus.corpus import Corpus
from smelt.corpus.curate import amounts_in, parse_ledgers
from smelt.corpus.steps import absolute_paths, finish

BYTES_PER_SECOND = 15e6
"""Text searched on one core, English and Chinese (2026-11)."""
FORMAT = "jsonl"
"""Only so that names of any kind are listed: items.py reads them by their suffixes."""


class Decontaminate(Step[Corpus]):
    """Finds evaluation items in documents: whole, cut short, split up, in other case, punctuation or digits."""

    step: ClassVar[str] = "decontaminate"
    makes: ClassVar[type[Artifact]] = Corpus

    corpus: Step[Corpus]
    """The documents to search."""
    evals: Annotated[tuple[str, ...], BeforeValidator(absolute_paths), RUNTIME] = Field(min_length=1)
    """Files of evaluation items: JSONL, JSON, CSV, TSV or Parquet."""
    action: Literal["remove", "mask", "report"] = "remove"
    """What is done to a document that holds an item: dropped; its spans taken out; nothing."""
    question_field: str | None = None
    """The field that holds the question, where it goes by none of the usual names."""
    answer_field: str | None = None
    """Likewise the answer."""
    question_coverage: Annotated[float, Field(gt=0, le=1)] = 0.4
    """The share of a question's n-grams from which on a document holds it: of 500 planted leaks that were not shorter
    than 20 words, 97% are found (benchmarks/decontamination.py)."""
    answer_coverage: Annotated[float, Field(gt=0, le=1)] = 0.8
    """Likewise of an answer, of which more is asked since nothing else tells that it is one."""

    def files(self) -> list[SourceFile]:
        """The files that the paths match now; `InputError` where they match none."""
        return expand(self.evals, file_format=FORMAT)

    def extra_identity(self) -> dict[str, JsonValue]:
        """The contents of the evaluation files."""
        return {"evals": listing_digest(self.files(), of_contents=True)}

    def estimate(self, sizes: Sizes) -> Estimate:
        """Search takes time in proportion to the text."""
        n_bytes = sizes.number(self.corpus, "bytes")
        return Estimate(core_seconds=n_bytes / BYTES_PER_SECOND, counts={**sizes[self.corpus]})

    def make(self, work: Work) -> Counts:
        """The three phases."""
        from smelt.corpus.decontaminate.index import build_index
        from smelt.corpus.decontaminate.items import Fields, read_items
        from smelt.corpus.decontaminate.matches import Limits
        from smelt.corpus.decontaminate.shards import join_matches, mark_shard, save_index, search_shard

        shards = work.open(self.corpus).shards
        items = read_items(self.files(), Fields(self.question_field, self.answer_field))
        save_index(build_index(items), work.scratch)
        limits = Limits(question=self.question_coverage, answer=self.answer_coverage)
        searching = partial(search_shard, scratch=work.scratch, limits=limits)
        work.map(searching, shards, label="search", cost=shard_size)
        counts = join_matches(items, shards, work.scratch, work.folder)
        marking = partial(mark_shard, scratch=work.scratch, folder=work.folder, action=self.action)
        ledger = parse_ledgers(work.map(marking, shards, label="mark", cost=shard_size, counts=amounts_in))
        return {**finish(work, ledger), **counts}

"""Steps that clean a corpus as a whole: what is usual in a domain is known only when all of it has been seen."""

from __future__ import annotations

from functools import partial
from typing import Annotated, ClassVar

from pydantic import Field, field_validator

from smelt.core.artifact import Artifact, Counts
from smelt.core.shards import shard_size
from smelt.core.step import Estimate, Sizes, Step
from smelt.core.work import Work
from smelt.corpus.corpus import Corpus
from smelt.corpus.curate import amounts_in, parse_ledgers
from smelt.corpus.measures.measure import MEASURES
from smelt.corpus.steps import finish

BYTES_PER_SECOND = 20e6
"""Text measured and marked on one core (2026-11)."""
REDUNDANT = {"n_chars", *(f"dup_{n}gram_char_frac" for n in (6, 7, 8, 9)), *(f"top_{n}gram_char_frac" for n in (3, 4))}
"""Measures that say what another one does: left out where none are named."""


class Outliers(Step[Corpus]):
    """Flags documents far from their domain's distribution of measures, with the measure that makes them so.

    Columns: `outlier_measure`, null where nothing is unusual, and `outlier_distance`, in robust standard deviations.
    """

    step: ClassVar[str] = "outliers"
    makes: ClassVar[type[Artifact]] = Corpus

    corpus: Step[Corpus]
    """The documents to look at."""
    measures: tuple[str, ...] = tuple(name for name in MEASURES if name not in REDUNDANT)
    """What is looked at."""
    distance: Annotated[float, Field(gt=0)] = 8.0
    """From how many robust standard deviations on a document is an outlier (taste: 149 of 117,865 documents in
    English and Chinese)."""
    min_documents: Annotated[int, Field(ge=1)] = 100
    """Documents of a domain and language below which nobody can say what is usual: none is flagged (taste)."""
    drop: bool = False
    """Whether outliers are dropped, as `outlier.<measure>`."""

    @field_validator("measures")
    @classmethod
    def _are_measures(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in names if name not in MEASURES]
        if unknown or not names:
            raise ValueError(f"no measures: {unknown}; expected some of {', '.join(MEASURES)}")
        return names

    def estimate(self, sizes: Sizes) -> Estimate:
        """Time in proportion to the text."""
        n_bytes = sizes.number(self.corpus, "bytes")
        return Estimate(core_seconds=n_bytes / BYTES_PER_SECOND, counts={**sizes[self.corpus]})

    def make(self, work: Work) -> Counts:
        """The three phases of outliers.py."""
        from smelt.corpus.clean.outliers import mark_shard, merge_sketches, sketch_shard

        shards = work.open(self.corpus).shards
        work.map(
            partial(sketch_shard, scratch=work.scratch, names=self.measures), shards, label="sketch", cost=shard_size
        )
        usual = merge_sketches(shards, scratch=work.scratch, min_documents=self.min_documents)
        marking = partial(
            mark_shard, scratch=work.scratch, folder=work.folder, usual=usual, limit=self.distance, drop=self.drop
        )
        return finish(work, parse_ledgers(work.map(marking, shards, label="mark", cost=shard_size, counts=amounts_in)))

"""The step that makes augmented copies: a corpus of its own, to be mixed with its originals in the share wanted.

Why a corpus and not rows beside the originals: an op adds no rows; and so the share of augmented text is a weight of
`mix`, and a run without it is the same recipe with one name less.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar, cast

import polars as pl
from pydantic import BeforeValidator, JsonValue, SerializeAsAny, ValidationInfo

from smelt.core.artifact import Artifact, Counts
from smelt.core.shards import shard_size
from smelt.core.step import Estimate, Sizes, Step
from smelt.core.work import Work
from smelt.corpus.augment.augmentation import Augmentation
from smelt.corpus.corpus import Corpus, read_shard, write_shard
from smelt.corpus.curate import BATCH, amounts_in, parse_ledgers
from smelt.corpus.document import DROP, drop_where, field_of, is_kept
from smelt.corpus.ledger import entry_of, worst_reasons
from smelt.corpus.ops import ops_identity, parse_op
from smelt.corpus.steps import finish
from smelt.errors import EmptyResult

BYTES_PER_SECOND = 2.5e6
"""Text on one core: synonyms, the slowest of those that need no model (2026-11, 75 MB of English government documents
and Chinese statutes: noise 18 MB/s, paraphrase 23). How long a translation model takes was not measured: far longer."""


def _parse(value: object, info: ValidationInfo) -> object:
    op = parse_op(value, context=cast("Mapping[str, Any]", info.context))
    if not isinstance(op, Augmentation):
        raise ValueError(f"{op.op!r} is no augmentation")
    return op


class Augment(Step[Corpus]):
    """Makes a changed copy of every training document, and nothing else.

    A copy is called `<id>~<op>.<seed>`, carries `augmentation` (name, seed, parent), and has its parent's cluster and
    split. Held-out documents have no copy and are dropped here as `augment.held_out`, those that the op finds nothing
    to change in as `augment.unchanged`.
    """

    step: ClassVar[str] = "augment"
    makes: ClassVar[type[Artifact]] = Corpus

    corpus: Step[Corpus]
    """The originals, with the split that dedup gave them."""
    op: Annotated[SerializeAsAny[Augmentation], BeforeValidator(_parse)]
    """How they are changed: "noise", "synonyms", "paraphrase", "back-translation", or a table with one and fields."""

    def extra_identity(self) -> dict[str, JsonValue]:
        """The op's settings one by one."""
        return {**ops_identity((self.op,)), "op": self.op.op}

    def estimate(self, sizes: Sizes) -> Estimate:
        """Augmentation takes time in proportion to the text."""
        n_bytes = sizes.number(self.corpus, "bytes")
        return Estimate(core_seconds=n_bytes / BYTES_PER_SECOND, counts={**sizes[self.corpus]})

    def make(self, work: Work) -> Counts:
        """Copies the shards side by side."""
        shards = work.open(self.corpus).shards
        task = partial(augment_shard, op=self.op, folder=work.folder)
        ledger = parse_ledgers(work.map(task, shards, label="augment", cost=shard_size, counts=amounts_in))
        if ledger[0].documents_out == 0:
            raise EmptyResult(
                where="augment",
                what=f"no copy is left of {ledger[0].documents_in:,} documents: {worst_reasons(ledger)}",
                do="see whether the op fits the language of the documents",
            )
        return finish(work, ledger)


def augment_shard(shard: Path, *, op: Augmentation, folder: Path) -> JsonValue:
    """Writes the copies of a shard's documents; gives its ledger."""
    documents = read_shard(shard).with_columns(drop=pl.lit(None, DROP))
    copies = pl.concat([_copies(batch, op) for batch in documents.iter_slices(BATCH)] or [_copies(documents, op)])
    write_shard(folder, shard.stem, copies)
    return [entry_of("augment", documents, copies).model_dump(mode="json")]


def _copies(batch: pl.DataFrame, op: Augmentation) -> pl.DataFrame:
    """The batch with its texts changed and its rows renamed; what is not changed is dropped."""
    split = field_of("split", batch)
    changed = op.apply(batch.drop("augmentation", strict=False))
    changed = drop_where(changed, split.is_not_null() & (split != "train"), "augment.held_out")
    changed = drop_where(changed, pl.col("augmentation").is_null(), "augment.unchanged")
    name = pl.col("id") + f"~{op.op}.{op.seed}"
    return changed.with_columns(id=pl.when(is_kept()).then(name).otherwise("id"))

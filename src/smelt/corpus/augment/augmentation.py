"""What all augmentations share: training documents only, a seed of its own for each document, and a label.

An augmentation is an op that says the same in other words, or with faults. It replaces texts, and never adds rows:
copies beside their originals are made by the step `augment`, and mixed in by `mix`. Each row it changes carries
`augmentation`, with the op's name, its seed and the id of the document it was made from, so it can be counted, left
out and followed. Held-out documents are left alone, and without a split none can be told: then it refuses to run.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Annotated, ClassVar, TypeVar

import polars as pl
import xxhash
from pydantic import Field

from smelt.corpus.document import Op, field_of, is_kept
from smelt.corpus.measures.measure import MEASURES
from smelt.corpus.split import not_split

T = TypeVar("T")
AUGMENTATION = pl.Struct({"name": pl.String, "seed": pl.Int64, "parent": pl.String})
"""What the column `augmentation` holds: null where a document is as it was."""


class Augmentation(Op):
    """Changes the texts of training documents; see the module's docstring."""

    needs_split: ClassVar[bool] = True
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Another seed, other changes."""

    def apply(self, batch: pl.DataFrame) -> pl.DataFrame:
        """The batch with changed texts, and how each was changed."""
        split = batch.select(split=field_of("split", batch))["split"]
        if split.null_count():
            raise not_split(self.op)
        may_change = batch.select(is_kept()).to_series() & (split == "train")
        rows = may_change.arg_true()
        texts = batch["text"].gather(rows).to_list()
        new = self.change(texts, [rng_of(name, self) for name in batch["id"].gather(rows)])
        is_new = [one != other for one, other in zip(texts, new, strict=True)]
        labels: list[dict[str, object] | None] = [
            {"name": self.op, "seed": self.seed, "parent": name} if changed else None
            for name, changed in zip(batch["id"].gather(rows), is_new, strict=True)
        ]
        before = (
            batch["augmentation"]
            if "augmentation" in batch.columns
            else pl.repeat(None, len(batch), dtype=AUGMENTATION, eager=True)
        )
        return batch.drop(MEASURES, strict=False).with_columns(
            text=batch["text"].scatter(rows, pl.Series(new, dtype=pl.String)) if len(rows) else batch["text"],
            augmentation=pl.select(pl.coalesce(_placed(labels, rows, len(batch)), before)).to_series(),
        )

    def change(self, texts: Sequence[str], rngs: Sequence[Random]) -> list[str]:
        """The texts, changed one by one."""
        return [self.change_one(text, rng) for text, rng in zip(texts, rngs, strict=True)]

    def change_one(self, text: str, rng: Random) -> str:
        """The text, changed."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it changes a text")


def rng_of(document_id: str, op: Augmentation) -> Random:
    """A document's own source of chance: neither its neighbours nor its shard have a say in it."""
    return Random(xxhash.xxh3_64_intdigest(f"{op.op}\0{op.seed}\0{document_id}".encode()))


def pick(rng: Random, choices: Sequence[T]) -> T:
    """One of them. By `random()`, which gives the same in every version of Python."""
    return choices[int(rng.random() * len(choices))]


def _placed(labels: Sequence[dict[str, object] | None], rows: pl.Series, length: int) -> pl.Series:
    every: list[dict[str, object] | None] = [None] * length
    for row, label in zip(rows, labels, strict=True):
        every[row] = label
    return pl.Series("augmentation", every, AUGMENTATION)

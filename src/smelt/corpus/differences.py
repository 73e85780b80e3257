"""Two corpora held against each other: what one keeps that the other does not, and why not."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from smelt.corpus.corpus import Corpus

SAMPLES = 5
"""Documents shown of each side."""


@dataclass(frozen=True, slots=True)
class OnlyIn:
    """The documents that one of two corpora keeps alone."""

    documents: int
    bytes: int
    reasons: dict[str, int]
    """Why the other dropped them; those it never saw, or saw further up, are `not there`."""
    samples: pl.DataFrame
    """Some of them, by a hash of their ids: id, reason, text."""


def only_in(one: Corpus, other: Corpus, *, samples: int = SAMPLES) -> OnlyIn:
    """What `one` keeps and `other` does not. Ids and sizes of all documents are held at once, texts of the samples."""
    size = pl.col("text").str.len_bytes().cast(pl.Int64)
    ours = one.kept().select("id", n_bytes=size).collect(engine="streaming")
    theirs = other.kept().select("id").collect(engine="streaming")
    why = other.dropped().select("id", reason=pl.col("drop").struct.field("reason")).collect(engine="streaming")
    alone = ours.join(theirs, on="id", how="anti").join(why, on="id", how="left", maintain_order="left")
    alone = alone.with_columns(pl.col("reason").fill_null("not there"))
    counts = alone["reason"].value_counts().sort("count", "reason", descending=[True, False])
    chosen = alone.sort(pl.col("id").hash(), "id").head(samples)
    texts = one.kept().filter(pl.col("id").is_in(chosen["id"].implode())).select("id", "text")
    return OnlyIn(
        documents=len(alone),
        bytes=int(alone["n_bytes"].sum()),
        reasons=dict(counts.iter_rows()),
        samples=chosen.select("id", "reason").join(texts.collect(engine="streaming"), on="id", how="left"),
    )

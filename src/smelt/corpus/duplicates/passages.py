"""Passages that were there before: what lines, paragraphs and substrings have in common.

    key      a shard      what its texts are looked up by
    repeats  a partition  the spans of what was there before: units.py, substring.py
    cut      a shard      texts without them; the keys of what is left, for the next corpus (signatures.py)

A document of which less than LEAST_LEFT bytes are left beside white space is dropped, with the text that it came with.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np
import polars as pl
from pydantic import JsonValue

from smelt.corpus.corpus import read_shard, write_shard
from smelt.corpus.document import DROP, drop_where, is_kept
from smelt.corpus.duplicates.documents import split_of
from smelt.corpus.duplicates.partitions import Layout, load, save_keys
from smelt.corpus.duplicates.signatures import write_signatures
from smelt.corpus.duplicates.spans import SPANS, Spans, merge, within_characters, without
from smelt.corpus.ledger import entry_of
from smelt.corpus.measures.kernels import utf8_buffers
from smelt.corpus.measures.measure import MEASURES

LEAST_LEFT = 32
"""Bytes that a document must have left for the rest to be worth keeping (taste: half a line)."""


class Keying(Protocol):
    """How passages are found again."""

    columns: ClassVar[tuple[str, ...]]
    """Beside `key` and `row`, what says where in its text one stands."""

    @property
    def method(self) -> str:
        """lines, paragraphs or substring."""
        ...

    def settings(self) -> dict[str, JsonValue]:
        """What keys must agree in to be compared."""
        ...

    def keys(self, texts: pl.Series) -> pl.DataFrame:
        """What texts are looked up by: columns key, row (of the text) and those named above, in order of the text."""
        ...

    def in_bytes(self, spans: Spans, layout: Layout, number: int) -> Spans:
        """Spans of a shard's documents as bytes; `place` counts from the shard's first document."""
        ...


def save_table(layout: Layout, number: int, name: str, table: pl.DataFrame) -> int:
    """Writes the keys of a shard's passages; gives how many there are."""
    columns = {column: table[column].to_numpy() for column in table.columns}
    return save_keys(layout, number, name, columns.pop("key"), **columns)


def cut_shard(
    number: int, *, layout: Layout, folder: Path, n_partitions: int, keying: Keying, held_out: float
) -> JsonValue:
    """Writes a shard without what the partitions' spans say was there before, and its keys; gives its ledger."""
    documents = read_shard(layout.shards[number]).with_columns(drop=pl.lit(None, DROP))
    cut = _with_texts(documents, _spans(number, layout, n_partitions, keying))
    is_empty = (pl.col("_text").str.strip_chars().str.len_bytes() < LEAST_LEFT) & (pl.col("spans").list.len() > 0)
    share = 1 - pl.col("_text").str.len_bytes() / pl.col("text").str.len_bytes()
    reason = f"duplicate.{keying.method}"
    dropped = drop_where(cut, is_empty, reason, value=share, detail=pl.lit("nothing else is left"))
    text = pl.when(pl.col("drop").is_null()).then("_text").otherwise("text")
    done = dropped.with_columns(text=text).drop("_text", *MEASURES, strict=False)
    done = _with_split(done, held_out=held_out)
    write_shard(folder, layout.shards[number].stem, done)
    write_signatures(folder, layout.shards[number].stem, _keys_left(number, layout, done, keying))
    return [entry_of("dedup", documents, done).model_dump(mode="json")]


def _spans(number: int, layout: Layout, n_partitions: int, keying: Keying) -> Spans:
    """What is cut out of a shard's documents; `place` counts from its first."""
    parts = [layout.of_shard(number, load(layout.part(n, "spans.npy"))) for n in range(n_partitions)]
    spans = merge(np.concatenate([np.asarray(part) for part in parts]))
    spans["place"] -= layout.starts[number]
    return keying.in_bytes(spans, layout, number)


def _with_texts(documents: pl.DataFrame, spans: Spans) -> pl.DataFrame:
    """The documents with `spans` and, as `_text`, what is left without them."""
    spans = within_characters(spans, *utf8_buffers(documents["text"]))
    texts, lists = documents["text"].to_list(), [[] for _ in range(len(documents))]
    for place, start, end in spans.tolist():
        lists[place].append({"start": start, "end": end})
    for place in np.unique(spans["place"]).tolist():
        texts[place] = without(texts[place].encode(), lists[place]).decode()
    return documents.with_columns(
        spans=pl.Series(lists, dtype=SPANS, strict=False), _text=pl.Series(texts, dtype=pl.String)
    )


def _keys_left(number: int, layout: Layout, done: pl.DataFrame, keying: Keying) -> pl.DataFrame:
    """The keys of the documents that are kept: those found before, and anew those of texts that were cut."""
    kept = done.select(is_kept()).to_series().to_numpy()
    is_cut = kept & (done["spans"].list.len() > 0).to_numpy()
    row_left = (np.cumsum(kept) - 1).astype(np.uint32)
    names = {name: "keys" if name == "key" else name for name in ("key", "row", *keying.columns)}
    found = pl.DataFrame({name: layout.load(number, f"{keying.method}-{file}") for name, file in names.items()})
    same = found.filter((kept & ~is_cut)[found["row"].to_numpy()])
    again = keying.keys(done["text"].filter(pl.Series(is_cut)))
    same = same.with_columns(row=pl.Series(row_left[same["row"].to_numpy()]))
    again = again.with_columns(row=pl.Series(row_left[is_cut][again["row"].to_numpy()]))
    return pl.concat([same, again]).sort("row", *keying.columns)


def _with_split(documents: pl.DataFrame, *, held_out: float) -> pl.DataFrame:
    """With the cluster and split of an earlier deduplication of documents, or else one by each document's own id."""
    if "split" in documents.columns:
        return documents
    return documents.with_columns(split_of(documents["id"], held_out=held_out), cluster="id")

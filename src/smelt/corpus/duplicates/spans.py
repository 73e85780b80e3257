"""Stretches of text that were seen before, cut out of the documents: what lines, paragraphs and substrings share.

A span is a document's place and two offsets in the bytes of its text as UTF-8. Spans that overlap are one; one that
begins or ends within a character is made smaller. What is cut stands in the column `spans`, as offsets into the text
that came in; a document of which less than LEAST_LEFT bytes are left beside white space is dropped, with the text that
it came with.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import JsonValue

from smelt.corpus.corpus import read_shard, write_shard
from smelt.corpus.document import DROP, drop_where
from smelt.corpus.duplicates.documents import split_of
from smelt.corpus.duplicates.partitions import Layout, load
from smelt.corpus.ledger import entry_of
from smelt.corpus.measures.kernels import utf8_buffers
from smelt.corpus.measures.measure import MEASURES

SPAN = np.dtype([("place", np.int64), ("start", np.int64), ("end", np.int64)])
Spans = NDArray[Any]
LEAST_LEFT = 32
"""Bytes that a document must have left for the rest to be worth keeping (taste: half a line)."""
SPANS = pl.List(pl.Struct({"start": pl.Int64, "end": pl.Int64}))


def merge(spans: Spans) -> Spans:
    """The same bytes in as few spans as can be, in order."""
    if not len(spans):
        return spans
    spans = spans[np.lexsort((spans["start"], spans["place"]))]
    width = np.int64(spans["end"].max() + 1)  # lays the documents end to end, so that one running maximum serves all
    reach = np.maximum.accumulate(spans["place"] * width + spans["end"])
    starts = spans["place"] * width + spans["start"]
    is_first = np.append(True, starts[1:] > reach[:-1])
    is_first[1:] |= spans["place"][1:] != spans["place"][:-1]
    merged = spans[is_first].copy()
    merged["end"] = np.append(reach[:-1][is_first[1:]], reach[-1]) - merged["place"] * width
    return merged


def within_characters(spans: Spans, data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> Spans:
    """The spans cut down to whole characters; `place` counts documents of this batch."""
    start, end = (offsets[spans["place"]] + spans[edge] for edge in ("start", "end"))
    padded = np.concatenate([data, np.zeros(4, np.uint8)])
    for _ in range(3):  # a character has at most three bytes after its first
        start = start + ((padded[start] & 0xC0) == 0x80)
        end = end - ((padded[end] & 0xC0) == 0x80)
    cut = spans.copy()
    cut["start"], cut["end"] = start - offsets[spans["place"]], end - offsets[spans["place"]]
    return cut[cut["end"] > cut["start"]]


def cut_shard(
    number: int, *, layout: Layout, folder: Path, n_partitions: int, method: str, held_out: float
) -> JsonValue:
    """Writes a shard without what the partitions' spans say was seen before; gives its ledger."""
    documents = read_shard(layout.shards[number]).with_columns(drop=pl.lit(None, DROP))
    parts = [layout.of_shard(number, load(layout.part(n, "spans.npy"))) for n in range(n_partitions)]
    spans = merge(np.concatenate([np.asarray(part) for part in parts]))
    spans["place"] -= layout.starts[number]
    data, offsets = utf8_buffers(documents["text"])
    cut = _with_texts(documents, within_characters(spans, data, offsets))
    is_empty = (pl.col("_text").str.strip_chars().str.len_bytes() < LEAST_LEFT) & (pl.col("spans").list.len() > 0)
    share = 1 - pl.col("_text").str.len_bytes() / pl.col("text").str.len_bytes()
    dropped = drop_where(cut, is_empty, f"duplicate.{method}", value=share, detail=pl.lit("nothing else is left"))
    text = pl.when(pl.col("drop").is_null()).then("_text").otherwise("text")
    done = dropped.with_columns(text=text).drop("_text", *MEASURES, strict=False)
    done = _with_split(done, held_out=held_out)
    write_shard(folder, layout.shards[number].stem, done)
    return [entry_of("dedup", documents, done).model_dump(mode="json")]


def _with_texts(documents: pl.DataFrame, spans: Spans) -> pl.DataFrame:
    """The documents with `spans` and, as `_text`, what is left without them."""
    texts, lists = documents["text"].to_list(), [[] for _ in range(len(documents))]
    for place, start, end in spans.tolist():
        lists[place].append({"start": start, "end": end})
    for place in np.unique(spans["place"]).tolist():
        texts[place] = _without(texts[place].encode(), lists[place]).decode()
    return documents.with_columns(
        spans=pl.Series(lists, dtype=SPANS, strict=False), _text=pl.Series(texts, dtype=pl.String)
    )


def _without(text: bytes, spans: list[dict[str, int]]) -> bytes:
    edges = [0, *(edge for span in spans for edge in (span["start"], span["end"])), len(text)]
    return b"".join(text[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True))


def _with_split(documents: pl.DataFrame, *, held_out: float) -> pl.DataFrame:
    """With the cluster and split of an earlier deduplication of documents, or else one by each document's own id."""
    if "split" in documents.columns:
        return documents
    return documents.with_columns(split_of(documents["id"], held_out=held_out), cluster="id")

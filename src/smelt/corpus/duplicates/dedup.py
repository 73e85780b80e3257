"""Deduplication of shards in four phases, so that no worker holds more than a shard or a partition.

    sign    a shard      content keys, signatures, and band keys in order
    pair    a partition  edges between documents that share a band key and agree in enough of their signatures
    join    all          clusters and survivors: some 200 bytes a document are held at once
    mark    a shard      columns `cluster` and `split`, and drops

A partition is a range of band keys. A document is called by its place: how many come before it in the whole corpus.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import xxhash
from numpy.typing import NDArray
from pydantic import JsonValue

from smelt.core.shards import write_whole
from smelt.corpus.corpus import read_shard, scan_shards, write_shard
from smelt.corpus.document import DROP, drop_where
from smelt.corpus.duplicates.clusters import Edges, band_edges, components, equal_edges, survivors
from smelt.corpus.duplicates.exact import content_keys
from smelt.corpus.duplicates.minhash import N_BANDS, band_keys, estimated_jaccard, signatures
from smelt.corpus.duplicates.normalise import normalise
from smelt.corpus.ledger import entry_of

PARTITION_KEYS = 4_000_000
"""Band keys in a partition, about: with what sorting them takes, some 200 MB."""
EXACT, NEAR = "duplicate.exact", "duplicate.near"


@dataclass(frozen=True, slots=True)
class Layout:
    """How a corpus is cut, and where the intermediate files of each shard lie."""

    shards: tuple[Path, ...]
    starts: tuple[int, ...]
    """The place of each shard's first document, and behind them the number of all documents."""
    scratch: Path

    @property
    def n_partitions(self) -> int:
        """How many partitions the band keys are cut into; what is found does not depend on it."""
        return 1 + self.starts[-1] * N_BANDS // PARTITION_KEYS

    def file(self, shard: Path, what: str) -> Path:
        """The intermediate file of a shard: "signatures.npy" and so on."""
        return self.scratch / f"{shard.stem}.{what}"

    def edges(self, partition: int) -> Path:
        """The edges found in a partition."""
        return self.scratch / f"edges-{partition:05d}.npy"


def lay_out(shards: Sequence[Path], scratch: Path) -> Layout:
    """The layout for a corpus's shards."""
    sizes = [scan_shards([shard]).select(pl.len()).collect().item() for shard in shards]
    return Layout(tuple(shards), tuple(accumulate(sizes, initial=0)), scratch)


def sign_shard(shard: Path, *, layout: Layout) -> int:
    """Writes what a shard's documents are compared by; gives how many they are."""
    documents = read_shard(shard, ["id", "date", "text"])
    normal = normalise(documents["text"])
    minima = signatures(normal)
    keys, rows = band_keys(minima)
    order = np.argsort(keys, kind="stable")
    _save(layout.file(shard, "signatures.npy"), minima)
    _save(layout.file(shard, "keys.npy"), keys[order])
    _save(layout.file(shard, "rows.npy"), rows[order])
    about = documents.select("id", "date", pl.col("text").str.len_chars().alias("length"), content_keys(normal))
    with write_whole(layout.file(shard, "documents.parquet")) as path:
        about.write_parquet(path)
    return len(documents)


def pair_partition(partition: int, *, layout: Layout, jaccard: float) -> int:
    """Writes the edges between documents with equal keys in a partition; gives how many."""
    keys, places = _partition_keys(layout, partition)
    _, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
    is_shared = counts[inverse] > 1
    members, rows = np.unique(places[is_shared], return_inverse=True)
    found = band_edges(keys[is_shared], rows, _signatures(layout, members), jaccard=jaccard)
    _save(layout.edges(partition), members[found])
    return len(found)


def join_pairs(layout: Layout) -> int:
    """Writes what becomes of each shard's documents; gives how many clusters have several."""
    files = [layout.file(shard, "documents.parquet") for shard in layout.shards]
    documents = scan_shards(files).collect()
    places = np.arange(len(documents))
    near = [np.load(layout.edges(partition)) for partition in range(layout.n_partitions)]
    edges: Edges = np.concatenate([equal_edges(documents["content_key"], places), *near])
    cluster = survivors(documents, components(len(documents), edges)).rename("cluster")
    survivor = documents.select(cluster="id", survivor=pl.Series(places), survivor_key="content_key")
    marks = (
        documents.select("id", cluster, "content_key")
        .join(survivor, on="cluster", how="left", maintain_order="left")
        .select("id", "cluster", "survivor", is_exact=pl.col("content_key").eq_missing(pl.col("survivor_key")))
    )
    for shard, start, end in zip(layout.shards, layout.starts, layout.starts[1:], strict=False):
        with write_whole(layout.file(shard, "marks.parquet")) as path:
            marks[start:end].write_parquet(path)
    is_lost = pl.col("id") != pl.col("cluster")
    return marks.filter(is_lost)["cluster"].n_unique()


def mark_shard(shard: Path, *, layout: Layout, folder: Path, jaccard: float, held_out: float) -> JsonValue:
    """Writes a shard with its duplicates dropped; gives its ledger."""
    documents = read_shard(shard).drop("cluster", "split", strict=False).with_columns(drop=pl.lit(None, DROP))
    marks = read_shard(layout.file(shard, "marks.parquet"))
    marked = documents.with_columns(marks["cluster"], split_of(marks["cluster"], held_out=held_out))
    dropped = _drop_duplicates(marked, marks, _agreement(shard, marks, layout), jaccard=jaccard)
    write_shard(folder, shard.stem, dropped)
    return [entry_of("dedup", documents, dropped).model_dump(mode="json")]


def split_of(clusters: pl.Series, *, held_out: float) -> pl.Series:
    """The split of each cluster, by a hash of its name: about that share is "held_out", the others "train"."""
    limit = held_out * 2.0**64
    splits = ["held_out" if xxhash.xxh3_64_intdigest(name.encode()) < limit else "train" for name in clusters]
    return pl.Series("split", splits, pl.String)


def _drop_duplicates(batch: pl.DataFrame, marks: pl.DataFrame, agreement: pl.Series, *, jaccard: float) -> pl.DataFrame:
    is_lost, is_exact = marks["id"] != marks["cluster"], marks["is_exact"]
    batch = drop_where(batch, pl.lit(is_lost & is_exact), EXACT, detail="copy of " + pl.col("cluster"))
    how = pl.when(agreement < jaccard).then(pl.lit("linked by others to ")).otherwise(pl.lit("like "))
    detail = how + pl.col("cluster")
    return drop_where(batch, pl.lit(is_lost), NEAR, value=pl.lit(agreement), limit=jaccard, detail=detail)


def _agreement(shard: Path, marks: pl.DataFrame, layout: Layout) -> pl.Series:
    """The estimated Jaccard similarity of each document and its cluster's survivor."""
    own = np.load(layout.file(shard, "signatures.npy"), mmap_mode="r")
    members, rows = np.unique(marks["survivor"].to_numpy(), return_inverse=True)
    return pl.Series(estimated_jaccard(own, _signatures(layout, members)[rows]))


def _partition_keys(layout: Layout, partition: int) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """The band keys in the range of a partition, and the places of their documents."""
    low, high = (2**64 * edge // layout.n_partitions for edge in (partition, partition + 1))
    all_keys: list[Any] = []
    all_places: list[Any] = []
    for shard, start in zip(layout.shards, layout.starts, strict=False):
        keys = np.load(layout.file(shard, "keys.npy"), mmap_mode="r")
        rows = np.load(layout.file(shard, "rows.npy"), mmap_mode="r")
        inside = slice(np.searchsorted(keys, np.uint64(low)), np.searchsorted(keys, np.uint64(high - 1), side="right"))
        all_keys.append(keys[inside])
        all_places.append(rows[inside] + start)
    return np.concatenate(all_keys), np.concatenate(all_places)


def _signatures(layout: Layout, places: NDArray[np.int64]) -> NDArray[np.uint32]:
    """The signatures of documents anywhere in the corpus; `places` in ascending order."""
    bounds = np.searchsorted(places, layout.starts)
    parts = [
        np.load(layout.file(shard, "signatures.npy"), mmap_mode="r")[places[low:high] - start]
        for shard, start, low, high in zip(layout.shards, layout.starts, bounds, bounds[1:], strict=False)
    ]
    return np.concatenate(parts)


def _save(path: Path, array: NDArray[Any]) -> None:
    with write_whole(path) as temporary:
        np.save(temporary, array)

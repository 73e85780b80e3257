"""Deduplication of whole documents in six phases, so that no worker holds more than a shard or a partition.

    sign      a shard      content keys, band keys, in order
    group     a partition  links between equal texts or URLs; documents that meet in a band
    shingle   a shard      the shingles of those that met
    link      a partition  links between documents that are alike enough: a forest of them (jaccard.py)
    join      all          clusters and survivors, of the documents that have links
    mark      a shard      columns `cluster`, `split`, `survivor`, `jaccard`, and drops

The files between the phases take some 200 bytes a document, and 4 bytes for each shingle of those that met.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import xxhash
from numpy.typing import NDArray
from pydantic import JsonValue

from smelt.core.shards import write_json, write_whole
from smelt.corpus.corpus import read_rows, read_shard, write_shard
from smelt.corpus.document import DROP, drop_where, is_kept
from smelt.corpus.duplicates.banding import Banding
from smelt.corpus.duplicates.clusters import choose_survivors, cluster_table, components, dropped_at
from smelt.corpus.duplicates.jaccard import (
    LINK,
    TEXT,
    URL,
    Links,
    Sets,
    forest,
    link_buckets,
    shingle_sets,
    true_jaccard,
)
from smelt.corpus.duplicates.normalise import normalise
from smelt.corpus.duplicates.partitions import Layout, load, met_rows, read_keys, save, save_keys
from smelt.corpus.duplicates.signatures import kept_signatures, sign, write_signatures
from smelt.corpus.duplicates.urls import url_keys
from smelt.corpus.ledger import entry_of

EXACT, SAME_URL, NEAR = "duplicate.exact", "duplicate.url", "duplicate.near"
IN_OLDER = " of an older corpus"
"""How the detail of a drop ends whose survivor is not in this corpus."""
CLUSTERS, THRESHOLDS = "clusters.parquet", "thresholds.json"
BELOW = 0.2
"""How far below the threshold the curve of other thresholds goes: what meets there was compared anyway."""
STEP = 0.01
COLUMNS = ("cluster", "split", "survivor", "jaccard")
"""What a corpus may carry from an earlier deduplication; decided anew."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """What makes two documents duplicates."""

    keys: tuple[str, ...]
    """Of "text" and "url", in which being equal is enough."""
    banding: Banding | None = None
    """None where only equals are looked for."""
    jaccard: float = 1.0

    @property
    def floor(self) -> float:
        """The weakest link that is noted."""
        return round(max(self.jaccard - BELOW, 0.1), 9)  # .8 - .2 is a little more than .6


def sign_shard(number: int, *, layout: Layout, likeness: Likeness) -> list[int]:
    """Writes what a shard's documents are compared by; gives how many keys of each kind."""
    shard = layout.shards[number]
    documents = read_shard(shard, ["id", "url", "date"])
    kept = kept_signatures(shard, likeness.banding) if number in layout.old else None
    found = kept or sign(read_shard(shard, ["text"])["text"], likeness.banding)
    layout.save(number, content=found.content)
    with write_whole(layout.file(number, "about.parquet")) as path:
        documents.select("id", "date", length=pl.Series(found.lengths)).write_parquet(path)
    with write_whole(layout.file(number, "signatures.parquet")) as path:
        found.table().write_parquet(path)
    rows = np.flatnonzero(found.has_words).astype(np.uint32)
    n_bands = found.bands.shape[1]
    n = [save_keys(layout, number, "band", found.bands[rows].ravel(), row=rows.repeat(n_bands))]
    if "text" in likeness.keys:
        n.append(save_keys(layout, number, "text", found.content[rows, 0], row=rows, check=found.content[rows, 1]))
    if "url" in likeness.keys:
        n.append(_save_urls(layout, number, documents["url"]))
    return n


def group_equals(part: tuple[str, int, int], *, layout: Layout) -> int:
    """Writes the links between documents with one key ("text" or "url"); gives how many.

    From each document to the first of its group: equality is transitive.
    """
    name, partition, of = part
    keys, places, (check,) = read_keys(layout, name, (partition, of), ["check"])
    pairs = pl.DataFrame({"key": keys, "check": check, "b": places})
    first = pairs.with_columns(a=pl.col("b").min().over("key", "check")).filter(pl.col("a") != pl.col("b")).sort("b")
    links = np.zeros(len(first), LINK)
    links["a"], links["b"], links["jaccard"] = first["a"], first["b"], 1.0
    links["kind"] = TEXT if name == "text" else URL
    save(layout.part(partition, f"{name}-links.npy"), links)
    return len(links)


def group_bands(part: tuple[int, int], *, layout: Layout) -> int:
    """Writes the buckets of a partition in which a new document meets another text, of equal texts only the first."""
    keys, places, _ = read_keys(layout, "band", part)
    shared = _is_shared(keys)
    keys, places = keys[shared], places[shared]
    distinct, rows = np.unique(places, return_inverse=True)
    content = layout.gather("content", distinct)
    table = pl.DataFrame({"key": keys, "place": places, "one": content[rows, 0], "other": content[rows, 1]})
    first = table.group_by("key", "one", "other").agg(pl.col("place").min())
    meets = (pl.len().over("key") > 1) & (pl.col("place").max().over("key") >= layout.first_new)
    buckets = first.filter(meets).sort("key", "place")
    save(layout.part(part[0], "bucket-keys.npy"), buckets["key"].to_numpy())
    save(layout.part(part[0], "bucket-places.npy"), buckets["place"].to_numpy())
    save(layout.part(part[0], "met.npy"), buckets["place"].unique().sort().to_numpy())
    return len(buckets)


def shingle_shard(number: int, *, layout: Layout, n_partitions: int) -> int:
    """Writes the shingles of those of a shard's documents that met others; gives how many met."""
    met = met_rows(layout, number, n_partitions)
    sets = shingle_sets(normalise(read_rows(layout.shards[number], met, ["text"])["text"]))
    layout.save(number, shingles=sets.hashes, bounds=sets.offsets, met=met)
    return len(met)


def link_partition(partition: int, *, layout: Layout, likeness: Likeness) -> int:
    """Writes the links between documents that meet in a partition; gives how many."""
    keys, places = (np.asarray(load(layout.part(partition, f"bucket-{what}.npy"))) for what in ("keys", "places"))
    members, rows = np.unique(places, return_inverse=True)
    buckets = np.unique(keys, return_inverse=True)[1].astype(np.int64)
    is_old = members < layout.first_new
    links = link_buckets(buckets, rows.astype(np.int64), _sets(layout, members), is_old=is_old, floor=likeness.floor)
    links["a"], links["b"] = members[links["a"]], members[links["b"]]
    save(layout.part(partition, "near-links.npy"), links)
    return len(links)


def join_links(layout: Layout, folder: Path, files: Sequence[Path], likeness: Likeness) -> int:
    """Writes what becomes of each shard's documents, the clusters, and the curve; gives how many clusters there are."""
    links = forest(np.concatenate([np.empty(0, LINK), *(load(file) for file in files)]))
    used = links[links["jaccard"] >= likeness.jaccard]
    found = components(used)
    about = _about(layout, found.places).with_columns(label=pl.Series(found.labels))
    members = choose_survivors(about)
    columns = ("place", "twin", "survivor", "survivor_twin", "cluster")
    marks = members.filter(~pl.col("is_old")).sort("place").select(columns)
    marks = marks.with_columns(in_older=pl.col("survivor") < layout.first_new)
    for number in layout.new:
        here = pl.col("place").is_between(layout.starts[number], layout.starts[number + 1], closed="left")
        with write_whole(layout.file(number, "marks.parquet")) as path:
            marks.filter(here).write_parquet(path)
    table = cluster_table(members, used)
    with write_whole(folder / CLUSTERS) as path:
        table.write_parquet(path)
    if likeness.banding:
        write_json(folder / THRESHOLDS, _curve(links, likeness, layout.first_new))
    return len(table)


def mark_shard(number: int, *, layout: Layout, folder: Path, likeness: Likeness, held_out: float) -> JsonValue:
    """Writes a shard with its duplicates dropped; gives its ledger."""
    shard = layout.shards[number]
    documents = read_shard(shard).drop(COLUMNS, strict=False).with_columns(drop=pl.lit(None, DROP))
    marks = _with_likeness(pl.read_parquet(layout.file(number, "marks.parquet")), layout, likeness)
    numbered = documents.with_columns(place=pl.int_range(pl.len(), dtype=pl.Int64) + layout.starts[number])
    marked = numbered.join(marks, on="place", how="left", maintain_order="left")
    clusters = marked["cluster"].fill_null(marked["id"])
    marked = marked.with_columns(clusters, split_of(clusters, held_out=held_out), "survivor", "jaccard")
    dropped = _drop_duplicates(marked, likeness).drop("place", "twin", "survivor_twin", "is_exact", "in_older")
    write_shard(folder, shard.stem, dropped)
    beside = pl.read_parquet(layout.file(number, "signatures.parquet"))
    write_signatures(folder, shard.stem, beside.filter(dropped.select(is_kept()).to_series()))
    return [entry_of("dedup", documents, dropped).model_dump(mode="json")]


def split_of(clusters: pl.Series, *, held_out: float) -> pl.Series:
    """The split of each cluster, by a hash of its name: about that share is "held_out", the others "train"."""
    limit = held_out * 2.0**64
    splits = ["held_out" if xxhash.xxh3_64_intdigest(name.encode()) < limit else "train" for name in clusters]
    return pl.Series("split", splits, pl.String)


def _drop_duplicates(batch: pl.DataFrame, likeness: Likeness) -> pl.DataFrame:
    place = pl.col("survivor") + pl.when("in_older").then(pl.lit(IN_OLDER)).otherwise(pl.lit(""))
    lost = pl.col("survivor").is_not_null()
    batch = drop_where(batch, lost & pl.col("is_exact"), EXACT, detail="copy of " + place)
    if likeness.banding is None:
        return drop_where(batch, lost, SAME_URL, detail="the page of " + place)
    chained = pl.col("jaccard") < likeness.jaccard
    how = pl.when(chained).then(pl.lit("linked by others to ")).otherwise(pl.lit("like "))
    value = pl.col("jaccard")
    return drop_where(batch, lost, NEAR, value=value, limit=likeness.jaccard, detail=how + place)


def _with_likeness(marks: pl.DataFrame, layout: Layout, likeness: Likeness) -> pl.DataFrame:
    """The marks with `survivor` as an id, `jaccard` and `is_exact`; both null for the survivors themselves."""
    is_exact = (marks["twin"] == marks["survivor_twin"]).to_numpy()
    jaccard = is_exact.astype(np.float64)
    if likeness.banding:
        unequal = marks.filter(~is_exact)
        jaccard[~is_exact] = _jaccard(layout, unequal["twin"].to_numpy(), unequal["survivor_twin"].to_numpy())
    lost = pl.col("place") != pl.col("survivor")
    return marks.with_columns(
        survivor=pl.when(lost).then("cluster"),
        is_exact=pl.Series(is_exact, dtype=pl.Boolean),
        jaccard=pl.when(lost & (pl.lit(bool(likeness.banding)) | pl.Series(is_exact))).then(pl.Series(jaccard)),
    )


def _jaccard(layout: Layout, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.float64]:
    members, rows = np.unique(np.concatenate([a, b]), return_inverse=True)
    return true_jaccard(_sets(layout, members), rows.reshape(2, -1).T.astype(np.int64))


def _sets(layout: Layout, places: NDArray[np.int64]) -> Sets:
    """The shingles of documents anywhere in the corpora that met others."""
    parts: list[Sets] = []
    for number, inside in layout.spread(places):
        met = layout.load(number, "met")
        sets = Sets(layout.load(number, "shingles"), np.asarray(layout.load(number, "bounds")))
        parts.append(sets.take(np.searchsorted(met, places[inside] - layout.starts[number])))
    sizes = np.concatenate([part.sizes for part in parts])
    return Sets(np.concatenate([part.hashes for part in parts]), np.concatenate([[0], np.cumsum(sizes)]))


def _about(layout: Layout, places: NDArray[np.int64]) -> pl.DataFrame:
    """What survivors are chosen by, for documents anywhere in the corpora; `twin` is the first that has the same text,
    and stands for it where shingles are compared."""
    rows = [
        pl.read_parquet(layout.file(number, "about.parquet"))[places[inside] - layout.starts[number]]
        for number, inside in layout.spread(places)
    ]
    content = layout.gather("content", places)
    about = pl.concat(rows).with_columns(place=pl.Series(places), is_old=pl.Series(places < layout.first_new))
    text = [pl.Series("one", content[:, 0]), pl.Series("other", content[:, 1])]
    has_words = pl.col("one") != 0
    twin = pl.when(has_words).then(pl.col("place").min().over("one", "other")).otherwise("place")
    return about.with_columns(text).with_columns(twin=twin).drop("one", "other")


def _curve(links: Links, likeness: Likeness, first_new: int) -> dict[str, JsonValue]:
    """Documents dropped at other thresholds; below the one that was set, of those that met."""
    assert likeness.banding is not None
    thresholds = np.round(np.arange(np.ceil(round(likeness.floor / STEP, 6)), 1 / STEP + 1) * STEP, 2)
    return {
        "jaccard": likeness.jaccard,
        "bands": likeness.banding.bands,
        "rows": likeness.banding.rows,
        "thresholds": thresholds.tolist(),
        "dropped": list(dropped_at(links, thresholds, first_new=first_new)),
        "found": [round(likeness.banding.found(threshold), 4) for threshold in thresholds.tolist()],
    }


def _save_urls(layout: Layout, number: int, urls: pl.Series) -> int:
    keys = url_keys(urls)
    rows = np.array([row for row, key in enumerate(keys) if key], np.uint32)
    digests = np.frombuffer(b"".join(key for key in keys if key), np.uint64).reshape(-1, 2)
    return save_keys(layout, number, "url", digests[:, 0], row=rows, check=digests[:, 1])


def _is_shared(keys: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether each key is there more than once."""
    _, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
    return counts[inverse] > 1

"""From links between documents to clusters of duplicates, and the one of each cluster that stays.

A cluster is a connected component: documents are in one if a chain of links leads from each to each. Which documents
end up together, and which of them survives, depends on the documents alone: not on their order, nor on how they were
cut into shards or partitions. Only documents with links are held: some 200 bytes each.

Where there are older corpora, nothing in them is decided again: a cluster that reaches into one loses all of its new
documents, and what they are duplicates of is the older document that comes first in the order of survivors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from smelt.corpus.duplicates.jaccard import NEAR, TEXT, URL, Links

LINKED_BY = {TEXT: "text", URL: "url", NEAR: "near"}


@dataclass(frozen=True, slots=True)
class Components:
    """Documents that have links, and the component of each."""

    places: NDArray[np.int64]
    """In ascending order."""
    labels: NDArray[np.int64]


def components(links: Links) -> Components:
    """The connected components of links."""
    places, ends = np.unique(np.concatenate([links["a"], links["b"]]), return_inverse=True)
    a, b = ends.reshape(2, -1)
    graph = coo_array((np.ones(len(links)), (a, b)), shape=(len(places), len(places)))
    labels = connected_components(graph, directed=False)[1] if len(places) else np.zeros(0)
    return Components(places, labels.astype(np.int64))


def choose_survivors(members: pl.DataFrame) -> pl.DataFrame:
    """The members with `survivor` (its place) and `cluster` (its id), in the order of survivors within each cluster.

    members: columns label, place, twin, is_old, id, date (ISO 8601 or a prefix of it; null is later than any) and
    length (of the text). A document of an older corpus comes first; then the earliest; of several the longest; of
    several the one with the smallest id (of one id in two corpora, the first).
    """
    first = ["label", "is_old", "date", "length", "id", "place"]
    ordered = members.sort(first, descending=[False, True, False, True, False, False], nulls_last=True)
    names = {"place": "survivor", "twin": "survivor_twin", "id": "cluster"}
    return ordered.with_columns(pl.col(name).first().over("label").alias(alias) for name, alias in names.items())


def cluster_table(members: pl.DataFrame, links: Links) -> pl.DataFrame:
    """A cluster a row: its name, its members (the survivor first), how many, how they are linked, the weakest link."""
    ends = pl.DataFrame({"place": links["a"], "kind": links["kind"], "jaccard": links["jaccard"]})
    linked = (
        ends.join(members.select("place", "label"), on="place")
        .group_by("label")
        .agg(
            pl.col("kind").unique().sort().replace_strict(LINKED_BY, return_dtype=pl.String).str.join("+"),
            pl.col("jaccard").min(),
        )
        .rename({"kind": "linked_by", "jaccard": "weakest"})
    )
    kept = members.filter(~pl.col("is_old") | (pl.col("place") == pl.col("survivor")))
    grouped = kept.group_by("label", maintain_order=True).agg(
        pl.col("cluster").first(), members=pl.col("id"), size=pl.len(), in_older=pl.col("is_old").any()
    )
    return grouped.join(linked, on="label").sort("cluster", "label").drop("label")


def dropped_at(links: Links, thresholds: NDArray[np.float64], *, first_new: int) -> list[int]:
    """How many new documents would be dropped at each threshold, `links` being a maximum spanning forest.

    A link that joins two clusters costs one document its place, unless both reach into older corpora.
    """
    places, ends = np.unique(np.concatenate([links["a"], links["b"]]), return_inverse=True)
    parent, reaches_old = list(range(len(places))), (places < first_new).tolist()
    strengths: list[float] = []
    for a, b, jaccard in zip(*ends.reshape(2, -1).tolist(), links["jaccard"].tolist(), strict=True):
        low, high = sorted((_root(parent, a), _root(parent, b)))
        if not (reaches_old[low] and reaches_old[high]):
            strengths.append(jaccard)
        parent[high], reaches_old[low] = low, reaches_old[low] or reaches_old[high]
    return [int(n) for n in len(strengths) - np.searchsorted(np.sort(strengths), thresholds)]


def _root(parent: list[int], node: int) -> int:
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node

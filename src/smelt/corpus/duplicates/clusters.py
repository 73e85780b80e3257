"""From documents that share a key to clusters of duplicates, and the one of each cluster that stays.

A cluster is a connected component: documents are in one if a chain of duplicates leads from each to each. An edge is
two documents that share a content key (exact), or a band key and enough of their signatures (near). Which documents
end up together, and which of them survives, depends on the documents alone: not on their order, nor on how they were
cut into shards or partitions.

    shard       content_keys, signatures -> band_keys           one list of (key, document) for all
    partition   keys with one hash       -> equal_edges, band_edges
    all         edges                    -> components -> survivors

Documents are numbers here, 0 to n - 1, and edges an array (m, 2) of them.
"""

from __future__ import annotations

import numba
import numpy as np
import polars as pl
from numba import types
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from smelt.corpus.measures.kernels import compiled

Edges = NDArray[np.int64]


def equal_edges(keys: pl.Series, documents: NDArray[np.int64]) -> Edges:
    """Edges that connect all documents with one key; those without a key (null) have none.

    From each document to the first of its group: equality is transitive.
    """
    pairs = pl.DataFrame({"key": keys, "document": documents}).drop_nulls("key")
    first = pairs.with_columns(first=pl.col("document").min().over("key"))
    return first.filter(pl.col("first") != pl.col("document")).select("first", "document").to_numpy()


def band_edges(
    keys: NDArray[np.uint64],
    documents: NDArray[np.int64],
    signatures: NDArray[np.uint32],
    *,
    jaccard: float,
) -> Edges:
    """Edges that connect the documents of each bucket of equal keys as all pairs with enough in common would.

    keys, documents: (m,), from `band_keys`; a document may stand in many buckets. signatures: (n, N_HASHES), of which
    only the rows of documents that share a key are read (a memory-mapped file will do). Pairs that share a key are
    compared, and connected if the estimate of their Jaccard similarity is at least `jaccard`; pairs that are
    connected already, by others of the bucket, are passed over. k documents take k comparisons where all are alike
    and k^2 / 2 where none are.
    """
    order = np.lexsort((documents, keys))
    keys, documents = keys[order], documents[order]
    starts = np.append(np.unique(keys, return_index=True)[1], len(keys))
    edges = np.empty((len(documents), 2), np.int64)
    n_edges = link_buckets(starts, documents, np.asarray(signatures), jaccard, edges)
    return np.unique(edges[:n_edges], axis=0)


def components(n: int, edges: Edges) -> NDArray[np.int32]:
    """The number of each document's cluster: (n,). Documents without edges are clusters of one."""
    graph = coo_array((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(n, n))
    return connected_components(graph, directed=False)[1]


def survivors(documents: pl.DataFrame, clusters: NDArray[np.int32]) -> pl.Series:
    """The id of the document that survives of each document's cluster, which is what the cluster is called.

    documents: columns id, date (ISO 8601 or a prefix of it; null is later than any) and length (of the text).
    The earliest survives; of several the longest; of several the one with the smallest id.
    """
    order = pl.col("id").sort_by("date", "length", "id", descending=[False, True, False], nulls_last=True)
    return documents.with_columns(cluster=clusters).select(cluster=order.first().over("cluster")).to_series()


@numba.njit
def are_alike(a: NDArray[np.uint32], b: NDArray[np.uint32], jaccard: float) -> bool:
    """Whether two signatures agree on that share of their minima."""
    agreeing = 0
    for i in range(len(a)):
        agreeing += a[i] == b[i]
    return agreeing / len(a) >= jaccard


@numba.njit
def link_bucket(
    members: NDArray[np.int64],
    signatures: NDArray[np.uint32],
    jaccard: float,
    edges: NDArray[np.int64],
    n_edges: int,
) -> int:
    """Breadth-first search of the graph of alike members: adds an edge for each that is reached from another.

    `members` is kept in the order in which they are reached: `members[:reached]` are, the rest are not yet.
    """
    reached = 0
    for near in range(len(members)):
        reached = max(reached, near + 1)  # nothing leads to this one: a new component starts
        for far in range(reached, len(members)):
            if are_alike(signatures[members[near]], signatures[members[far]], jaccard):
                edges[n_edges, 0], edges[n_edges, 1] = members[near], members[far]
                n_edges += 1
                members[far], members[reached] = members[reached], members[far]
                reached += 1
    return n_edges


@compiled(
    types.int64(
        types.Array(types.int64, 1, "C"),
        types.Array(types.int64, 1, "C"),
        types.Array(types.uint32, 2, "C", readonly=True),
        types.float64,
        types.Array(types.int64, 2, "C"),
    )
)
def link_buckets(
    starts: NDArray[np.int64],
    documents: NDArray[np.int64],
    signatures: NDArray[np.uint32],
    jaccard: float,
    edges: NDArray[np.int64],
) -> int:
    """Fills `edges` for the buckets `documents[starts[b]:starts[b + 1]]`, and gives how many there are."""
    n_edges = 0
    for b in range(len(starts) - 1):
        n_edges = link_bucket(documents[starts[b] : starts[b + 1]], signatures, jaccard, edges, n_edges)
    return n_edges

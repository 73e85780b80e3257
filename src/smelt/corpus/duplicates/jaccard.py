"""The true Jaccard similarity of texts that share a band, and the links that are left of it.

The shingles of a text are kept as sorted 32-bit hashes, each once: of two texts with a thousand shingles two different
ones are taken for the same with probability 2 * 10^-4, and the similarity is then off by 10^-3 at most.

    bucket       documents with one band key; of equal texts only the first
    pairs        each document and the `WINDOW` after it by number of shingles
    links        pairs alike enough; of a partition's links a maximum spanning forest is kept (Kruskal 1956): its
                 components are those of all links at every threshold, so the curve over thresholds can be drawn from it

A bucket of k documents is k * WINDOW comparisons at most, however many documents a template has bred. In a bucket of
more than WINDOW + 1, pairs further apart in size are left to chance: to other bands, and to chains of what lies
between.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numba import types
from numpy.typing import NDArray

from smelt.corpus.duplicates.minhash import hash_shingle, hash_words, n_shingles
from smelt.corpus.measures.kernels import BYTES, HALF, OFFSETS, compiled, inner, longest_text, utf8_buffers

WINDOW = 64
"""Neighbours by size that a document is compared with in a bucket (taste: 65 documents are all compared)."""
CHUNK_PAIRS = 4_000_000
"""Pairs compared at a time: some 100 MB."""

TEXT, URL, NEAR = 0, 1, 2
"""How two documents are linked: one normal form, one URL, enough shingles in common."""
LINK = np.dtype([("a", np.int64), ("b", np.int64), ("jaccard", np.float64), ("kind", np.int64)])
"""Two documents and their link; `a` < `b`."""
Links = NDArray[Any]


class Sets(NamedTuple):
    """Sets of shingles: those of the d-th document are `hashes[offsets[d]:offsets[d + 1]]`, in ascending order."""

    hashes: NDArray[np.uint32]
    offsets: NDArray[np.int64]

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Shingles of each document."""
        return np.diff(self.offsets)

    def take(self, rows: NDArray[np.int64]) -> Sets:
        """The sets of some documents, in that order."""
        starts, sizes = self.offsets[:-1][rows], self.sizes[rows]
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        where = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], sizes)
        return Sets(self.hashes[where], offsets)


def shingle_sets(normalised: pl.Series) -> Sets:
    """The shingles of normalised texts."""
    data, offsets = utf8_buffers(normalised)
    hashes = np.empty(len(data) // 2 + len(normalised) + 1, np.uint32)
    bounds = np.zeros(len(normalised) + 1, np.int64)
    shingle_batch(data, offsets, hashes, bounds)
    return Sets(hashes[: bounds[-1]].copy(), bounds)


def true_jaccard(sets: Sets, pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    """The Jaccard similarity of pairs of documents (m, 2): (m,). Two without shingles have 1."""
    found = np.empty(len(pairs))
    compare_pairs(sets.hashes, sets.offsets, np.ascontiguousarray(pairs), found)
    return found


def link_buckets(
    buckets: NDArray[np.int64], documents: NDArray[np.int64], sets: Sets, *, is_old: NDArray[np.bool_], floor: float
) -> Links:
    """The forest of links of at least `floor` between documents (rows of `sets`) that stand in one bucket.

    buckets, documents: (m,). Pairs of which both are old are passed over.
    """
    order = np.lexsort((documents, sets.sizes[documents], buckets))
    buckets, documents = buckets[order], documents[order]
    links = np.empty(0, LINK)
    for pairs in _candidates(buckets, documents, is_old):
        jaccard = true_jaccard(sets, pairs)
        found = np.empty(len(pairs), LINK)
        found["a"], found["b"], found["jaccard"], found["kind"] = pairs[:, 0], pairs[:, 1], jaccard, NEAR
        links = forest(np.concatenate([links, found[jaccard >= floor]]))
    return links


def forest(links: Links) -> Links:
    """The maximum spanning forest of links, the strongest first; of equal ones by kind and number."""
    links = links[np.lexsort((links["b"], links["a"], links["kind"], -links["jaccard"]))]
    nodes, ends = np.unique(np.concatenate([links["a"], links["b"]]), return_inverse=True)
    is_kept = np.zeros(len(links), np.bool_)
    grow_forest(ends.astype(np.int64).reshape(2, -1), np.arange(len(nodes)), is_kept)
    return links[is_kept]


def _candidates(
    buckets: NDArray[np.int64], documents: NDArray[np.int64], is_old: NDArray[np.bool_]
) -> Iterator[NDArray[np.int64]]:
    """The pairs to compare, each once in a chunk, about CHUNK_PAIRS at a time."""
    starts = np.append(np.unique(buckets, return_index=True)[1], len(buckets))
    sizes = np.diff(starts)
    near = np.minimum(sizes - 1, WINDOW)
    n_pairs = near * sizes - near * (near + 1) // 2
    chunk = np.cumsum(n_pairs) // CHUNK_PAIRS
    for number in np.unique(chunk):
        inside = np.flatnonzero(chunk == number)
        pairs = np.empty((n_pairs[inside].sum(), 2), np.int64)
        n = pair_up(starts[inside[0] : inside[-1] + 2], documents, is_old, pairs)
        yield np.unique(pairs[:n], axis=0) if n else pairs[:0]


@compiled(types.void(BYTES, OFFSETS, types.uint32[::1], types.int64[::1]))
def shingle_batch(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], hashes: NDArray[np.uint32], bounds: NDArray[np.int64]
) -> None:
    """Fills `hashes` with the sets of the documents end to end, and `bounds[d + 1]` with where the d-th ends."""
    words = np.empty(longest_text(offsets) // 2 + 1, np.uint64)
    for d in range(len(offsets) - 1):
        n = n_shingles(hash_words(data[offsets[d] : offsets[d + 1]], words))
        n_words = hash_words(data[offsets[d] : offsets[d + 1]], words)
        start = bounds[d]
        for first in range(n):
            hashes[start + first] = np.uint32(hash_shingle(words[:n_words], first) >> HALF)
        hashes[start : start + n].sort()
        end = start
        for at in range(start, start + n):
            if at == start or hashes[at] != hashes[end - 1]:
                hashes[end] = hashes[at]
                end += 1
        bounds[d + 1] = end


@inner
def n_common(a: NDArray[np.uint32], b: NDArray[np.uint32]) -> int:
    """How many numbers two ascending lists share."""
    i, j, common = 0, 0, 0
    while i < len(a) and j < len(b):
        x, y = a[i], b[j]
        common += x == y
        i += x <= y
        j += y <= x
    return common


@compiled(
    types.void(
        types.Array(types.uint32, 1, "C", readonly=True),
        types.Array(types.int64, 1, "C", readonly=True),
        types.Array(types.int64, 2, "C", readonly=True),
        types.float64[::1],
    )
)
def compare_pairs(
    hashes: NDArray[np.uint32], offsets: NDArray[np.int64], pairs: NDArray[np.int64], found: NDArray[np.float64]
) -> None:
    """Fills `found` with the Jaccard similarity of each pair."""
    for p in range(len(pairs)):
        a = hashes[offsets[pairs[p, 0]] : offsets[pairs[p, 0] + 1]]
        b = hashes[offsets[pairs[p, 1]] : offsets[pairs[p, 1] + 1]]
        common = n_common(a, b)
        union = len(a) + len(b) - common
        found[p] = common / union if union else 1.0


@compiled(
    types.int64(
        types.Array(types.int64, 1, "C", readonly=True),
        types.Array(types.int64, 1, "C", readonly=True),
        types.Array(types.boolean, 1, "C", readonly=True),
        types.int64[:, ::1],
    )
)
def pair_up(
    starts: NDArray[np.int64], documents: NDArray[np.int64], is_old: NDArray[np.bool_], pairs: NDArray[np.int64]
) -> int:
    """Fills `pairs` with each document of a bucket and the WINDOW after it; gives how many there are."""
    n = 0
    for b in range(len(starts) - 1):
        for i in range(starts[b], starts[b + 1]):
            for j in range(i + 1, min(i + WINDOW + 1, starts[b + 1])):
                if not (is_old[documents[i]] and is_old[documents[j]]):
                    pairs[n, 0], pairs[n, 1] = min(documents[i], documents[j]), max(documents[i], documents[j])
                    n += 1
    return n


@inner
def find_root(parent: NDArray[np.int64], node: int) -> int:
    """The root of a node's tree; halves the path to it (Tarjan & van Leeuwen 1984)."""
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


@compiled(types.void(types.Array(types.int64, 2, "C", readonly=True), types.int64[::1], types.boolean[::1]))
def grow_forest(ends: NDArray[np.int64], parent: NDArray[np.int64], is_kept: NDArray[np.bool_]) -> None:
    """Marks the links `ends[:, i]` that join two trees, taken in order; `parent` is left as the trees."""
    for i in range(ends.shape[1]):
        a, b = find_root(parent, ends[0, i]), find_root(parent, ends[1, i])
        if a != b:
            parent[max(a, b)] = min(a, b)
            is_kept[i] = True

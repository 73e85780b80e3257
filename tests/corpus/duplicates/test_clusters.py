"""Clusters and survivors are those of the documents themselves, in whatever order they come."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smelt.corpus.duplicates.clusters import band_edges, components, equal_edges, survivors
from smelt.corpus.duplicates.exact import content_keys
from smelt.corpus.duplicates.minhash import N_HASHES, band_keys, bands, estimated_jaccard, signatures
from smelt.corpus.duplicates.normalise import normalise


def families(n_families: int, size: int, *, seed: int) -> list[str]:
    """Texts in families: of 150 words, a member has each tenth to fortieth replaced."""
    random = np.random.default_rng(seed)
    texts: list[str] = []
    for _ in range(n_families):
        trunk = random.integers(0, 10**6, 150)
        for _ in range(size):
            changed = random.random(150) < random.uniform(0.0, 0.06)
            texts.append(" ".join(map(str, np.where(changed, random.integers(0, 10**6, 150), trunk))))
    return texts


def partition(labels: Sequence[int], names: Sequence[int]) -> set[frozenset[int]]:
    groups: dict[int, set[int]] = {}
    for label, name in zip(labels, names, strict=True):
        groups.setdefault(label, set()).add(name)
    return {frozenset(group) for group in groups.values()}


def brute_force(n: int, edges: Sequence[tuple[int, int]]) -> set[frozenset[int]]:
    """Connected components, by merging sets."""
    cluster = {document: frozenset([document]) for document in range(n)}
    for a, b in edges:
        merged = cluster[a] | cluster[b]
        cluster.update(dict.fromkeys(merged, merged))
    return set(cluster.values())


def near_clusters(texts: Sequence[str], *, jaccard: float) -> np.ndarray:
    minima = signatures(normalise(pl.Series(texts)))
    keys, documents = band_keys(minima)
    return components(len(texts), band_edges(keys, documents, minima, jaccard=jaccard))


@given(st.integers(1, 12).flatmap(lambda n: st.tuples(st.just(n), st.lists(st.tuples(*[st.integers(0, n - 1)] * 2)))))
@settings(deadline=None)
def test_components_are_those_found_by_merging_sets(case: tuple[int, list[tuple[int, int]]]) -> None:
    n, edges = case
    found = components(n, np.array(edges, np.int64).reshape(-1, 2))
    assert partition(found.tolist(), range(n)) == brute_force(n, edges)


@pytest.mark.parametrize("jaccard", [0.5, 0.8, 1.0])
def test_near_clusters_are_those_of_all_pairs_that_share_a_band_and_are_alike(jaccard: float) -> None:
    texts = families(20, 6, seed=1)
    minima = signatures(normalise(pl.Series(texts)))
    keys = bands(minima)
    edges = [
        (a, b)
        for a, b in combinations(range(len(texts)), 2)
        if (keys[a] == keys[b]).any() and estimated_jaccard(minima[a], minima[b]) >= jaccard
    ]
    found = near_clusters(texts, jaccard=jaccard)
    assert partition(found.tolist(), range(len(texts))) == brute_force(len(texts), edges)
    assert len(edges) > 0


def test_clusters_do_not_depend_on_the_order_of_documents() -> None:
    texts = families(15, 5, seed=2)
    expected = partition(near_clusters(texts, jaccard=0.8).tolist(), range(len(texts)))
    assert 15 < len(expected) < 75
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(len(texts))
        labels = near_clusters([texts[document] for document in order], jaccard=0.8)
        assert partition(labels.tolist(), order.tolist()) == expected


@pytest.mark.parametrize("n_partitions", [2, 7])
def test_clusters_do_not_depend_on_how_keys_are_partitioned(n_partitions: int) -> None:
    texts = families(15, 5, seed=3)
    minima = signatures(normalise(pl.Series(texts)))
    keys, documents = band_keys(minima)
    parts = [keys % np.uint64(n_partitions) == part for part in range(n_partitions)]
    edges = np.concatenate([band_edges(keys[part], documents[part], minima, jaccard=0.8) for part in parts])
    together = near_clusters(texts, jaccard=0.8)
    assert components(len(texts), edges).tolist() == together.tolist()


def test_members_alike_to_each_other_but_not_to_the_first_of_their_bucket_are_linked() -> None:
    minima = np.tile(np.arange(N_HASHES, dtype=np.uint32), (4, 1))
    minima[0, 8:] += 1000  # shares a key with the others and is like none; 1 is like 2, and 2 like 3
    minima[1, :20] += 2000
    minima[3, -20:] += 3000
    edges = band_edges(np.zeros(4, np.uint64), np.arange(4), minima, jaccard=0.8)
    assert components(4, edges).tolist() == [0, 1, 1, 1]


def test_no_keys_make_no_edges() -> None:
    nothing = band_edges(np.zeros(0, np.uint64), np.zeros(0, np.int64), np.zeros((0, N_HASHES), np.uint32), jaccard=0.8)
    assert nothing.shape == (0, 2)
    assert equal_edges(pl.Series([], dtype=pl.Binary), np.zeros(0, np.int64)).shape == (0, 2)
    assert components(3, nothing).tolist() == [0, 1, 2]


def test_documents_with_one_content_key_are_one_cluster_and_those_without_are_their_own() -> None:
    keys = content_keys(normalise(pl.Series(["One.", "two", "ONE", "...", "one!", "", "Two"])))
    edges = equal_edges(keys, np.arange(7))
    assert partition(components(7, edges).tolist(), range(7)) == {
        frozenset(group) for group in ([0, 2, 4], [1, 6], [3], [5])
    }


DUPLICATES = pl.DataFrame(
    {
        "id": ["e", "d", "c", "b", "a", "z", "y", "x"],
        "date": [None, "2020-05", "2020-01-02", "2020-01-02", "2020-01-02", None, None, "1999"],
        "length": pl.Series([999, 999, 5, 7, 7, 3, 4, 1], dtype=pl.UInt32),
    }
)


@pytest.mark.parametrize(
    ("documents", "survivor"),
    [
        ("dc", "c"),  # the earlier
        ("ed", "d"),  # one with a date before one without
        ("cb", "b"),  # of one date the longer
        ("ba", "a"),  # of one date and length the smaller id
        ("zy", "y"),  # without dates the longer
        ("edcba", "a"),
        ("x", "x"),
    ],
)
def test_the_earliest_then_longest_then_smallest_id_survives(documents: str, survivor: str) -> None:
    chosen = DUPLICATES.filter(pl.col("id").is_in(list(documents)))
    for order in (chosen, chosen.reverse()):
        assert set(survivors(order, np.zeros(len(order), np.int32))) == {survivor}


def test_each_document_is_told_the_survivor_of_its_own_cluster() -> None:
    clusters = np.array([0, 0, 1, 1, 1, 2, 2, 3], np.int32)
    assert survivors(DUPLICATES, clusters).to_list() == ["d", "d", "a", "a", "a", "y", "y", "x"]

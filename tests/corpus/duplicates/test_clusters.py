"""Links are those of brute force; clusters and survivors are those of the documents, in whatever order they come."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smelt.corpus.duplicates.clusters import choose_survivors, cluster_table, components, dropped_at
from smelt.corpus.duplicates.jaccard import (
    LINK,
    NEAR,
    TEXT,
    Links,
    Sets,
    forest,
    link_buckets,
    shingle_sets,
    true_jaccard,
)
from smelt.corpus.duplicates.normalise import normalise

GRAPHS = st.integers(2, 12).flatmap(
    lambda n: st.lists(
        st.tuples(*[st.integers(0, n - 1)] * 2, st.sampled_from([0.5, 0.6, 0.8, 1.0]), st.sampled_from([TEXT, NEAR]))
    )
)


def links_of(rows: Sequence[tuple[int, int, float, int]]) -> Links:
    return np.array([(min(a, b), max(a, b), jaccard, kind) for a, b, jaccard, kind in rows if a != b], LINK)


def brute_force(edges: Sequence[tuple[int, int]]) -> set[frozenset[int]]:
    """Connected components of more than one, by merging sets."""
    cluster = {document: frozenset([document]) for edge in edges for document in edge}
    for a, b in edges:
        merged = cluster[a] | cluster[b]
        cluster.update(dict.fromkeys(merged, merged))
    return set(cluster.values())


def clusters_of(links: Links) -> set[frozenset[int]]:
    found = components(links)
    groups: dict[int, set[int]] = {}
    for place, label in zip(found.places.tolist(), found.labels.tolist(), strict=True):
        groups.setdefault(label, set()).add(place)
    return {frozenset(group) for group in groups.values()}


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


def shingles(text: str) -> set[tuple[str, ...]]:
    words = text.split()
    return {tuple(words[at : at + 5]) for at in range(max(len(words) - 4, 1 if words else 0))}


def jaccard(a: str, b: str) -> float:
    union = shingles(a) | shingles(b)
    return len(shingles(a) & shingles(b)) / len(union) if union else 1.0


def sets_of(texts: Sequence[str]) -> Sets:
    return shingle_sets(normalise(pl.Series(texts, dtype=pl.String)))


@given(GRAPHS)
@settings(deadline=None)
def test_components_are_those_found_by_merging_sets(rows: list[tuple[int, int, float, int]]) -> None:
    links = links_of(rows)
    assert clusters_of(links) == brute_force([(a, b) for a, b, *_ in links.tolist()])


@given(GRAPHS)
@settings(deadline=None)
def test_the_forest_has_the_clusters_of_all_links_at_every_threshold(rows: list[tuple[int, int, float, int]]) -> None:
    links = links_of(rows)
    kept = forest(links)
    for threshold in (0.5, 0.6, 0.8, 1.0):
        every, left = (some[some["jaccard"] >= threshold] for some in (links, kept))
        assert clusters_of(left) == clusters_of(every)
        n_places = len({place for a, b, *_ in every.tolist() for place in (a, b)})
        assert len(left) == n_places - len(clusters_of(every))


@given(GRAPHS, st.integers(0, 12))
@settings(deadline=None)
def test_the_curve_counts_what_clusters_at_each_threshold_would_drop(
    rows: list[tuple[int, int, float, int]], first_new: int
) -> None:
    links = links_of(rows)
    thresholds = np.array([0.5, 0.55, 0.6, 0.8, 1.0])
    expected = [
        sum(
            len([place for place in group if place >= first_new]) - (min(group) >= first_new)
            for group in clusters_of(links[links["jaccard"] >= threshold])
        )
        for threshold in thresholds
    ]
    assert dropped_at(forest(links), thresholds, first_new=first_new) == expected


def test_true_jaccard_is_that_of_sets_of_words() -> None:
    texts = [*families(3, 4, seed=1), "four words are few", "four words are few", "and other", "", "..."]
    pairs = np.array(list(combinations(range(len(texts)), 2)), np.int64)
    found = true_jaccard(sets_of(texts), pairs)
    expected = [jaccard(texts[a].strip("."), texts[b].strip(".")) for a, b in pairs]
    assert found.tolist() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("floor", [0.5, 0.8, 1.0])
def test_links_of_a_bucket_connect_what_all_pairs_would(floor: float) -> None:
    texts = families(12, 5, seed=2)
    alike = [(a, b) for a, b in combinations(range(60), 2) if jaccard(texts[a], texts[b]) >= floor]
    found = link_buckets(
        np.zeros(60, np.int64), np.arange(60), sets_of(texts), is_old=np.zeros(60, np.bool_), floor=floor
    )
    assert clusters_of(found) == brute_force(alike)
    assert all(jaccard(texts[a], texts[b]) == pytest.approx(strength) for a, b, strength, _ in found.tolist())


def test_two_old_documents_are_not_compared() -> None:
    texts = families(1, 3, seed=3)
    is_old = np.array([True, True, False])
    found = link_buckets(np.zeros(3, np.int64), np.arange(3), sets_of(texts), is_old=is_old, floor=0.1)
    assert {(a, b) for a, b, *_ in found.tolist()} == {(0, 2), (1, 2)}


def test_no_keys_make_no_links() -> None:
    nothing = np.zeros(0, np.int64)
    assert len(link_buckets(nothing, nothing, sets_of([]), is_old=np.zeros(0, np.bool_), floor=0.5)) == 0
    assert clusters_of(np.empty(0, LINK)) == set()


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
        assert set(choose_survivors(members(order, [0] * len(order)))["cluster"]) == {survivor}


def members(rows: pl.DataFrame, labels: list[int], *, n_old: int = 0) -> pl.DataFrame:
    place = pl.int_range(pl.len(), dtype=pl.Int64)
    return rows.with_columns(label=pl.Series(labels), place=place, twin=place, is_old=place < n_old)


def test_each_document_is_told_the_survivor_of_its_own_cluster() -> None:
    told = choose_survivors(members(DUPLICATES, [0, 0, 1, 1, 1, 2, 2, 3])).sort("place")
    assert told["cluster"].to_list() == ["d", "d", "a", "a", "a", "y", "y", "x"]


def test_a_document_of_an_older_corpus_survives_whatever_its_date() -> None:
    told = choose_survivors(members(DUPLICATES, [0] * 8, n_old=2))
    assert set(told["cluster"]) == {"d"}


def test_the_table_of_clusters_names_members_kinds_and_the_weakest_link() -> None:
    links = links_of([(0, 1, 1.0, TEXT), (1, 2, 0.85, NEAR), (3, 4, 0.9, NEAR)])
    told = choose_survivors(members(DUPLICATES[:5], [0, 0, 0, 1, 1]))
    table = cluster_table(told, links).to_dicts()
    assert [(row["cluster"], row["members"], row["size"], row["linked_by"], row["weakest"]) for row in table] == [
        ("a", ["a", "b"], 2, "near", 0.9),
        ("c", ["c", "d", "e"], 3, "text+near", 0.85),
    ]

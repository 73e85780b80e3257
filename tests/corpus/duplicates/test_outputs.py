"""What each method writes beside the documents it keeps: why others fell and to whom, clusters, and the curve."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from duplicate_texts import WAYS, Row, dedup, family, make, mixture, prose, way
from smelt.corpus.corpus import Corpus
from smelt.corpus.duplicates import documents
from smelt.corpus.duplicates.passages import LEAST_LEFT

DOCUMENT_METHODS, PASSAGE_METHODS = WAYS[:2], WAYS[2:]


def clusters(corpus: Corpus) -> list[Row]:
    return pl.read_parquet(corpus.folder / documents.CLUSTERS).to_dicts()


def curve(corpus: Corpus) -> dict[float, int]:
    found = json.loads((corpus.folder / documents.THRESHOLDS).read_text())
    return dict(zip(found["thresholds"], found["dropped"], strict=True))


def pages() -> list[Row]:
    """Two copies, two versions, two of one address, and one alone."""
    chance = random.Random(21)
    one, version = family(chance, 2)
    return [
        {"text": one, "date": "2021"},
        {"text": version, "date": "2020"},
        {"text": one.upper() + "!", "date": "2022"},
        {"text": " ".join(prose(chance)), "url": "http://example.org/a", "date": "2023"},
        {"text": " ".join(prose(chance)), "url": "https://www.example.org/a?utm_source=b", "date": "2024"},
        {"text": " ".join(prose(chance))},
    ]


# ---- whole documents


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"method": "exact"}, {3: (1, "duplicate.exact", 1.0)}),
        ({"method": "exact", "keys": ["url"]}, {5: (4, "duplicate.url", None)}),
        (
            {"method": "exact", "keys": ["text", "url"]},
            {3: (1, "duplicate.exact", 1.0), 5: (4, "duplicate.url", None)},
        ),
        (
            {"method": "near"},
            {1: (2, "duplicate.near", 111 / 121), 3: (2, "duplicate.near", 111 / 121)},
        ),
    ],
)
def test_what_is_dropped_names_its_cluster_survivor_and_likeness(
    tmp_path: Path, settings: dict[str, Any], expected: dict[int, tuple[int, str, float | None]]
) -> None:
    corpus = make(tmp_path, "a", pages(), **settings)
    dropped = {int(row["id"].rpartition("#")[2]): row for row in corpus.dropped().collect().to_dicts()}
    assert set(dropped) == set(expected)
    for number, (survivor, reason, jaccard) in expected.items():
        row = dropped[number]
        assert row["cluster"] == row["survivor"] == f"a.jsonl#{survivor}"
        assert row["drop"]["reason"] == reason
        assert row["jaccard"] == (pytest.approx(jaccard) if jaccard else None)
    kept = corpus.kept().collect()
    assert kept["cluster"].to_list() == kept["id"].to_list()
    assert kept["survivor"].is_null().all()
    assert kept["jaccard"].is_null().all()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"method": "exact"}, [([1, 3], "text", 1.0)]),
        ({"method": "exact", "keys": ["url"]}, [([4, 5], "url", 1.0)]),
        ({"method": "exact", "keys": ["text", "url"]}, [([1, 3], "text", 1.0), ([4, 5], "url", 1.0)]),
        ({"method": "near"}, [([2, 1, 3], "text+near", 111 / 121)]),
    ],
)
def test_clusters_have_the_survivor_first_and_the_weakest_link(
    tmp_path: Path, settings: dict[str, Any], expected: list[tuple[list[int], str, float]]
) -> None:
    corpus = make(tmp_path, "a", pages(), **settings)
    found = clusters(corpus)
    assert corpus.manifest.counts["clusters"] == len(found) == len(expected)
    for row, (members, linked_by, weakest) in zip(found, expected, strict=True):
        assert row["members"] == [f"a.jsonl#{member}" for member in members]
        assert (row["cluster"], row["size"]) == (row["members"][0], len(members))
        assert (row["linked_by"], row["in_older"]) == (linked_by, False)
        assert row["weakest"] == pytest.approx(weakest)


@pytest.mark.parametrize("method", DOCUMENT_METHODS)
def test_clusters_and_documents_say_the_same(tmp_path: Path, method: str) -> None:
    corpus = make(tmp_path, "a", mixture(), method=method, keys=["text", "url"] if method == "exact" else ["text"])
    named = {member: row["cluster"] for row in clusters(corpus) for member in row["members"]}
    kept, dropped = corpus.kept(["id", "cluster"]).collect(), corpus.dropped().collect()
    assert len(dropped) == len(named) - len(set(named.values())) > 0
    for row in pl.concat([kept, dropped.select("id", "cluster")]).to_dicts():
        assert named.get(row["id"], row["id"]) == row["cluster"]


@pytest.mark.parametrize("method", DOCUMENT_METHODS)
def test_a_cluster_that_reaches_into_an_older_corpus_names_its_survivor_there(tmp_path: Path, method: str) -> None:
    one, *versions = family(random.Random(22), 3)
    older = dedup(tmp_path, "old", [{"text": one}, {"text": " ".join(prose(random.Random(23)))}], method=method)
    new = [{"text": one}, *({"text": text} for text in versions), {"text": " ".join(prose(random.Random(24)))}]
    corpus = make(tmp_path, "new", new, method=method, against=older)
    (cluster,) = clusters(corpus)
    n_alike = 3 if method == "near" else 1
    assert cluster["members"][0] == "old.jsonl#1"
    assert sorted(cluster["members"][1:]) == [f"new.jsonl#{n + 1}" for n in range(n_alike)]
    assert cluster["in_older"]
    dropped = corpus.dropped().collect()
    assert set(dropped["survivor"]) == {"old.jsonl#1"}
    assert len(dropped) == n_alike
    if method == "near":
        assert curve(corpus)[0.8] == n_alike
        assert curve(corpus)[1.0] == 1


@pytest.mark.parametrize("minhash", ["derived", "fineweb"])
def test_the_curve_says_how_much_of_it_was_looked_for(tmp_path: Path, minhash: str) -> None:
    corpus = make(tmp_path, "a", pages(), minhash=minhash)
    found = json.loads((corpus.folder / documents.THRESHOLDS).read_text())
    assert (found["bands"], found["rows"]) == ((14, 8) if minhash == "fineweb" else (16, 6))
    assert found["jaccard"] == 0.8
    assert found["thresholds"][0] == 0.6
    assert found["thresholds"][-1] == 1.0
    share = dict(zip(found["thresholds"], found["found"], strict=True))
    assert share[0.8] == pytest.approx(1 - (1 - 0.8 ** found["rows"]) ** found["bands"], abs=1e-4)
    assert curve(corpus)[0.91] == 2
    assert curve(corpus)[0.92] == curve(corpus)[1.0] == 1


def test_equals_have_no_curve(tmp_path: Path) -> None:
    assert not (make(tmp_path, "a", pages(), method="exact").folder / documents.THRESHOLDS).exists()


# ---- passages


@pytest.mark.parametrize("method", PASSAGE_METHODS)
def test_what_is_dropped_for_its_passages_has_no_survivor_but_the_share_that_was_said_before(
    tmp_path: Path, method: str
) -> None:
    chance = random.Random(25)
    said, own = " ".join(prose(chance)), " ".join(prose(chance))
    left = "q" * (LEAST_LEFT - 1)
    rows = [{"text": f"{said}\n\n{own}"}, {"text": f"{left}\n\n{said}"}, {"text": f"{said}\n\n{left}{left}"}]
    corpus = make(tmp_path, "a", rows, **way(tmp_path, method))
    (dropped,) = corpus.dropped().collect().to_dicts()
    assert dropped["id"] == dropped["cluster"] == "a.jsonl#2"
    assert dropped["text"] == rows[1]["text"]
    assert dropped["drop"]["reason"] == f"duplicate.{'substring' if method == 'tokens' else method}"
    (span,) = dropped["spans"]
    assert dropped["drop"]["value"] == pytest.approx((span["end"] - span["start"]) / len(rows[1]["text"]))
    assert not {"survivor", "jaccard"} & set(dropped)
    kept = corpus.kept().collect()
    assert kept["cluster"].to_list() == kept["id"].to_list()
    assert [len(spans) for spans in kept["spans"]] == [0, 1]
    assert {path.name for path in corpus.folder.glob("*.*")} == {"ledger.json", "manifest.json"}

"""Each method as a step: what it drops or cuts, for any shards and partitions, and after any number of kills."""

from __future__ import annotations

import json
import random
from pathlib import Path

import polars as pl
import pytest
from pydantic import ValidationError

from duplicate_texts import WAYS, Row, dedup, family, make, mixture, prose, read, reasons, texts, way
from pipeline_runs import artifact_bytes, killed_and_resumed, ray_cluster, smelt
from smelt.core.recipe import Recipe
from smelt.core.store import Store
from smelt.core.work import Inline
from smelt.corpus.corpus import Corpus
from smelt.corpus.duplicates import documents, partitions
from smelt.corpus.duplicates.steps import Dedup

# ---- whole documents


def test_pages_of_one_url_are_duplicates_where_that_is_asked_for(tmp_path: Path) -> None:
    rows = [
        {"text": "first version of it", "url": "https://www.example.org/a/", "date": "2020"},
        {"text": "second version of it", "url": "http://example.org/a?utm_source=b", "date": "2019"},
        {"text": "First version: of it", "url": "http://example.org/other", "date": "2021"},
        {"text": "no address"},
    ]
    by_text = make(tmp_path, "a", rows, method="exact")
    by_url = make(tmp_path, "a", rows, method="exact", keys=["url"])
    either = make(tmp_path, "a", rows, method="exact", keys=["text", "url"])
    assert reasons(by_text) == {"a.jsonl#3": "duplicate.exact"}
    assert reasons(by_url) == {"a.jsonl#1": "duplicate.url"}
    assert reasons(either) == {"a.jsonl#1": "duplicate.url", "a.jsonl#3": "duplicate.url"}
    assert set(either.dropped().collect()["survivor"]) == {"a.jsonl#2"}


def test_drops_name_the_survivor_and_the_true_jaccard(tmp_path: Path) -> None:
    rows = [{"text": text, "date": f"20{10 + n}"} for n, text in enumerate(family(random.Random(1), 3))]
    corpus = make(tmp_path, "a", rows)
    dropped = corpus.dropped().collect()
    assert set(dropped["survivor"]) == {"a.jsonl#1"}
    assert dropped["jaccard"].to_list() == pytest.approx([111 / 121] * 2)
    clusters = pl.read_parquet(corpus.folder / documents.CLUSTERS).to_dicts()
    assert [(row["members"], row["size"], row["linked_by"]) for row in clusters] == [
        (["a.jsonl#1", "a.jsonl#2", "a.jsonl#3"], 3, "near")
    ]


def test_the_curve_says_what_other_thresholds_drop(tmp_path: Path) -> None:
    chance = random.Random(2)
    rows = [{"text": text} for _ in range(30) for text in family(chance, 3)]
    corpus = make(tmp_path, "a", rows, jaccard=0.85)
    curve = json.loads((corpus.folder / documents.THRESHOLDS).read_text())
    dropped = dict(zip(curve["thresholds"], curve["dropped"], strict=True))
    assert dropped[0.85] == corpus.manifest.counts["dropped"] == 60
    for threshold in (0.7, 0.9, 0.93, 1.0):
        again = make(tmp_path, "a", rows, jaccard=threshold)
        assert dropped[threshold] == again.manifest.counts["dropped"]
    assert dropped[0.93] == 0


def test_low_thresholds_find_what_they_ask_for(tmp_path: Path) -> None:
    chance = random.Random(3)
    rows: list[Row] = []
    for _ in range(40):
        trunk = prose(chance, 100)
        rows += [{"text": " ".join(trunk + prose(chance, 50))} for _ in range(2)]  # Jaccard 96 / (96 + 100)
    corpus = make(tmp_path, "a", rows, jaccard=0.45)
    assert corpus.manifest.counts["documents"] == 40


def test_many_copies_of_a_template_are_one_cluster(tmp_path: Path) -> None:
    chance = random.Random(4)
    trunk = prose(chance, 200)
    rows = [{"text": " ".join([*trunk[:n], f"copy{n}", *trunk[n + 1 :]])} for n in range(200)] + [
        {"text": " ".join(trunk)} for _ in range(100)
    ]
    corpus = make(tmp_path, "a", rows)
    assert corpus.manifest.counts["documents"] == 1


# ---- parts of documents


def test_lines_in_several_documents_stay_where_they_stand_first(tmp_path: Path) -> None:
    rows = [
        {"text": "Subscribe to our newsletter today!\nOne text of its own, and a long one\nshort"},
        {"text": "Another text of its own, quite long\nsubscribe to OUR newsletter today\nshort"},
        {"text": "Third text of its own, and then some\nSubscribe to our newsletter, today\nshort"},
    ]
    corpus = make(tmp_path, "a", rows, method="lines")
    assert texts(corpus) == [
        rows[0]["text"],
        "Another text of its own, quite long\nshort",
        "Third text of its own, and then some\nshort",
    ]
    assert corpus.kept().collect()["spans"].to_list()[1] == [{"start": 36, "end": 70}]
    seldom = make(tmp_path, "a", rows, method="lines", min_documents=4)
    assert texts(seldom) == [row["text"] for row in rows]


def test_paragraphs_are_compared_whole(tmp_path: Path) -> None:
    boiler = "About the author of this text\nwho lives in a town by the sea"
    rows = [
        {"text": f"A first text that says something new\n\n{boiler}\n\nand how it ends, in its own words"},
        {"text": f"{boiler}\n \n\nA second text that says something else\nwho lives in a town by the sea"},
    ]
    corpus = make(tmp_path, "a", rows, method="paragraphs")
    assert texts(corpus) == [rows[0]["text"], "A second text that says something else\nwho lives in a town by the sea"]


def test_chinese_lines_are_cut_at_eight_characters(tmp_path: Path) -> None:
    rows = [{"text": f"第{n}篇文章的正文在这里,各不相同{n}{n}\n版权所有,未经许可不得转载。\n下一页"} for n in range(3)]
    corpus = make(tmp_path, "a", rows, method="lines")
    assert [text.count("版权所有") for text in texts(corpus)] == [1, 0, 0]
    assert all(text.endswith("下一页") for text in texts(corpus))


def test_a_document_of_repeated_lines_alone_is_dropped(tmp_path: Path) -> None:
    rows = [{"text": "All of this was said before, in full."}] * 2 + [{"text": "x"}]
    corpus = make(tmp_path, "a", rows, method="lines")
    assert reasons(corpus) == {"a.jsonl#2": "duplicate.lines"}
    assert texts(corpus)[1] == "x"


def test_cluster_and_split_of_an_earlier_deduplication_stay(tmp_path: Path) -> None:
    first = dedup(tmp_path, "a", [{"text": " ".join(prose(random.Random(n)))} for n in range(40)], held_out=0.5)
    store = Store(tmp_path / "store", runner=Inline())
    before = store.make(first).kept().collect()
    after = store.make(Dedup(corpus=first, method="substring", held_out=0.1)).kept().collect()
    assert after.select("id", "cluster", "split").equals(before.select("id", "cluster", "split"))


# ---- settings


def test_a_list_of_inputs_names_several_tables(tmp_path: Path) -> None:
    text = """
    [a]
    step = "read"
    paths = "a.jsonl"
    [b]
    step = "read"
    paths = "a.jsonl"
    format = "jsonl"
    [unique]
    step = "dedup"
    corpus = "a"
    against = ["a", "b"]
    """
    read(tmp_path, "a", [{"text": "t"}])
    (tmp_path / "r.toml").write_text(text)
    steps = Recipe.load(tmp_path / "r.toml").steps
    assert steps["unique"].inputs == {"corpus": steps["a"], "against.0": steps["a"], "against.1": steps["b"]}
    assert list(steps) == ["a", "b", "unique"]


@pytest.mark.parametrize(
    "settings",
    [
        {"method": "exact", "jaccard": 0.7},
        {"method": "near", "min_bytes": 100},
        {"method": "substring", "min_documents": 3},
        {"method": "substring", "length": 8},
        {"method": "sideways"},
        {"jaccard": 0.1},
    ],
)
def test_what_means_nothing_is_refused(tmp_path: Path, settings: Row) -> None:
    with pytest.raises(ValidationError):
        dedup(tmp_path, "a", [{"text": "t"}], **settings)


# ---- shards, partitions, kills


def frames(corpus: Corpus) -> list[pl.DataFrame]:
    return [corpus.kept().collect(), corpus.dropped().collect()]


@pytest.mark.parametrize("method", WAYS)
def test_shards_and_partitions_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    rows, old, how = mixture(), dedup(tmp_path, "old", mixture()[:15]), way(tmp_path, method)
    reference = make(tmp_path, "a", rows, **how, against=old)
    assert reference.manifest.counts["dropped"] or reference.ledger()[0]["bytes_edited"]
    for partition_keys, shard_bytes in ((10_000_000, 15_000), (200, 1 << 26), (500, 8_000)):
        monkeypatch.setattr(partitions, "PARTITION_KEYS", partition_keys)
        folder = tmp_path / f"{partition_keys}-{shard_bytes}"
        folder.mkdir()
        old = dedup(folder, "old", mixture()[:15])
        corpus = make(folder, "a", rows, **how, shard_bytes=shard_bytes, against=old)
        assert all(one.equals(other) for one, other in zip(frames(corpus), frames(reference), strict=True))
        assert corpus.ledger() == reference.ledger()
        for name in (documents.CLUSTERS, documents.THRESHOLDS):
            if (reference.folder / name).exists():
                assert (corpus.folder / name).read_bytes() == (reference.folder / name).read_bytes()


RECIPE = """
[raw]
step = "read"
paths = "a.jsonl"
identify = "content"
shard_bytes = "8kB"

[old]
step = "read"
paths = "old.jsonl"
identify = "content"

[unique]
step = "dedup"
corpus = "raw"
against = ["old"]
{how}
"""
TOKENS = """
method = "substring"
unit = "tokens"
tokenizer = "own"

[own]
step = "existing-tokenizer"
path = "tokenizer.json"
"""


def recipe(folder: Path, method: str) -> Path:
    read(folder, "a", mixture())
    read(folder, "old", mixture()[:15])
    way(folder, method)
    how = TOKENS if method == "tokens" else f'method = "{method}"'
    (folder / "r.toml").write_text(RECIPE.format(how=how))
    return folder / "r.toml"


def test_a_dedup_killed_twice_resumes_to_the_same_bytes(tmp_path: Path) -> None:
    killed_and_resumed(recipe(tmp_path, "near"), kills=2, seed=15, workers=1)


@pytest.mark.slow
@pytest.mark.parametrize("method", WAYS)
def test_a_dedup_killed_ten_times_resumes_to_the_same_bytes(tmp_path: Path, method: str) -> None:
    killed_and_resumed(recipe(tmp_path, method), kills=10, seed=16, workers=1)


@pytest.mark.ray
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning", "ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_ray_makes_the_same_corpora(tmp_path: Path) -> None:
    for method in WAYS:
        (tmp_path / method).mkdir()
        path = recipe(tmp_path / method, method)
        smelt("run", path, "--store", tmp_path / "here", "--no-report", "--workers", "1")
    with ray_cluster() as address:
        for method in WAYS:
            path = tmp_path / method / "r.toml"
            smelt("run", path, "--store", tmp_path / "ray", "--no-report", "--on", "ray", RAY_ADDRESS=address)
    assert artifact_bytes(tmp_path / "ray") == artifact_bytes(tmp_path / "here")

"""What is unusual in its domain is flagged with the measure that makes it so, however the corpus is cut."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError
from scipy import stats

from smelt.core.store import Store
from smelt.corpus.clean.outliers import BIN, even_scale, merge_sketches, sketch_shard
from smelt.corpus.clean.steps import Outliers
from smelt.corpus.corpus import Corpus
from smelt.corpus.steps import Read

WORDS = [f"{first}{second}" for first in ("ore", "coal", "iron", "slag") for second in ("", "s", "pit", "works")]


def write_corpus(path: Path, n: int = 300) -> None:
    chance = random.Random(5)
    rows = [
        {
            "id": str(at),
            "domain": "mining",
            "language": "en",
            "text": "the of and " + " ".join(chance.choices(WORDS, k=chance.randint(60, 90))),
        }
        for at in range(n)
    ]
    rows[7]["text"] = "###### " * 40 + str(rows[7]["text"])
    rows[11]["text"] = "人人生而自由" * 20
    rows[13]["domain"] = "alone"
    rows[13]["text"] = "####"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def made(store: Store, path: Path, *, shard_bytes: int, drop: bool = False) -> Corpus:
    raw = Read(paths=(str(path),), shard_bytes=shard_bytes)
    return store.make(Outliers(corpus=raw, drop=drop))


def test_an_outlier_is_flagged_with_its_measure_and_others_are_not(store: Store, tmp_path: Path) -> None:
    write_corpus(tmp_path / "a.jsonl")
    kept = made(store, tmp_path / "a.jsonl", shard_bytes=2**20).kept().collect()
    flagged = kept.filter(pl.col("outlier_measure").is_not_null())
    names = dict(zip(flagged["id"].str.extract(r"#(\d+)$"), flagged["outlier_measure"], strict=True))
    assert names.keys() == {"8", "12"}
    assert names["8"] in ("hash_word_ratio", "punctuation_frac")
    assert (flagged["outlier_distance"].abs() > 8).all()


def test_outliers_fall_on_demand_with_value_and_reason(store: Store, tmp_path: Path) -> None:
    write_corpus(tmp_path / "a.jsonl")
    corpus = made(store, tmp_path / "a.jsonl", shard_bytes=2**20, drop=True)
    drops = corpus.dropped().collect()["drop"].to_list()
    assert len(drops) == 2
    assert all(drop["reason"].startswith("outlier.") and "deviations" in drop["detail"] for drop in drops)
    assert corpus.kept().collect().height == 298


def test_the_number_of_shards_changes_nothing(tmp_path: Path, runner: object) -> None:
    write_corpus(tmp_path / "a.jsonl")
    found = [
        made(Store(tmp_path / f"store{size}", runner=runner), tmp_path / "a.jsonl", shard_bytes=size).kept().collect()
        for size in (2**20, 20_000)
    ]
    assert found[0].equals(found[1])


def test_quantiles_of_merged_sketches_are_those_of_the_values(tmp_path: Path) -> None:
    values = stats.lognorm(0.5).rvs(5_000, random_state=1)
    texts = [" ".join(["w" * 3] * max(1, int(value * 50))) for value in values]
    shards: list[Path] = []
    for at in range(0, 5_000, 1_000):
        shards.append(tmp_path / f"{at}.parquet")
        pl.DataFrame({"text": texts[at : at + 1_000], "domain": "d", "language": "en"}).write_parquet(shards[-1])
        sketch_shard(shards[-1], scratch=tmp_path, names=["n_words"])
    (row,) = merge_sketches(shards, scratch=tmp_path, min_documents=1).iter_rows(named=True)
    scaled = even_scale("n_words", np.array([len(text.split()) for text in texts], float))
    assert row["median"] == pytest.approx(np.median(scaled), abs=BIN)
    assert row["spread"] == pytest.approx(scaled.std(), rel=0.05)


def test_measures_that_there_are_not_are_refused(tmp_path: Path) -> None:
    write_corpus(tmp_path / "a.jsonl")
    with pytest.raises(ValidationError, match="n_word"):
        Outliers(corpus=Read(paths=(str(tmp_path / "a.jsonl"),)), measures=("n_word",))

"""Toxicity classifiers tested on sources that they were not trained on, beside the word lists."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.figures import Figure
from benchmarks.samples import SHARED, rows

FOLDER = SHARED / "toxicity"
TOPICS = ("race", "region", "gender")
"""COLD's: each is tested on by a classifier trained on the two others."""


def measure_toxicity() -> Iterator[Figure]:
    """F1 at even odds, of the classifier and (as a peer) of the word list; and areas under the ROC curve."""
    lists = rows(FOLDER / "ldnoobw_wordlists.jsonl.zst")
    words = {str(row["lang"]): [str(word) for word in _list(row["words"])] for row in lists}
    davidson, olid = _read("davidson_tweets"), _read("olid_train")
    yield from _held_against("trained on Davidson, tested on OLID", davidson, olid, words["en"])
    yield from _held_against("trained on OLID, tested on Davidson", olid, davidson, words["en"])
    train, test = _read("cold_zh_train"), _read("cold_zh_dev")
    for topic in TOPICS:
        others, this = train.filter(pl.col("topic") != topic), test.filter(pl.col("topic") == topic)
        yield from _held_against(f"COLD, tested on {topic}, trained without it", others, this, words["zh"])


def _held_against(name: str, train: pl.DataFrame, test: pl.DataFrame, words: Sequence[str]) -> Iterator[Figure]:
    from smelt.corpus.label.linear import fit
    from smelt.corpus.label.scores import roc_area

    model = fit(train["text"], train["toxic"].to_numpy() == 1).model
    probabilities, is_toxic = model.probabilities(test["text"]), test["toxic"].to_numpy() == 1
    pattern = re.compile("|".join(map(_whole, words)), re.IGNORECASE)
    hits = np.array([len(pattern.findall(text)) for text in test["text"]], float)
    listed = {"word list": _f1(hits > 0, is_toxic)}
    yield Figure(f"{name}: F1", _f1(probabilities >= 0.5, is_toxic), "", "above", listed)
    yield Figure(
        f"{name}: ROC area", roc_area(probabilities, is_toxic), "", "", {"word list": roc_area(hits, is_toxic)}
    )


def _whole(word: str) -> str:
    """A pattern of the word; where there are spaces between words, of the whole word."""
    return rf"(?<!\w){re.escape(word)}(?!\w)" if word.isascii() else re.escape(word)


def _f1(counted: NDArray[np.bool_], is_class: NDArray[np.bool_]) -> float:
    return float(2 * (counted & is_class).sum() / max(counted.sum() + is_class.sum(), 1))


def _read(name: str) -> pl.DataFrame:
    found = [{key: row.get(key) for key in ("text", "toxic", "topic")} for row in rows(FOLDER / f"{name}.jsonl.zst")]
    return pl.DataFrame(found, schema={"text": pl.String, "toxic": pl.Int64, "topic": pl.String})


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []

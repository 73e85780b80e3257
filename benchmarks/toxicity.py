"""Toxicity classifiers tested on sources that they were not trained on, beside the word lists.

Nothing is chosen on the test source: the limit from which a text counts as toxic, and the weight of the listed words,
come from folds of the training source. Intervals are over 1,000 resamples of the test texts, the classifier's number
less the list's on the same texts.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.figures import Figure
from benchmarks.samples import SHARED, rows

FOLDER = SHARED / "toxicity"
TOPICS = ("race", "region", "gender")
"""COLD's: each is tested on by a classifier trained on the two others."""
RESAMPLES = 1_000
INTERVAL = (2.5, 97.5)
Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]


def measure_toxicity() -> Iterator[Figure]:
    """F1, average precision and ROC area, of the classifier and (as a peer) of the word list, with their difference."""
    lists = rows(FOLDER / "ldnoobw_wordlists.jsonl.zst")
    words = {str(row["lang"]): tuple(str(word) for word in _list(row["words"])) for row in lists}
    davidson, olid, olid_test = _read("davidson_tweets"), _read("olid_train"), _read("olid_test")
    yield from _held_against("Davidson to OLID", davidson, olid, words["en"])
    yield from _held_against("Davidson to OLID's test", davidson, olid_test, words["en"])
    yield from _held_against("OLID to Davidson", olid, davidson, words["en"])
    yield from _preferences(pl.concat([davidson, olid]), words["en"])
    train, test = _read("cold_zh_train"), _read("cold_zh_dev")
    for topic in TOPICS:
        others, this = train.filter(pl.col("topic") != topic), test.filter(pl.col("topic") == topic)
        yield from _held_against(f"COLD without {topic} to {topic}", others, this, words["zh"])


def _held_against(name: str, train: pl.DataFrame, test: pl.DataFrame, words: tuple[str, ...]) -> Iterator[Figure]:
    from smelt.corpus.duplicates.normalise import normalise
    from smelt.corpus.label.linear import fit
    from smelt.corpus.label.reading import Reading, count_words
    from smelt.corpus.label.scores import curve

    was_toxic, is_toxic = _toxic(train), _toxic(test)
    fitted = fit(train["text"], was_toxic, reading=Reading(words))
    limit = curve(fitted.held_out, was_toxic).best_limit
    ours, hits = fitted.model.probabilities(test["text"]), count_words(normalise(test["text"]), words)
    differences = {title: list[float]() for title in ("F1", "average precision", "ROC area")}
    chance = np.random.default_rng(0)
    for _ in range(RESAMPLES):
        chosen = chance.integers(0, len(test), len(test))
        one = _numbers(ours[chosen], limit, is_toxic[chosen])
        other = _numbers(hits[chosen], 1, is_toxic[chosen])
        for title, values in differences.items():
            values.append(one[title] - other[title])
    found, listed = _numbers(ours, limit, is_toxic), _numbers(hits, 1, is_toxic)
    everything = _f1(np.ones(len(test), bool), is_toxic)
    for title, value in found.items():
        low, high = np.percentile(differences[title], INTERVAL)
        peers = {"word list": listed[title], "difference, 2.5%": float(low), "97.5%": float(high)}
        if title == "F1":
            peers["calling all toxic"] = everything
        yield Figure(f"{name}: {title}", value, "", "above", peers)


def _preferences(train: pl.DataFrame, words: tuple[str, ...]) -> Iterator[Figure]:
    """On a third source there are no labels, but pairs: people asked for the harmless one of two answers."""
    from smelt.corpus.duplicates.normalise import normalise
    from smelt.corpus.label.linear import fit
    from smelt.corpus.label.reading import Reading, count_words

    pairs = list(rows(SHARED / "instruct/hh_rlhf_harmless_base_test.jsonl.zst"))
    chosen, rejected = (pl.Series([_last_answer(str(pair[side])) for pair in pairs]) for side in ("chosen", "rejected"))
    model = fit(train["text"], _toxic(train), reading=Reading(words)).model
    ours = model.probabilities(rejected) - model.probabilities(chosen)
    listed = count_words(normalise(rejected), words) - count_words(normalise(chosen), words)
    peers = {"word list": _won(listed)}
    yield Figure("both to HH-RLHF: rejected answer told from chosen", _won(ours), "", "above .5", peers)


def _last_answer(dialogue: str) -> str:
    return dialogue.rpartition("\n\nAssistant:")[2]


def _won(differences: Numbers) -> float:
    """The share of pairs in the right order, ties counted by halves."""
    return float(((differences > 0) + 0.5 * (differences == 0)).mean())


def _numbers(scores: Numbers, limit: float, is_toxic: Flags) -> dict[str, float]:
    from smelt.corpus.label.scores import curve, roc_area

    return {
        "F1": _f1(scores >= limit, is_toxic),
        "average precision": curve(scores, is_toxic).average_precision,
        "ROC area": roc_area(scores, is_toxic),
    }


def _f1(counted: Flags, is_class: Flags) -> float:
    return float(2 * (counted & is_class).sum() / max(counted.sum() + is_class.sum(), 1))


def _toxic(texts: pl.DataFrame) -> Flags:
    return texts["toxic"].to_numpy() == 1


def _read(name: str) -> pl.DataFrame:
    found = [{key: row.get(key) for key in ("text", "toxic", "topic")} for row in rows(FOLDER / f"{name}.jsonl.zst")]
    return pl.DataFrame(found, schema={"text": pl.String, "toxic": pl.Int64, "topic": pl.String})


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []

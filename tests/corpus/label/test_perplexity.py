"""Perplexity: the n-gram model against probabilities written out, the op's limits and buckets, a trained run."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smelt.core.local import LocalRunner
from smelt.core.store import Store
from smelt.corpus.document import Document, Drop, as_batch
from smelt.corpus.label.ngrams import NgramScorer, count_ngrams, sample_texts
from smelt.corpus.label.perplexity import Perplexity, terciles
from smelt.corpus.label.scorer import Scorer, load_scorer
from smelt.corpus.label.steps import TrainNgrams
from smelt.corpus.steps import Read
from smelt.errors import EmptyResult, InputError

KNOWN = ["the cat sat on the mat", "the dog sat on the log", "猫坐在垫子上，狗坐在木头上", ""]


class Plain:
    """Witten and Bell's formula, one probability at a time, with dictionaries."""

    def __init__(self, texts: list[str], order: int) -> None:
        self.order, self.behind = order, defaultdict[bytes, Counter[int]](Counter)
        for text in map(str.encode, texts):
            for at, byte in enumerate(text):
                for length in range(min(order, at + 1)):
                    self.behind[text[at - length : at]][byte] += 1

    def probability(self, context: bytes, byte: int) -> float:
        shorter = self.probability(context[1:], byte) if context else 1 / 256
        seen = self.behind.get(context)
        if not seen:
            return shorter
        return (seen[byte] + len(seen) * shorter) / (seen.total() + len(seen))

    def bits(self, text: str) -> float:
        data = text.encode()
        contexts = (data[max(0, at + 1 - self.order) : at] for at in range(len(data)))
        total = sum(-math.log2(self.probability(c, byte)) for c, byte in zip(contexts, data, strict=True))
        return total / len(data) if data else math.nan


def scorer_of(texts: list[str], order: int) -> NgramScorer:
    return NgramScorer(order, count_ngrams(pl.Series(texts), order), Path())


@pytest.mark.parametrize("order", [1, 2, 4, 7])
def test_bits_are_those_of_the_formula_written_out(order: int) -> None:
    texts = [*KNOWN, "a cat on a log", "unlike: Ω", "x"]
    found = scorer_of(KNOWN, order).bits_per_byte(pl.Series(texts))
    assert found == pytest.approx([Plain(KNOWN, order).bits(text) for text in texts], nan_ok=True)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text("ab猫 ", max_size=12), min_size=1, max_size=4), st.text("abc猫 ", min_size=1, max_size=12))
def test_bits_are_those_of_the_formula_for_any_texts(known: list[str], text: str) -> None:
    assert scorer_of(known, 3).bits_per_byte(pl.Series([text]))[0] == pytest.approx(Plain(known, 3).bits(text))


def test_the_probabilities_of_all_bytes_add_up_to_one() -> None:
    plain, scorer = Plain(KNOWN, 4), scorer_of(KNOWN, 4)
    assert sum(plain.probability(b"the", byte) for byte in range(256)) == pytest.approx(1)
    ascii_texts = pl.Series([f"the{chr(byte)}" for byte in range(128)])
    after = np.exp2(-4 * scorer.bits_per_byte(ascii_texts)) / np.exp2(-3 * scorer.bits_per_byte(pl.Series(["the"])))
    assert after == pytest.approx([plain.probability(b"the", byte) for byte in range(128)])


def test_a_slice_of_texts_scores_like_the_whole() -> None:
    texts, scorer = pl.Series([*KNOWN, "a log"]), scorer_of(KNOWN, 4)
    assert scorer.bits_per_byte(texts[2:]) == pytest.approx(scorer.bits_per_byte(texts)[2:], nan_ok=True)
    part, whole = count_ngrams(pl.Series(["zzz", *KNOWN])[1:], 3), count_ngrams(pl.Series(KNOWN), 3)
    assert all((part[name] == whole[name]).all() for name in whole)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ngrams")
    (folder / "texts.txt").write_text("\n".join(KNOWN * 20), encoding="utf-8")
    with Store(folder / "store", runner=LocalRunner(1)) as store:
        return store.make(TrainNgrams(corpus=Read(paths=(str(folder / "texts.txt"),)))).folder


def rows() -> pl.DataFrame:
    texts = ["the cat sat on the log", "Quixotic zephyrs vex", "狗坐在垫子上", "龘靐齉", "x"]
    languages = ["en", "en", "zh", "zh", None]
    documents = [Document(f"f#{n}", text, language=languages[n]) for n, text in enumerate(texts)]
    return as_batch([*documents, Document("f#9", "gone", drop=Drop("y.z"))])


def test_likeness_to_the_training_texts_is_less_perplexing(model: Path) -> None:
    one, two, three, four, *_ = Perplexity(model=str(model)).apply(rows())["perplexity"]
    assert one < two
    assert three < four


def test_limits_are_one_for_all_or_one_for_each_language(model: Path) -> None:
    def dropped(**limits: object) -> list[int]:
        batch = Perplexity.model_validate({"model": str(model), **limits}).apply(rows())
        reasons = batch["drop"].struct.field("reason")
        return [place for place, reason in enumerate(reasons) if reason == "perplexity"]

    assert dropped() == []
    assert dropped(max=4) == [1, 3, 4]
    assert dropped(max={"zh": 4}) == [3]
    assert dropped(min={"en": 4}) == [0]


def test_a_dropped_document_is_not_scored(model: Path) -> None:
    batch = Perplexity(model=str(model), max=0).apply(rows())
    assert batch["perplexity"][5] is None
    assert batch["drop"][5]["reason"] == "y.z"


def test_terciles_part_each_language_and_fill_buckets(model: Path) -> None:
    scored = pl.DataFrame(
        {
            "language": ["en"] * 600 + ["zh"] * 300 + ["fr"] * 9,
            "perplexity": [n // 100 for n in range(100, 1_009)],
            "text": ["four"] * 909,
        }
    )
    assert terciles(scored.lazy()) == {"en": (2, 4), "zh": (7, 8)}
    op = Perplexity(model=str(model), terciles={"en": (0.05, 4.0), "zh": (4.0, 4.1)})
    assert op.apply(rows())["perplexity_bucket"].to_list() == ["middle", "tail", "head", "tail", None, None]


def test_the_sample_does_not_depend_on_the_order_of_documents() -> None:
    documents = pl.DataFrame({"id": [f"f#{n}" for n in range(50)], "text": [f"text {n:03}" for n in range(50)]})
    one, other = sample_texts(documents.lazy(), 200), sample_texts(documents.reverse().lazy(), 200)
    assert sorted(one) == sorted(other)
    assert 24 <= len(one) <= 26


def test_a_folder_without_a_scorer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ngrams\.json, run\.json"):
        load_scorer(tmp_path)
    with pytest.raises(InputError, match="is no folder"):
        Perplexity(model=str(tmp_path / "none"))


def test_the_model_is_known_by_its_counts_not_by_its_place(model: Path, tmp_path: Path) -> None:
    for path in model.glob("ngrams.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    here, there = Perplexity(model=str(model)), Perplexity(model=str(tmp_path))
    assert here.settings() == there.settings()
    scorer: Scorer = load_scorer(tmp_path)
    assert len(scorer.files()) == 1


def test_a_corpus_without_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text('{"text": ""}\n')
    with Store(tmp_path / "store", runner=LocalRunner(1)) as store, pytest.raises(EmptyResult, match="no text"):
        store.make(TrainNgrams(corpus=Read(paths=(str(tmp_path / "empty.jsonl"),))))

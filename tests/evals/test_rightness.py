"""Scores are what others' programs, or a hand, find."""

from __future__ import annotations

import numpy as np
import pytest
from sacrebleu import corpus_bleu, corpus_chrf
from sklearn.metrics import accuracy_score, f1_score

from smelt.evals.answers import _best_span  # pyright: ignore[reportPrivateUsage]
from smelt.evals.rightness import class_scores, number_scores, span_scores, text_scores

WANTED = ["a man in a hat sits on a bench .", "two dogs play in the snow ."]
SAID = ["a man with a hat sits on the bench .", "two dogs run in the snow ."]


def test_bleu_and_chrf_are_those_of_sacrebleu() -> None:
    found = text_scores(WANTED, SAID)
    assert found["bleu"] == pytest.approx(corpus_bleu(SAID, [WANTED]).score)
    assert found["chrf"] == pytest.approx(corpus_chrf(SAID, [WANTED]).score)
    assert found["exact"] == 0
    assert text_scores(WANTED, WANTED) == pytest.approx({"bleu": 100, "chrf": 100, "exact": 1})


def test_class_scores_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    wanted, said = (rng.choice(["a", "b", "c"], 200, p=[0.6, 0.3, 0.1]).tolist() for _ in range(2))
    found = class_scores(wanted, said)
    assert found["accuracy"] == pytest.approx(accuracy_score(wanted, said))
    assert found["macro_f1"] == pytest.approx(f1_score(wanted, said, average="macro"))
    assert found["commonest"] == wanted.count("a") / 200


def test_numbers() -> None:
    assert number_scores(["1", "2", "4"], ["1", "3", "4"])["rmse"] == pytest.approx((1 / 3) ** 0.5)
    assert number_scores(["1", "2"], ["3", "5"])["pearson"] == pytest.approx(1)
    assert number_scores(["1", "2"], ["3", "3"])["pearson"] == 0


def test_spans_without_case_articles_and_punctuation() -> None:
    found = span_scores(["The old man", "Paris"], ["old man.", "in Paris"])
    assert found["exact"] == 0.5
    assert found["f1"] == pytest.approx((1 + 2 / 3) / 2)


def test_the_best_span_is_that_of_all_pairs() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        scores = rng.normal(size=(9, 2)).astype(np.float32)
        pairs = [(a, b + 1) for a in range(9) for b in range(a, 9)]
        assert _best_span(scores) == max(pairs, key=lambda ab: scores[ab[0], 0] + scores[ab[1] - 1, 1])

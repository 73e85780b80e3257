"""Linear classifiers over hashed n-grams: one for each class against the rest, with calibrated probabilities.

Probabilities are Platt's (1999): a sigmoid of the score, fitted to scores of documents that the scoring model was not
trained on (each fold by the others), so that a probability of 0.8 is right four times in five on documents like those.
Where there is a word list the sigmoid has one more term, the listed words found (see reading.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.optimize import minimize

from smelt.corpus.label.features import BITS, score_batch, train_epoch
from smelt.corpus.label.reading import PLAIN, Reading
from smelt.corpus.measures.kernels import utf8_buffers

EPOCHS, RATE = 3, 0.2
"""Chosen on held-out tweets and posts (benchmarks/toxicity.py)."""
FOLDS = 4


@dataclass(frozen=True, slots=True)
class Linear:
    """The weights of one class against the rest, and what makes probabilities of its scores.

    p = 1 / (1 + exp(-(slope * score + per_word * log(1 + listed words) + shift)))
    """

    weights: NDArray[np.float32]
    slope: float
    shift: float
    per_word: float = 0.0
    reading: Reading = PLAIN

    def probabilities(self, texts: pl.Series) -> NDArray[np.float64]:
        """The probability that each text is of the class."""
        normal = self.reading.normal(texts)
        logits = self.slope * _scores(normal, self.weights) + self.shift
        return sigmoid(logits + self.per_word * self.reading.listed(normal))


@dataclass(frozen=True, slots=True)
class Fitted:
    """A classifier, and what it said of documents that it had not seen."""

    model: Linear
    held_out: NDArray[np.float64]
    """The calibrated probability of every document, from a model trained without it."""


def fit(texts: pl.Series, is_class: NDArray[np.bool_], *, reading: Reading = PLAIN, seed: int = 0) -> Fitted:
    """The classifier of a class against the rest. The same texts in the same order give the same weights."""
    normal, labels = reading.normal(texts), is_class.astype(np.uint8)
    fold = np.random.default_rng(seed).permutation(len(labels)) % FOLDS
    scores = np.empty(len(labels))
    for number in range(FOLDS):
        held = fold == number
        weights = _train(normal, labels, np.flatnonzero(~held), seed)
        scores[held] = _scores(normal.filter(pl.Series(held)), weights)
    terms = np.column_stack([scores, reading.listed(normal)] if reading.words else [scores])
    *slopes, shift = fit_sigmoid(terms, labels)
    weights = _train(normal, labels, np.arange(len(labels)), seed)
    model = Linear(weights, slopes[0], shift, slopes[1] if reading.words else 0.0, reading)
    return Fitted(model, sigmoid(terms @ np.array(slopes) + shift))


def fit_sigmoid(terms: NDArray[np.float64], labels: NDArray[np.uint8]) -> list[float]:
    """Platt's slope of each term (n, terms) and, last, the shift; his corrected targets keep them off 0 and 1."""
    n_one = int(labels.sum())
    n_none = len(labels) - n_one
    target = np.where(labels == 1, (n_one + 1) / (n_one + 2), 1 / (n_none + 2))
    inputs = np.column_stack([terms, np.ones(len(labels))])

    def loss(slopes: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        logit = inputs @ slopes
        value = np.mean(np.logaddexp(0, logit) - target * logit)
        return float(value), inputs.T @ (sigmoid(logit) - target) / len(labels)

    start = np.zeros(inputs.shape[1])
    start[0] = 1.0
    found = minimize(loss, start, jac=True, method="BFGS", options={"gtol": 1e-8})
    return [float(slope) for slope in found.x]


def sigmoid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The logistic function, without overflow."""
    return 0.5 * (1 + np.tanh(0.5 * values))


def _train(normal: pl.Series, labels: NDArray[np.uint8], members: NDArray[np.int64], seed: int) -> NDArray[np.float32]:
    weights, squares = np.zeros(2**BITS, np.float32), np.zeros(2**BITS, np.float32)
    chance = np.random.default_rng(seed)
    data, offsets = utf8_buffers(normal)
    for _ in range(EPOCHS):
        train_epoch(data, offsets, labels, chance.permutation(members), RATE, weights, squares)
    return weights


def _scores(normal: pl.Series, weights: NDArray[np.float32]) -> NDArray[np.float64]:
    scores = np.empty(len(normal), np.float64)
    score_batch(*utf8_buffers(normal), weights, scores)
    return scores

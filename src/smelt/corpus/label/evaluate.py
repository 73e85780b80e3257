"""A classifier held against labelled documents: how good it is, and on whom it errs."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib import resources

import numpy as np
import polars as pl
from numpy.typing import NDArray

from smelt.corpus.duplicates.normalise import normalise
from smelt.corpus.label.classifier import thin
from smelt.corpus.label.reading import count_words
from smelt.corpus.label.scores import Bin, Curve, Target, calibration_error, curve, limit_for, reliability, roc_area

SHORT, LONG = 80, 400
"""Characters that part short texts from middling ones, and those from long ones (taste)."""
SAMPLES = 5
FEWEST = 20
"""Documents of a slice; of fewer nothing is said."""


@dataclass(frozen=True, slots=True)
class Slice:
    """How a classifier does on some of the documents."""

    name: str
    documents: int
    of_class: int
    precision: float
    recall: float
    false_positive_rate: float
    """The share of documents that are not of the class and count as it."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How a classifier does."""

    limit: float
    average_precision: float
    roc_area: float
    calibration_error: float
    best_f1: float
    best_limit: float
    curve: list[tuple[float, float, float, float]]
    """Limit, precision, recall, share of all documents; by falling limit."""
    reliability: list[Bin]
    slices: list[Slice]
    """All documents, then by source, language, length, the groups of people that they mention, marks of a dialect."""
    wrongly: list[tuple[str, float, str]]
    """The surest false positives: id, probability, text."""
    missed: list[tuple[str, float, str]]
    """The surest misses, likewise."""

    def limit_for(self, target: Target) -> float:
        """The limit that reaches a target on these documents."""
        limits, precision, recall, share = np.array(self.curve).T
        return limit_for(Curve(limits, precision, recall, share), target)


def evaluate(rows: pl.DataFrame, probabilities: NDArray[np.float64], name: str, *, limit: float = 0.5) -> Evaluation:
    """The evaluation of class `name` on labelled rows (id, text, source, language, label)."""
    is_class = (rows["label"] == name).to_numpy()
    found, counted, slices = curve(probabilities, is_class), probabilities >= limit, _slices(rows)
    return Evaluation(
        limit=limit,
        average_precision=found.average_precision,
        roc_area=roc_area(probabilities, is_class),
        calibration_error=calibration_error(probabilities, is_class),
        best_f1=found.best_f1,
        best_limit=found.best_limit,
        curve=thin(found),
        reliability=reliability(probabilities, is_class),
        slices=[_slice(title, members, is_class, counted) for title, members in slices if members.sum() >= FEWEST],
        wrongly=_samples(rows, probabilities, counted & ~is_class, surest_first=True),
        missed=_samples(rows, probabilities, ~counted & is_class, surest_first=False),
    )


def groups() -> dict[str, dict[str, list[str]]]:
    """Words by the group of people that they name, `mentions`, and words that mark a dialect, `dialect`."""
    return tomllib.loads((resources.files("smelt.corpus.label") / "groups.toml").read_text(encoding="utf-8"))


def _slices(rows: pl.DataFrame) -> list[tuple[str, NDArray[np.bool_]]]:
    length = rows["text"].str.len_chars().to_numpy()
    slices = [("all", np.ones(len(rows), bool))]
    for column in ("source", "language"):
        values = rows[column].drop_nulls().unique().sort()
        slices += [(f"{column} {value}", rows[column].eq_missing(value).to_numpy()) for value in values]
    slices += [
        (f"under {SHORT} characters", length < SHORT),
        (f"{SHORT} to {LONG} characters", (length >= SHORT) & (length < LONG)),
        (f"{LONG} characters or more", length >= LONG),
    ]
    normal = normalise(rows["text"])
    for kind, named in groups().items():
        slices += [(f"{kind} {group}", count_words(normal, words) > 0) for group, words in named.items()]
    return slices


def _slice(name: str, members: NDArray[np.bool_], is_class: NDArray[np.bool_], counted: NDArray[np.bool_]) -> Slice:
    hits, positives = int((members & is_class & counted).sum()), int((members & is_class).sum())
    chosen, n = int((members & counted).sum()), int(members.sum())
    return Slice(
        name=name,
        documents=n,
        of_class=positives,
        precision=hits / max(chosen, 1),
        recall=hits / max(positives, 1),
        false_positive_rate=(chosen - hits) / max(n - positives, 1),
    )


def _samples(
    rows: pl.DataFrame, probabilities: NDArray[np.float64], members: NDArray[np.bool_], *, surest_first: bool
) -> list[tuple[str, float, str]]:
    found = rows.select("id", "text").with_columns(p=pl.Series(probabilities)).filter(pl.Series(members))
    return found.sort("p", "id", descending=[surest_first, False]).head(SAMPLES).select("id", "p", "text").rows()

"""Weak labels: words and patterns vote for labels, and their votes are joined (after Ratner et al. 2017, kept simple).

    otherwise = "clean"             # the label of documents that nothing votes on; left out, they have none

    [[function]]
    name = "swearing"
    label = "toxic"
    words = ["damn", "他妈的"]        # in any case, as whole words; or words_file = "list.txt"
    at_least = 2                    # how many of them it takes; 1 if not given

    [[function]]
    name = "thanks"
    label = "clean"
    pattern = "(?i)thank you|谢谢"   # a regular expression

Each function is right with a probability of its own, and errs on its own (Dawid and Skene 1979, one number each). How
often it is right is read off the others: the share of its votes that the rest, joined, agree with. Where functions
repeat one another, as two lists with the same words do, that share is too good; where they meet only in dispute, since
each votes for one label, it is too bad. A few hundred true labels say better: `--label`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from smelt.corpus.duplicates.normalise import normalise
from smelt.corpus.label.reading import count_words, read_words
from smelt.errors import InputError

ABSTAINS = -1
PRECISION, STRENGTH = 0.7, 10.0
"""What a function is taken for before others have voted beside it, and how many votes that counts for (the paper begins
at 0.7 too; the strength is taste)."""
ROUNDS = 20
Votes = NDArray[np.int64]  # (documents, functions): the number of a label, or ABSTAINS
Numbers = NDArray[np.float64]


class Function(BaseModel):
    """A labelling function: votes for its label where its words or pattern are found, and else abstains."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    label: str
    words: tuple[str, ...] = ()
    words_file: str | None = None
    """One a line; the path starts at the folder of the TOML file."""
    pattern: str | None = None
    at_least: int = Field(default=1, ge=1)
    """Words or matches that it takes."""

    @model_validator(mode="after")
    def _looks_for_one_thing(self) -> Function:
        if sum(map(bool, (self.words, self.words_file, self.pattern))) != 1:
            raise ValueError("names what to look for: one of words, words_file and pattern")
        return self

    def found(self, texts: pl.Series, normal: pl.Series) -> NDArray[np.bool_]:
        """Where it votes."""
        if self.pattern is None:
            return count_words(normal, self.words) >= self.at_least
        return texts.str.count_matches(self.pattern).fill_null(0).to_numpy() >= self.at_least


class Functions(BaseModel):
    """All functions of a file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    function: tuple[Function, ...] = Field(min_length=1)
    otherwise: str | None = None

    @property
    def labels(self) -> list[str]:
        """What they vote for, in alphabetical order."""
        return sorted({function.label for function in self.function})

    def label_of(self, label: str | None) -> int:
        """The number of a label; one that no vote has where nothing votes for it."""
        return self.labels.index(label) if label in self.labels else len(self.labels)

    def votes(self, texts: pl.Series) -> Votes:
        """Every function's vote on every text."""
        normal, labels = normalise(texts), self.labels
        columns = [
            np.where(function.found(texts, normal), labels.index(function.label), ABSTAINS)
            for function in self.function
        ]
        return np.stack(columns, axis=1)


@dataclass(frozen=True, slots=True)
class FunctionReport:
    """What a function is worth."""

    name: str
    label: str
    coverage: float
    """The share of documents that it votes on."""
    overlap: float
    """The share on which others vote too."""
    conflict: float
    """The share on which another votes for something else."""
    estimated_precision: float
    """The share of its votes that are right, as the others' votes have it."""
    precision: float | None
    """The same against true labels, where there are any."""


@dataclass(frozen=True, slots=True)
class WeakLabels:
    """The joined votes."""

    label: list[str | None]
    probability: Numbers
    functions: list[FunctionReport]


def read_functions(path: Path) -> Functions:
    """The functions of a TOML file; `InputError` where it holds none, or one that cannot be."""
    try:
        found = Functions.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        for function in found.function:
            pl.Series([""]).str.count_matches(function.pattern or "")
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(map(str, problem["loc"]))
        raise InputError(where=f"{path} {place}", what=problem["msg"].removeprefix("Value error, ")) from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, pl.exceptions.ComputeError) as error:
        raise InputError(where=str(path), what=f"holds no labelling functions: {error}") from error
    listed = [
        function.model_copy(update={"words": read_words(path.parent / function.words_file)})
        if function.words_file
        else function
        for function in found.function
    ]
    return found.model_copy(update={"function": tuple(listed)})


def join(functions: Functions, votes: Votes, *, limit: float, truth: Sequence[str | None] | None = None) -> WeakLabels:
    """The label of each document whose joined vote is at least as sure as `limit`.

    Votes weigh by their precision: against true labels where there are any, or else as the others' votes have it.
    """
    estimated = estimate_precisions(votes, len(functions.labels))
    weights = estimated if truth is None else measure_precisions(functions, votes, truth)
    joined = posterior(votes, weights, max(len(functions.labels), 2))
    best, sure = joined.argmax(axis=1), joined.max(axis=1)
    silent = (votes == ABSTAINS).all(axis=1)
    labels = [
        functions.otherwise if nobody else functions.labels[place] if probability >= limit else None
        for place, probability, nobody in zip(best.tolist(), sure.tolist(), silent.tolist(), strict=True)
    ]
    reports = [_report(functions, number, votes, estimated, truth) for number in range(votes.shape[1])]
    return WeakLabels(labels, np.where(silent, np.nan, sure), reports)


def estimate_precisions(votes: Votes, n_labels: int) -> Numbers:
    """How often each function is right, by the joined vote of the others where they vote too."""
    n_labels = max(n_labels, 2)
    precisions = np.full(votes.shape[1], PRECISION)
    for _ in range(ROUNDS):
        precisions = np.array([_agreement(votes, number, precisions, n_labels) for number in range(votes.shape[1])])
    return precisions


def measure_precisions(functions: Functions, votes: Votes, truth: Sequence[str | None]) -> Numbers:
    """How often each function is right against true labels, those of documents without one left aside."""
    labels = [functions.label_of(label) for label in truth]
    true, known = np.array(labels)[:, None], np.array([label is not None for label in truth])[:, None]
    voted = (votes != ABSTAINS) & known
    right = (voted & (votes == true)).sum(axis=0)
    return (right + PRECISION * STRENGTH) / (voted.sum(axis=0) + STRENGTH)


def posterior(votes: Votes, precisions: Numbers, n_labels: int) -> Numbers:
    """The probability of each label (documents, labels), all L alike beforehand.

    P(l) is in proportion to the product over the functions that vote, of p if it is for l and of (1-p)/(L-1) if not.
    """
    logs = np.zeros((len(votes), n_labels))
    for number, precision in enumerate(precisions):
        voted = votes[:, number] != ABSTAINS
        gain = np.log(precision) - np.log((1 - precision) / (n_labels - 1))
        logs[np.flatnonzero(voted), votes[voted, number]] += gain
    likely = np.exp(logs - logs.max(axis=1, keepdims=True))
    return likely / likely.sum(axis=1, keepdims=True)


def _agreement(votes: Votes, number: int, precisions: Numbers, n_labels: int) -> float:
    others = np.delete(votes, number, axis=1)
    beside = (votes[:, number] != ABSTAINS) & (others != ABSTAINS).any(axis=1)
    joined = posterior(others[beside], np.delete(precisions, number), n_labels)
    agreed = joined[np.arange(len(joined)), votes[beside, number]].sum()
    return float((agreed + PRECISION * STRENGTH) / (beside.sum() + STRENGTH))


def _report(
    functions: Functions, number: int, votes: Votes, precisions: Numbers, truth: Sequence[str | None] | None
) -> FunctionReport:
    function, mine, others = functions.function[number], votes[:, number], np.delete(votes, number, axis=1)
    voted = mine != ABSTAINS
    beside = voted & (others != ABSTAINS).any(axis=1)
    against = voted & ((others != ABSTAINS) & (others != mine[:, None])).any(axis=1)
    known = [] if truth is None else [truth[row] for row in np.flatnonzero(voted).tolist() if truth[row] is not None]
    return FunctionReport(
        name=function.name,
        label=function.label,
        coverage=float(voted.mean()),
        overlap=float(beside.mean()),
        conflict=float(against.mean()),
        estimated_precision=float(precisions[number]),
        precision=sum(label == function.label for label in known) / len(known) if known else None,
    )

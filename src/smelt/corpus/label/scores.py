"""How good a classifier is: precision and recall at every limit, the limit for a stated aim, calibration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, cast, get_args

import numpy as np
from numpy.typing import NDArray

from smelt.errors import InputError

BINS = 10
Aim = Literal["precision", "recall", "share-kept"]


class Target(NamedTuple):
    """What a limit is to reach: `precision`, `recall`, or the share of all documents that count as the class."""

    aim: Aim
    value: float


class Bin(NamedTuple):
    """Documents whose probability lies in a tenth of the scale: how many, their mean probability, the share of them
    that are of the class. Where the last two agree, a probability is a frequency."""

    documents: int
    probability: float
    frequency: float


@dataclass(frozen=True, slots=True)
class Curve:
    """Precision and recall if all documents with at least a limit count as the class, by falling limit."""

    limit: NDArray[np.float64]
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    share: NDArray[np.float64]
    """Of all documents, how many would count as the class."""

    @property
    def average_precision(self) -> float:
        """The area under the curve as steps."""
        return float(np.sum(self.precision * np.diff(self.recall, prepend=0.0)))

    @property
    def f1(self) -> NDArray[np.float64]:
        """F1 at every limit."""
        total = self.precision + self.recall
        return np.divide(2 * self.precision * self.recall, total, out=np.zeros_like(total), where=total > 0)

    @property
    def best_f1(self) -> float:
        """The highest F1 at any limit."""
        return float(self.f1.max())

    @property
    def best_limit(self) -> float:
        """The limit of the highest F1."""
        return float(self.limit[self.f1.argmax()])


def curve(probabilities: NDArray[np.float64], is_class: NDArray[np.bool_]) -> Curve:
    """The curve over every different probability."""
    order = np.argsort(-probabilities, kind="stable")
    ranked, hits = probabilities[order], np.cumsum(is_class[order])
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    counted = last + 1
    return Curve(
        limit=ranked[last],
        precision=hits[last] / counted,
        recall=hits[last] / max(int(is_class.sum()), 1),
        share=counted / len(ranked),
    )


def parse_target(text: str) -> Target:
    """A target as it is written, `precision=.95`, `recall=.8` or `share-kept=.3`; `InputError` where it is none."""
    aim, _, value = text.partition("=")
    try:
        target = Target(cast("Aim", aim.strip()), float(value))
    except ValueError:
        target = Target("precision", 0.0)
    if aim.strip() not in get_args(Aim) or not 0 < target.value <= 1:
        expected = " or ".join(f"{name}=NUMBER" for name in get_args(Aim))
        raise InputError(where=f"target {text!r}", what="is no aim", expected=f"{expected}, above 0 and up to 1")
    return target


def limit_for(found: Curve, target: Target) -> float:
    """The limit that reaches a target: the lowest with that precision, the highest with that recall or share.

    `InputError` where no limit does.
    """
    aim, value = target
    reached = {"precision": found.precision, "recall": found.recall, "share-kept": found.share}[aim] >= value
    places = np.flatnonzero(reached)
    if not len(places):
        best = float(found.precision.max())
        raise InputError(
            where=f"{aim} = {value:g}",
            what=f"is reached at no limit; the highest precision is {best:.3g}",
            do="aim lower",
        )
    return float(found.limit[places[-1] if aim == "precision" else places[0]])


def roc_area(probabilities: NDArray[np.float64], is_class: NDArray[np.bool_]) -> float:
    """The chance that a document of the class has a higher probability than one that is not (Mann and Whitney)."""
    _, inverse, counts = np.unique(probabilities, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    n_one = int(is_class.sum())
    n_none = len(is_class) - n_one
    return float((ranks[is_class].sum() - n_one * (n_one + 1) / 2) / max(n_one * n_none, 1))


def reliability(probabilities: NDArray[np.float64], is_class: NDArray[np.bool_]) -> list[Bin]:
    """Ten bins of equal width, empty ones left out (the reliability diagram of Niculescu-Mizil and Caruana 2005)."""
    bins = np.minimum((probabilities * BINS).astype(np.int64), BINS - 1)
    n = np.bincount(bins, minlength=BINS)
    means = np.bincount(bins, probabilities, BINS) / np.maximum(n, 1)
    shares = np.bincount(bins, is_class, BINS) / np.maximum(n, 1)
    return [Bin(int(n[place]), float(means[place]), float(shares[place])) for place in np.flatnonzero(n)]


def calibration_error(probabilities: NDArray[np.float64], is_class: NDArray[np.bool_]) -> float:
    """The expected calibration error over ten bins of equal width (Guo et al. 2017, equation 3)."""
    gaps = sum(
        found.documents * abs(found.frequency - found.probability) for found in reliability(probabilities, is_class)
    )
    return gaps / max(len(is_class), 1)

"""The classifier as an artifact: weights as safetensors, and a card that says what it is and how good.

weights.safetensors   the weights of each class (float32, 2^BITS each)
card.json             classes, calibration, training counts, and for each class what held-out documents say of it
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from smelt.core.artifact import Artifact
from smelt.core.shards import read_json, write_json, write_whole
from smelt.corpus.label.scores import Bin, Curve, Target, limit_for
from smelt.errors import InputError

WEIGHTS, CARD = "weights.safetensors", "card.json"
POINTS = 200
"""Points of a precision-recall curve that are kept: a stated share or precision is met within half a percent."""


class ClassCard(BaseModel):
    """A class: its calibration, and how well it is told from the rest, on documents not trained on."""

    model_config = ConfigDict(frozen=True)

    name: str
    documents: int
    slope: float
    shift: float
    per_word: float
    """The weight of listed words; 0 where there is no list."""
    best_limit: float
    """The probability from which on F1 is highest."""
    average_precision: float
    roc_area: float
    calibration_error: float
    reliability: list[Bin]
    curve: list[tuple[float, float, float, float]]
    """Limit, precision, recall, share of all documents; by falling limit."""

    def limit(self, target: Target) -> float:
        """The limit that reaches a target on the held-out documents."""
        limits, precision, recall, share = np.array(self.curve).T
        return limit_for(Curve(limits, precision, recall, share), target)


class Card(BaseModel):
    """What a classifier is."""

    model_config = ConfigDict(frozen=True)

    classes: list[ClassCard]
    documents: int
    sources: dict[str, int]
    """Training documents by their source."""
    words: list[str] = []
    """The word list that scores are joined with."""
    characters: int | None = None
    """How much of a text is read; None for all."""


class Classifier(Artifact):
    """A trained classifier."""

    kind: ClassVar[str] = "classifier"

    @cached_property
    def model(self) -> Model:
        """What tells classes."""
        return load_model(self.folder)


class Model:
    """A classifier at work: its card and weights."""

    def __init__(self, card: Card, weights: dict[str, NDArray[np.float32]]) -> None:
        self.card, self._weights = card, weights

    def probabilities(self, texts: pl.Series, name: str) -> NDArray[np.float64]:
        """The probability that each text is of a class."""
        from smelt.corpus.label.linear import Linear
        from smelt.corpus.label.reading import Reading

        found, reading = self.class_card(name), Reading(tuple(self.card.words), self.card.characters)
        model = Linear(self._weights[name], found.slope, found.shift, found.per_word, reading)
        return model.probabilities(texts)

    def class_card(self, name: str) -> ClassCard:
        """What is known of a class; `InputError` where there is none of that name."""
        for found in self.card.classes:
            if found.name == name:
                return found
        names = ", ".join(found.name for found in self.card.classes)
        raise InputError(where="classify", what=f"the model knows no class {name!r}", expected=f"one of {names}")


def save_model(folder: Path, card: Card, weights: dict[str, NDArray[np.float32]]) -> None:
    """Writes a classifier."""
    from safetensors.numpy import save_file

    with write_whole(folder / WEIGHTS) as path:
        save_file(weights, path)
    write_json(folder / CARD, card.model_dump(mode="json"))


def load_model(folder: Path) -> Model:
    """The classifier in a folder; `InputError` where there is none, or it is damaged."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        card = Card.model_validate(read_json(folder / CARD))
        return Model(card, load_file(folder / WEIGHTS))
    except (OSError, ValidationError, SafetensorError) as error:
        raise InputError(
            where=str(folder),
            what=f"holds no classifier: {error}",
            expected=f"{CARD} and {WEIGHTS}",
            do="train one: smelt classify train",
        ) from error


def thin(found: Curve) -> list[tuple[float, float, float, float]]:
    """At most POINTS of a curve's points, first and last among them: what a card keeps."""
    points = np.column_stack([found.limit, found.precision, found.recall, found.share])
    places = np.unique(np.linspace(0, len(points) - 1, min(POINTS, len(points))).astype(int))
    return [(limit, precision, recall, share) for limit, precision, recall, share in points[places].tolist()]

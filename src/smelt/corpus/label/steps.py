"""The step that trains a classifier on the labels that documents carry."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, ClassVar, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from smelt.core.artifact import Artifact, Counts
from smelt.core.step import Estimate, Sizes, Step
from smelt.core.work import Work
from smelt.corpus.corpus import Corpus
from smelt.corpus.label.classifier import Card, ClassCard, Classifier, save_model, thin
from smelt.errors import InputError

if TYPE_CHECKING:
    from smelt.corpus.label.linear import Fitted

BYTES_PER_SECOND = 8e6
"""Text trained on, all folds and epochs together, one class (2026-11)."""
FEWEST = 20
"""Documents that a class must have: of fewer nothing can be held out (taste)."""


class TrainClassifier(Step[Classifier]):
    """Trains a linear classifier over hashed n-grams for every class against the rest."""

    step: ClassVar[str] = "train-classifier"
    makes: ClassVar[type[Artifact]] = Classifier

    corpus: Step[Corpus]
    """The labelled documents; those without a label are left aside."""
    label: str = "label"
    """The column, or the field of `meta`, that holds the label."""
    seed: int = Field(default=0, ge=0)

    def estimate(self, sizes: Sizes) -> Estimate:
        """Training takes time in proportion to the text."""
        return Estimate(core_seconds=sizes.number(self.corpus, "bytes") / BYTES_PER_SECOND)

    def make(self, work: Work) -> Counts:
        """Trains class by class, each judged on folds that it was not trained on."""
        from smelt.corpus.label.linear import fit

        rows = labelled(work.open(self.corpus), self.label)
        names = check_classes(rows["label"], self.label)
        is_class = {name: (rows["label"] == name).to_numpy() for name in names}
        fitted = {name: fit(rows["text"], is_class[name], seed=self.seed) for name in names}
        cards = [class_card(name, is_class[name], found) for name, found in fitted.items()]
        sources = dict(sorted(Counter(rows["source"].fill_null("").to_list()).items()))
        card = Card(classes=cards, documents=len(rows), sources=sources)
        save_model(work.folder, card, {name: found.model.weights for name, found in fitted.items()})
        return {"documents": len(rows), "classes": len(names)}


def labelled(corpus: Corpus, label: str) -> pl.DataFrame:
    """The documents with a label, in order: id, text, source, language, label."""
    documents = corpus.kept()
    has_column = label in documents.collect_schema()
    value = pl.col(label).cast(pl.String) if has_column else pl.col("meta").str.json_path_match(f"$.{label}")
    rows = documents.select("id", "text", "source", "language", label=value)
    return rows.filter(pl.col("label").is_not_null()).collect(engine="streaming")


def check_classes(labels: pl.Series, field: str) -> list[str]:
    """The classes, in alphabetical order; `InputError` where there are fewer than two, or one has too few documents."""
    counts = dict(sorted(cast("list[tuple[str, int]]", labels.value_counts().rows())))
    if len(counts) < 2:
        found = f"only {next(iter(counts))!r}" if counts else "no labels"
        raise InputError(
            where=f"label {field!r}",
            what=f"holds {found}",
            expected="two classes at least",
            do="name the field: label = ...",
        )
    few = {name: n for name, n in counts.items() if n < FEWEST}
    if few:
        told = ", ".join(f"{name!r} has {n}" for name, n in list(few.items())[:5])
        raise InputError(where=f"label {field!r}", what=told, expected=f"at least {FEWEST} documents of every class")
    # Of two classes one probability is the other's rest: the second is trained, so that 0/1 and no/yes give 1 and yes.
    return list(counts)[1:] if len(counts) == 2 else list(counts)


def class_card(name: str, is_class: NDArray[np.bool_], fitted: Fitted) -> ClassCard:
    """What held-out documents say of a class."""
    from smelt.corpus.label.scores import calibration_error, curve, roc_area

    found = curve(fitted.held_out, is_class)
    points = list(zip(found.limit.tolist(), found.precision.tolist(), found.recall.tolist(), strict=True))
    return ClassCard(
        name=name,
        documents=int(is_class.sum()),
        slope=fitted.model.slope,
        shift=fitted.model.shift,
        average_precision=found.average_precision,
        roc_area=roc_area(fitted.held_out, is_class),
        calibration_error=calibration_error(fitted.held_out, is_class),
        curve=thin(points),
    )

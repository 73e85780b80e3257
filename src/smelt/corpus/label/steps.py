"""The steps that train: a classifier, on labels or on one corpus held against another; an n-gram model of bytes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field, ValidationInfo

from smelt.core.artifact import Artifact, Counts
from smelt.core.step import Estimate, Sizes, Step
from smelt.core.work import Work
from smelt.corpus.corpus import Corpus
from smelt.corpus.label.classifier import Card, ClassCard, Classifier, save_model, thin
from smelt.corpus.label.ngrams import Ngrams, by_hash
from smelt.errors import EmptyResult, InputError
from smelt.units import Bytes

if TYPE_CHECKING:
    from smelt.corpus.label.linear import Fitted

BYTES_PER_SECOND = 8e6
"""Text trained on, all folds and epochs together, one class (2026-11)."""
FEWEST = 20
"""Documents that a class must have: of fewer nothing can be held out (taste)."""
ASIDE = 10
"""Of so many documents one is left aside, to measure an n-gram model on (taste)."""
REST = "rest"
"""The label of what a corpus is held against."""


def _words_of_file(value: object, info: ValidationInfo) -> object:
    """A path stands for the words in it, relative to the recipe's folder."""
    from smelt.corpus.label.reading import read_words

    folder = cast("dict[str, Any]", info.context or {}).get("folder", Path())
    return read_words(Path(folder, value).expanduser()) if isinstance(value, str) else value


class TrainClassifier(Step[Classifier]):
    """Trains a linear classifier over hashed n-grams for every class against the rest."""

    step: ClassVar[str] = "train-classifier"
    version: ClassVar[int] = 3
    makes: ClassVar[type[Artifact]] = Classifier

    corpus: Step[Corpus]
    """The labelled documents, those without a label left aside; or, where there is `against`, those of the class."""
    against: Step[Corpus] | None = None
    """Documents that are not of the class: a part of a crawl, where `corpus` is what one would have it be like. Those
    trained on score too low afterwards: it is to judge the other parts."""
    label: str = "label"
    """The column, or the field of `meta`, that holds the label; with `against`, the name of the class."""
    words: Annotated[tuple[str, ...], BeforeValidator(_words_of_file)] = ()
    """A word list that knows more than the labels do: its words, or the path of a file of them. See reading.py."""
    characters: int | None = Field(default=None, ge=1)
    """How much of a text is read, from its beginning; all of it if not given. Where one side's documents are far
    longer, a limit keeps length from telling them apart."""
    seed: int = Field(default=0, ge=0)

    def estimate(self, sizes: Sizes) -> Estimate:
        """Training takes time in proportion to the text."""
        corpora = [self.corpus] if self.against is None else [self.corpus, self.against]
        return Estimate(core_seconds=sum(sizes.number(corpus, "bytes") for corpus in corpora) / BYTES_PER_SECOND)

    def make(self, work: Work) -> Counts:
        """Trains class by class, each judged on folds that it was not trained on."""
        from smelt.corpus.label.linear import fit
        from smelt.corpus.label.reading import Reading

        rows, names = self._rows(work)
        reading = Reading(self.words, self.characters)
        is_class = {name: (rows["label"] == name).to_numpy() for name in names}
        fitted = {name: fit(rows["text"], is_class[name], reading=reading, seed=self.seed) for name in names}
        card = Card(
            classes=[class_card(name, is_class[name], found) for name, found in fitted.items()],
            documents=len(rows),
            sources=dict(sorted(Counter(rows["source"].fill_null("").to_list()).items())),
            words=list(self.words),
            characters=self.characters,
        )
        save_model(work.folder, card, {name: found.model.weights for name, found in fitted.items()})
        return {"documents": len(rows), "classes": len(names)}

    def _rows(self, work: Work) -> tuple[pl.DataFrame, list[str]]:
        """The documents to train on, and the classes to train."""
        if self.against is None:
            rows = labelled(work.open(self.corpus), self.label).filter(pl.col("text").str.strip_chars() != "")
            return rows, check_classes(rows["label"], self.label)
        rows = side_by_side(work.open(self.corpus), work.open(self.against), self.label)
        check_classes(rows["label"], self.label)
        return rows, [self.label]


class TrainNgrams(Step[Ngrams]):
    """Trains an n-gram model of bytes, which gives other documents a perplexity."""

    step: ClassVar[str] = "train-ngrams"
    makes: ClassVar[type[Artifact]] = Ngrams

    corpus: Step[Corpus]
    """Texts such as one would have."""
    order: int = Field(default=6, ge=1, le=12)
    """Bytes of the longest n-gram; more takes more memory (taste, not tuned)."""
    sample_bytes: Annotated[Bytes, Field(gt=0)] = 16 * 2**20
    """How much text to train on, about: a GiB of memory at order 6."""

    def make(self, work: Work) -> Counts:
        """Counts, and measures on what was left aside."""
        from smelt.corpus.label.ngrams import About, NgramScorer, count_ngrams, sample_texts, save_ngrams

        texts = sample_texts(work.open(self.corpus).kept(["id", "text"]), self.sample_bytes)
        n_bytes = int(texts.str.len_bytes().sum())
        if n_bytes == 0:
            raise EmptyResult(where=self.step, what="the corpus holds no text", expected="some MB of it")
        aside = np.arange(len(texts)) % ASIDE == ASIDE - 1
        arrays = count_ngrams(texts.filter(pl.Series(~aside)), self.order)
        judged = texts.filter(pl.Series(aside)) if aside.any() else texts
        sizes = judged.str.len_bytes().to_numpy()
        bits = NgramScorer(self.order, arrays, work.folder).bits_per_byte(judged)
        mean = float(np.nansum(bits * sizes) / max(int(sizes.sum()), 1))
        about = About(order=self.order, documents=len(texts), bytes=n_bytes, bits_per_byte=mean)
        save_ngrams(work.folder, about, arrays)
        return {"documents": len(texts), "bytes": n_bytes, "ngrams": len(arrays["grams"]), "bits_per_byte": mean}


def side_by_side(corpus: Corpus, against: Corpus, label: str) -> pl.DataFrame:
    """As many documents of each corpus, the first's labelled with a class and the second's as the rest of the world.

    As many, so that a probability of one half means as likely of one as of the other, however large the crawl is.
    """
    if label == REST:
        raise InputError(where="label", what=f"{REST!r} stands for what the class is held against", do="name the class")
    ids = [by_hash(side.kept(["id"]).collect(engine="streaming")["id"]) for side in (corpus, against)]
    n = min(map(len, ids))
    parts = [(corpus, label, ids[0][:n]), (against, REST, ids[1][:n])]
    frames = [
        side.kept(["id", "text", "source", "language"])
        .filter(pl.col("id").is_in(chosen.implode()))
        .with_columns(label=pl.lit(name))
        for side, name, chosen in parts
    ]
    return pl.concat(frames).collect(engine="streaming")


def labelled(corpus: Corpus, label: str) -> pl.DataFrame:
    """The documents with a label, in order: id, text, source, language, label. An empty one is none: tables have no
    other word for it."""
    documents = corpus.kept()
    has_column = label in documents.collect_schema()
    value = pl.col(label).cast(pl.String) if has_column else pl.col("meta").str.json_path_match(f"$.{label}")
    rows = documents.select("id", "text", "source", "language", label=value)
    return rows.filter(pl.col("label").str.strip_chars() != "").collect(engine="streaming")


def check_classes(labels: pl.Series, field: str, *, name: str | None = None) -> list[str]:
    """The classes, in alphabetical order; `InputError` where there are fewer than two, one has too few documents, or
    the one that is asked for is not there."""
    counts = dict(sorted(cast("list[tuple[str, int]]", labels.value_counts().rows())))
    if len(counts) < 2:
        found = f"only {next(iter(counts))!r}" if counts else "no labels"
        raise InputError(
            where=f"label {field!r}",
            what=f"holds {found}",
            expected="two classes at least",
            do="name the field: label = ...",
        )
    if name is not None and name not in counts:
        known = ", ".join(repr(known) for known in counts)
        raise InputError(where=f"label {field!r}", what=f"has no {name!r}, which the classifier tells; it has {known}")
    few = {name: n for name, n in counts.items() if n < FEWEST}
    if few:
        told = ", ".join(f"{name!r} has {n}" for name, n in list(few.items())[:5])
        raise InputError(where=f"label {field!r}", what=told, expected=f"at least {FEWEST} documents of every class")
    # Of two classes one probability is the other's rest: the second is trained, so that 0/1 and no/yes give 1 and yes.
    return list(counts)[1:] if len(counts) == 2 else list(counts)


def class_card(name: str, is_class: NDArray[np.bool_], fitted: Fitted) -> ClassCard:
    """What held-out documents say of a class."""
    from smelt.corpus.label.scores import calibration_error, curve, reliability, roc_area

    found = curve(fitted.held_out, is_class)
    return ClassCard(
        name=name,
        documents=int(is_class.sum()),
        slope=fitted.model.slope,
        shift=fitted.model.shift,
        per_word=fitted.model.per_word,
        best_limit=found.best_limit,
        average_precision=found.average_precision,
        roc_area=roc_area(fitted.held_out, is_class),
        calibration_error=calibration_error(fitted.held_out, is_class),
        reliability=reliability(fitted.held_out, is_class),
        curve=thin(found),
    )

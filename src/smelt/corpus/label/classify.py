"""The op that scores documents by a trained classifier, and drops by the score if limits are set."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import polars as pl
from pydantic import Field, JsonValue, ValidationInfo, model_validator

from smelt.core.shards import file_digest
from smelt.corpus.document import Op, drop_where, is_kept
from smelt.corpus.label.classifier import CARD, WEIGHTS, Model, load_model
from smelt.corpus.paths import with_paths
from smelt.errors import InputError


class Classify(Op):
    """Adds the probability of a class as a column `<class>_score`; drops documents outside `min` and `max`.

    Without limits it is soft: nothing falls, and later steps may weigh by the score.
    """

    op: ClassVar[str] = "classify"
    model: str
    """The folder of a classifier."""
    of: str | None = None
    """The class; may be left out where the model knows one."""
    min: float | None = Field(default=None, ge=0, le=1)
    """Documents with less are dropped."""
    max: float | None = Field(default=None, ge=0, le=1)
    """Documents with more are dropped."""

    @model_validator(mode="before")
    @classmethod
    def _find(cls, values: Any, info: ValidationInfo) -> Any:
        return with_paths(values, info, "model", _classifier)

    @property
    def column(self) -> str:
        """Where the score goes."""
        return f"{self.name}_score"

    @property
    def name(self) -> str:
        """The class."""
        return self.of or _model(self.model).card.classes[0].name

    def settings(self) -> dict[str, JsonValue]:
        """What the model is, not where it lies."""
        digests = [file_digest(Path(self.model) / name) for name in (CARD, WEIGHTS)]
        return {**self.model_dump(mode="json", exclude={"model"}), "model": "".join(digests)}

    def apply(self, batch: pl.DataFrame) -> pl.DataFrame:
        """The batch with scores, and drops `classify.<class>`."""
        texts = batch.select(pl.when(is_kept()).then("text").otherwise(pl.lit(""))).to_series()
        scores = pl.Series(_model(self.model).probabilities(texts, self.name))
        value = pl.col(self.column)
        batch = batch.with_columns(pl.when(is_kept()).then(scores).alias(self.column))
        reason = f"{self.op}.{self.name}"
        if self.min is not None:
            batch = drop_where(batch, value < self.min, reason, value=value, limit=self.min)
        if self.max is not None:
            batch = drop_where(batch, value > self.max, reason, value=value, limit=self.max)
        return batch


def _classifier(name: str, folder: Path) -> str:
    path = (folder / name).absolute()
    if not (path / CARD).is_file():
        raise InputError(where=f"model {name!r}", what="is no classifier", do="train one: smelt classify train")
    return str(path)


@cache
def _model(folder: str) -> Model:
    return load_model(Path(folder))

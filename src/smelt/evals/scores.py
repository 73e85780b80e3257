"""Scores as an artifact: what a model answered, and what that is worth.

scores.json       one number by name                answers.parquet   id, asked, wanted, said
"""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar, cast

import polars as pl

from smelt.core.artifact import Artifact
from smelt.core.shards import read_json

SCORES, ANSWERS = "scores.json", "answers.parquet"


class Scores(Artifact):
    """What a model answered."""

    kind: ClassVar[str] = "scores"

    @cached_property
    def scores(self) -> dict[str, float]:
        """By name, such as `bleu` or `macro_f1`."""
        return cast("dict[str, float]", read_json(self.folder / SCORES))

    @cached_property
    def answers(self) -> pl.DataFrame:
        """One row an example: id, asked (the text), wanted, said."""
        return pl.read_parquet(self.folder / ANSWERS)

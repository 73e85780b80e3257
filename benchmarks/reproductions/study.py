"""A published study and what came of its data here: the rows of docs/laws/reproductions.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from smelt.laws.forms import Floats
from smelt.laws.points import Observations

SCALING = Path(__file__).parents[3] / "shared/data/scaling"
"""The public sets, each in a folder with a README that says where it is from."""


@dataclass(frozen=True, slots=True)
class Row:
    """One figure."""

    what: str
    published: float | None
    """As printed in the source; None where it gives none."""
    reproduced: float
    form: str = ".4g"
    """How both are written."""


@dataclass(frozen=True, slots=True)
class Study:
    """One source, its figures, and why ours differ where they do."""

    source: str
    data: str
    """Folder of the public set, and which rows."""
    rows: Sequence[Row]
    reasons: str
    """What was found of the differences; a paragraph of Markdown."""


def table(path: str, *, infer_schema_length: int | None = 100) -> pl.DataFrame:
    """A CSV of the public sets; None reads it whole before a column's type is decided."""
    return pl.read_csv(SCALING / path, infer_schema_length=infer_schema_length)


def observations(frame: pl.DataFrame, loss: str, **variables: str | pl.Expr) -> Observations:
    """Rows of a table as what a form is fitted to: `N="params"`."""
    columns = {name: _column(frame, column) for name, column in variables.items()}
    return Observations(run=tuple(str(i) for i in range(frame.height)), variables=columns, loss=_column(frame, loss))


def relative(predicted: Floats, observed: Floats) -> Floats:
    """|predicted / observed - 1|."""
    return np.abs(predicted / observed - 1)


def _column(frame: pl.DataFrame, column: str | pl.Expr) -> Floats:
    return frame.select(column).to_series().cast(pl.Float64).to_numpy()

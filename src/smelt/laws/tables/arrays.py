"""Columns of anyone's table as arrays: numbers that are there, are finite and mean what they should."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from smelt.errors import InputError
from smelt.laws.forms import Floats

ROUNDING = 0.02
"""How far shares may be from adding up to one: RegMix's, 17 domains rounded to three digits, are off by up to .004."""


def numbers(frame: pl.DataFrame, name: str, *, positive: bool = False) -> Floats:
    """A column (rows); raises InputError where it is missing, or holds what is no number, or none above 0."""
    if name not in frame.columns:
        raise InputError(where="the table", what=f"has no column {name!r}", expected=", ".join(frame.columns))
    values = frame[name].cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy().astype(np.float64)
    bad = np.flatnonzero(~np.isfinite(values) | (positive & (values <= 0)))
    if len(bad):
        row, expected = int(bad[0]), "a positive number" if positive else "a finite number"
        raise InputError(where=f"{name}, row {row + 1}", what=f"is {frame[name][row]}", expected=expected)
    return values


def shares(frame: pl.DataFrame, domains: Sequence[str]) -> Floats:
    """Shares of domains (rows, M), which add up to one in every row; what rounding left is divided out."""
    x = np.column_stack([numbers(frame, name) for name in domains])
    total = x.sum(axis=1)
    for i in np.flatnonzero((x < 0).any(axis=1)):
        raise InputError(where=f"shares, row {i + 1}", what=f"one is {x[i].min():g}", expected="0 to 1")
    for i in np.flatnonzero(np.abs(total - 1) > ROUNDING):
        do = "name every domain of the training data, or divide the columns by their sum"
        raise InputError(where=f"shares, row {i + 1}", what=f"they add up to {total[i]:.3f}", expected="1", do=do)
    return x / total[:, None]

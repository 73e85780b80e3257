"""Cells of anyone's table as numbers, and as names of runs."""

from __future__ import annotations

import re

import polars as pl

from smelt.units import parse_count

THOUSANDS = re.compile(r"[-+]?\d{1,3}(,\d{3})+(\.\d*)?\s*[A-Za-z]*")


def numbers_of(cells: pl.Series) -> tuple[pl.Series, dict[int, str]]:
    """A column as numbers, and the cells that are none by row, from 1; `12M` and `1,000` are numbers.

    >>> numbers_of(pl.Series(["1.5B", "", "n/a"]))[1]
    {3: 'n/a'}
    """
    if cells.dtype.is_numeric():
        return cells.cast(pl.Float64), {}
    values: list[float | None] = []
    wrong: dict[int, str] = {}
    for row, cell in enumerate(cells.cast(pl.String, strict=False), start=1):
        text = (cell or "").strip()
        value = _number(text)
        if text and value is None:
            wrong[row] = text
        values.append(value)
    return pl.Series(values, dtype=pl.Float64), wrong


def names_of(cells: pl.Series | None, height: int) -> pl.Series:
    """What to call each run: what the cell says; where there is none, its row of the file from 1."""
    row = pl.format("row {}", pl.int_range(1, height + 1))
    names = [] if cells is None else [pl.lit(cells.cast(pl.String, strict=False))]
    return pl.select(pl.coalesce(*names, row).alias("run")).to_series()


def told_apart(rows: pl.DataFrame) -> pl.DataFrame:
    """With the row in the names of runs that agree in name, size and tokens; other rows of one name are checkpoints."""
    same = pl.struct("run", "n_params", "n_tokens").is_duplicated()
    named = pl.when(same).then(pl.format("{} (row {})", "run", "row")).otherwise("run")
    return rows.with_columns(named.alias("run"))


def _number(text: str) -> float | None:
    if "," in text and not THOUSANDS.fullmatch(text):
        return None  # 1,5 is not fifteen
    try:
        return float(text)
    except ValueError:
        pass
    try:
        return parse_count(text)
    except ValueError:
        return None

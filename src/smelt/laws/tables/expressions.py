"""What a user computes of a table's columns, and which runs a condition means: `flops < 1e21 and dataset = 'c4'`.

SQL expressions, read by Polars: they compute and compare, and reach no file and no other table.
"""

from __future__ import annotations

import difflib

import polars as pl
from polars.exceptions import PolarsError

from smelt.errors import InputError

GRAMMAR = (
    "a condition such as flops < 1e21 and dataset = 'c4': comparisons, and, or, not, in, arithmetic; strings in single "
    "quotes, names with spaces in double quotes"
)


def computed(frame: pl.DataFrame, expression: str) -> pl.Series:
    """The value of an expression by row. NaN counts as empty, so that it meets no condition but `is null`.

    Raises PolarsError where it is no expression of the columns, ValueError where it does not give a value a row.
    """
    found = pl.sql_expr(expression)
    values = frame.with_columns(pl.col(pl.Float64, pl.Float32).fill_nan(None)).select(found).to_series()
    if not found.meta.undo_aliases().meta.eq(found):  # `a > 1e` is read as `a > 1 as e`
        raise ValueError("it names its result")
    if len(values) != len(frame):
        raise ValueError("it makes one value of all runs")
    return values


def matches(frame: pl.DataFrame, condition: str, *, option: str) -> pl.Series:
    """Whether a condition holds, by row."""
    try:
        found = computed(frame, condition)
    except PolarsError as error:
        raise _unreadable(frame, condition, error, option=option) from error
    except ValueError as error:
        raise InputError(where=option, what=f"{condition!r} is no condition: {error}", expected=GRAMMAR) from error
    if found.dtype != pl.Boolean:
        raise InputError(where=option, what=f"{condition!r} is no condition, but a value", expected=GRAMMAR)
    return found.fill_null(value=False)


def _unreadable(frame: pl.DataFrame, condition: str, error: PolarsError, *, option: str) -> InputError:
    said = str(error).splitlines()[0].partition("; valid columns")[0]
    missing = said.partition('"')[2].partition('"')[0]
    names = {name.lower(): name for name in frame.columns}
    close = difflib.get_close_matches(missing.lower(), names, n=1)
    do = f"did you mean the column {names[close[0]]}?" if close else f"the columns: {', '.join(frame.columns)}"
    return InputError(where=option, what=f"{condition!r}: {said}", expected=GRAMMAR, do=do)

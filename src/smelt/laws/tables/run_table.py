"""From anyone's table to a run table: columns found, units applied, the third of N, D and C from C = 6ND.

    frame (read.py) --columns.py--> n_params n_tokens flops loss_nats --selection.py--> run table (points.py)

A run table keeps the runs that are left out, with the reason in its column `dropped`: duplicates, the largest losses on
request, rows without a loss. What would spoil a fit without a sign of it is refused: losses that are no positive
numbers, words among the numbers, sizes in millions beside counts (suspicion.py), runs that all cost the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from smelt.errors import InputError
from smelt.laws.forms import Form
from smelt.laws.points import DROPPED
from smelt.laws.tables.cells import names_of, numbers_of, told_apart
from smelt.laws.tables.columns import BY_ROW, NO_FLOPS, Source, find_columns
from smelt.laws.tables.quantities import BUDGET, LOSS, RUN, C, D, N
from smelt.laws.tables.selection import (
    HELD_OUT,
    ROW,
    Selection,
    best_of_each,
    used,
    variables,
    wanted,
    with_held_out,
    without_empty,
    without_largest,
)
from smelt.laws.tables.suspicion import SAME, check_cells, check_range, check_units

REPEATED = 3
"""So many runs for each N and D are a search over something else, and no seeds: taste."""


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A run table, and what was made of the file for it."""

    runs: pl.DataFrame
    """Columns as in `Points.from_frame`; `dropped` says why a run is left out; `held_out` where some are."""
    read: dict[str, str]
    """Where each quantity stands in the file, in words."""
    n_rows: int
    """Rows of the file."""
    notes: list[str]
    """What the user should know."""

    @property
    def dropped(self) -> dict[str, str]:
        """Run to reason."""
        left = self.runs.filter(pl.col(DROPPED).is_not_null())
        return dict(left.select(RUN.column, DROPPED).iter_rows())

    @property
    def used(self) -> pl.DataFrame:
        """The runs that enter the fit."""
        return used(self.runs)

    @property
    def held_out(self) -> pl.Series | None:
        """Whether a run of `runs` is held out; None where nobody asked."""
        return self.runs[HELD_OUT] if HELD_OUT in self.runs.columns else None


def run_table(
    frame: pl.DataFrame, selection: Selection | None = None, *, table: str = "the table", needed: Iterable[str] = ()
) -> Table:
    """The run table of `frame`; `needed` are the columns of a form's variables beside N, D and C.

    Raises InputError where columns are missing or ambiguous, cells are no numbers or not positive, units are mixed,
    no run is left, or all runs are at one budget.
    """
    selection = selection or Selection()
    frame = frame.select(column for column in frame.get_columns() if not column.dtype.is_nested())
    sources = find_columns(frame, selection.columns, table=table, needed=needed)
    rows, wrong = _numbers(frame, sources)
    rows = told_apart(_third(rows, table=table))
    if selection.where is not None:
        rows = wanted(frame, rows, selection.where, table=table)
    positive = [name for name in rows.columns if name in {q.column for q in (N, D, C, LOSS)} | set(needed)]
    check_cells(rows, wrong, sources, positive=positive, table=table)
    check_units(rows, sources, table=table)
    rows = without_empty(frame, rows, needed=positive, table=table)
    notes = [*_about_columns(sources)]
    if selection.best:
        rows, note = best_of_each(rows)
        notes.append(note)
    if selection.drop_largest:
        rows = without_largest(rows, selection.drop_largest)
    if selection.hold_out is not None:
        rows = with_held_out(frame, rows, selection.hold_out)
    rows = _with_epochs(rows)
    check_range(used(rows), table=table)
    read = {column: source.in_words() for column, source in sources.items()} | _worked_out(sources)
    runs = rows.hstack(_other_columns(frame, rows)).drop(ROW)
    return Table(runs, read, frame.height, [*notes, *_about_rows(rows, table=table)])


def check_enough(table: Table, form: Form) -> None:
    """Raises InputError where the runs, without those held out, are too few for a form or all alike in its N or D."""
    fitted = table.used.filter(~pl.col(HELD_OUT)) if table.held_out is not None else table.used
    held = table.used.height - fitted.height
    where = "--hold-out" if held else "the run table"
    if fitted.height <= len(form.parameters):
        raise InputError(
            where=where,
            what=f"{fitted.height} runs are left for the {len(form.parameters)} parameters of {form.formula}",
            expected=f"at least {len(form.parameters) + 1}",
            do="hold out fewer" if held else "add runs, leave out fewer, or take a form with fewer parameters (--form)",
        )
    for quantity in (q for q in (N, D) if q.letter in form.variables):
        values = fitted[quantity.column].to_numpy()
        if values.max() < SAME * values.min():
            raise InputError(
                where=where,
                what=f"{quantity.meaning} is about {values.max():.3g} in all {fitted.height} runs",
                expected=f"several values: {form.formula} depends on it",
                do=f"add runs, or take a form without {quantity.letter} (--form)",
            )


def _numbers(frame: pl.DataFrame, sources: Mapping[str, Source]) -> tuple[pl.DataFrame, dict[str, dict[int, str]]]:
    """Each quantity in plain counts, with `row` and `run`; and by column the cells that are no numbers, by row."""
    names = sources.get(RUN.column)
    found = {ROW: pl.Series(np.arange(1, frame.height + 1))}
    found[RUN.column] = names_of(names.cells(frame) if names else None, frame.height)
    wrong: dict[str, dict[int, str]] = {}
    for column, source in sources.items():
        if column != RUN.column:
            values, wrong[column] = numbers_of(source.cells(frame))
            found[column] = values * (source.unit or 1.0)
    return pl.DataFrame(found), wrong


def _third(rows: pl.DataFrame, *, table: str) -> pl.DataFrame:
    """With what C = 6ND gives where a cell of N, D or C is empty; a budget stands for C where that is needed."""
    known = [quantity for quantity in (N, D, C) if quantity.column in rows.columns]
    if len(known) < 2 and C not in known and BUDGET.column in rows.columns:
        rows = rows.with_columns(pl.col(BUDGET.column).alias(C.column))
        known.append(C)
    if len(known) < 2:
        missing = [quantity.option for quantity in (N, D, C) if quantity not in known]
        raise InputError(
            where=table,
            what=f"has {known[0].meaning if known else 'none of N, D and C'}{' alone' if known else ''}",
            expected="two of the size N, the tokens D and the compute C = 6ND",
            do=f"say where they stand: {', '.join(missing)}; a number, such as --d 130B, is the same for all runs",
        )
    absent = [pl.lit(None, dtype=pl.Float64).alias(q.column) for q in (N, D, C) if q.column not in rows.columns]
    rows = rows.with_columns(absent)
    n, d, c = (pl.col(quantity.column) for quantity in (N, D, C))
    return rows.with_columns(n.fill_null(c / 6 / d), d.fill_null(c / 6 / n), c.fill_null(6 * n * d))


def _other_columns(frame: pl.DataFrame, rows: pl.DataFrame) -> list[pl.Series]:
    """What else the file says of the runs: the checklist of a report looks for learning rates, seeds, tokenizers."""
    others = [column for column in frame.get_columns() if column.name not in rows.columns]
    return [column.gather(rows[ROW] - 1) for column in others]


def _with_epochs(rows: pl.DataFrame) -> pl.DataFrame:
    """Epochs are D over the unique tokens, where the table has those and not these."""
    if "unique_tokens" in rows.columns and "epochs" not in rows.columns:
        return rows.with_columns(epochs=pl.max_horizontal(1.0, pl.col(D.column) / pl.col("unique_tokens")))
    return rows


def _about_columns(sources: Mapping[str, Source]) -> Iterable[str]:
    """A size without embeddings is said to be one: exponents differ by what is counted (Pearce & Song 2024)."""
    size = sources.get(N.column)
    if size and size.column and re.search("no_?emb|non_?emb", size.column, re.IGNORECASE):
        yield f"N is {size.in_words()}, parameters without embeddings: so is every N of this law."


def _about_rows(rows: pl.DataFrame, *, table: str) -> Iterable[str]:
    """Duplicates, runs that may be one, checkpoints, and searches over hyperparameters."""
    copies = rows[DROPPED].str.starts_with("the same as").sum()
    if copies:
        yield f"{copies} of {rows.height:,} rows of {table} repeat an earlier one in every column: each is used once."
    quantities = variables(rows)
    columns, letters = [q.column for q in quantities], ", ".join(q.letter for q in quantities)
    seen = used(rows).select(*columns, LOSS.column)
    alike = seen.filter(seen.is_duplicated()).height
    if alike:
        yield f"{alike} runs share {letters} and loss with another: one that was logged twice counts twice."
    curve = [RUN.column, N.column]
    if earlier := used(rows).height - used(rows).n_unique(curve):
        yield (
            f"{earlier:,} rows are of the run and size of another, at other tokens: taken for its checkpoints. "
            f"If they are runs of their own, name them by their rows: --run {BY_ROW}."
        )
    if (settings := seen.n_unique(columns)) * REPEATED <= seen.height:
        yield (
            f"{seen.height:,} runs have only {settings:,} different settings of {letters}. Where hyperparameters were "
            "tried, --best keeps the best of each; else the law is one of badly tuned models."
        )


def _worked_out(sources: Mapping[str, Source]) -> dict[str, str]:
    """How what has no column was had."""
    formulas = {N.column: "C / 6D", D.column: "C / 6N", C.column: NO_FLOPS}
    missing = {column: formula for column, formula in formulas.items() if column not in sources}
    return missing | ({C.column: "the budget"} if len(missing) > 1 else {})

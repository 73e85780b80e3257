"""Which runs of a table enter a fit, which are left out and why, and which are held out."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from smelt.errors import EmptyResult
from smelt.laws.points import DROPPED
from smelt.laws.tables.columns import Columns
from smelt.laws.tables.expressions import matches
from smelt.laws.tables.quantities import LOSS, OTHER, D, N, Quantity

ROW = "row"
"""A run's row in the file, from 1."""
HELD_OUT = "held_out"


@dataclass(frozen=True, slots=True)
class Selection:
    """What the user wants of a table."""

    columns: Columns = field(default_factory=Columns)
    where: str | None = None
    """Only the runs for which this holds."""
    best: bool = False
    """Of runs of equal N and D only the one with the least loss: what a search over hyperparameters leaves."""
    drop_largest: int = 0
    """Leave out so many of the largest losses."""
    hold_out: str | None = None
    """Runs that are to be predicted by a fit without them."""


def wanted(frame: pl.DataFrame, rows: pl.DataFrame, where: str, *, table: str) -> pl.DataFrame:
    """The rows that meet `where`; `frame` are the same rows as the file has them."""
    chosen = matches(_for_conditions(frame, rows), where, option="--where")
    if not chosen.any():
        raise EmptyResult(where="--where", what=f"{where!r} holds for none of the {frame.height} runs of {table}")
    return rows.filter(chosen)


def without_empty(frame: pl.DataFrame, rows: pl.DataFrame, *, needed: list[str], table: str) -> pl.DataFrame:
    """With `dropped`: what has no N, D or loss, and what repeats an earlier row in every column."""
    empty = pl.coalesce([pl.when(pl.col(name).is_null()).then(pl.lit(f"no {name}")) for name in needed])
    repeated = pl.Series(_repeats(frame), dtype=pl.String).gather(rows[ROW] - 1)
    rows = rows.with_columns(pl.coalesce(empty, pl.lit(repeated)).alias(DROPPED))
    if rows[DROPPED].is_not_null().all():
        raise EmptyResult(where=table, what=f"none of {rows.height} runs has {', '.join(needed)}")
    return rows


def best_of_each(rows: pl.DataFrame) -> tuple[pl.DataFrame, str]:
    """Without the runs that another of the same N, D and further variables beats; and a note that says so."""
    usable = used(rows)
    alike = variables(usable)
    best = usable.sort(LOSS.column, maintain_order=True).unique(
        [q.column for q in alike], keep="first", maintain_order=True
    )
    kept = rows.filter(pl.col(ROW).is_in(best[ROW].to_list()) | pl.col(DROPPED).is_not_null())
    return (
        kept,
        f"Of {usable.height:,} runs the best of each {', '.join(q.letter for q in alike)} was kept: {best.height:,}.",
    )


def without_largest(rows: pl.DataFrame, count: int) -> pl.DataFrame:
    """With the `count` largest losses dropped."""
    usable = used(rows).sort(LOSS.column, maintain_order=True)
    if count >= usable.height:
        raise EmptyResult(
            where="--drop-largest", what=f"{count} of {usable.height} runs leaves none", expected="fewer than the runs"
        )
    largest = usable[ROW].tail(count).to_list()
    reason = f"one of the {count} largest losses" if count > 1 else "the largest loss"
    return rows.with_columns(pl.when(pl.col(ROW).is_in(largest)).then(pl.lit(reason)).otherwise(DROPPED).alias(DROPPED))


def with_held_out(frame: pl.DataFrame, rows: pl.DataFrame, hold_out: str) -> pl.DataFrame:
    """With `held_out`: whether a run that is used meets the condition."""
    of_rows = frame.select(pl.all().gather((rows[ROW] - 1).to_list()))
    held = matches(_for_conditions(of_rows, rows), hold_out, option="--hold-out")
    rows = rows.with_columns((held & rows[DROPPED].is_null()).alias(HELD_OUT))
    if not rows[HELD_OUT].any():
        raise EmptyResult(where="--hold-out", what=f"{hold_out!r} holds for none of the {used(rows).height} runs used")
    return rows


def variables(rows: pl.DataFrame) -> list[Quantity]:
    """What of a table a form may depend on, beside C: two runs that agree in it differ by chance or by how they were
    trained."""
    return [quantity for quantity in (N, D, *OTHER) if quantity.is_variable and quantity.column in rows.columns]


def used(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows that are not dropped."""
    return rows.filter(pl.col(DROPPED).is_null())


def _for_conditions(frame: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """What a condition may name: the file's columns as they are, and N, D, C and loss in plain counts and nats."""
    counted = rows.select(pl.exclude(ROW, DROPPED), pl.col(LOSS.column).alias("loss"))
    return frame.with_columns(counted.get_columns())


def _repeats(frame: pl.DataFrame) -> list[str | None]:
    """For a row that says in every column what an earlier one says: which."""
    first: dict[object, int] = {}
    alike = frame.is_duplicated()
    return [
        None if not same or first.setdefault(cells, row) == row else f"the same as row {first[cells]}"
        for row, (same, cells) in enumerate(zip(alike, frame.iter_rows(), strict=True), start=1)
    ]

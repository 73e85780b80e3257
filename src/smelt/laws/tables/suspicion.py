"""What cannot be right in a table of runs: cells, units, and runs that all cost the same.

A wrong unit spoils a law without a sign of it: a power law fits N in billions as well, and only the optimum is absurd.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from smelt.errors import InputError
from smelt.laws.forms import Floats
from smelt.laws.tables.columns import Source
from smelt.laws.tables.quantities import BUDGET, LOSS, C, D, N, Quantity

OFF = 300.0
"""From this factor on C and 6ND are of different units: attention, embeddings and routed experts part them by less than
a hundred in every public table."""
COUNTED_IN = 1e3
"""Models of fewer parameters, and runs of fewer tokens, are counted in millions or billions."""
GAP = 300.0
"""No table of runs leaps by this factor from one size to the next, but one with two units."""
SMALL = 1e5
"""Only a group of sizes below is suspected of being counted in millions."""
NAMED = 5
"""Runs or cells that a message names one by one."""
SAME = 1.02
"""Runs whose FLOPs differ by less than this factor are of one budget; sizes and tokens likewise do not vary."""


def check_cells(
    rows: pl.DataFrame,
    wrong: Mapping[str, Mapping[int, str]],
    sources: Mapping[str, Source],
    *,
    positive: Sequence[str],
    table: str,
) -> None:
    """Raises InputError where a cell is no number (`wrong`: by column and row), or not `positive` and finite."""
    here = set(rows["row"])
    for column, cells in wrong.items():
        if said := [f"{text!r} in row {row}" for row, text in cells.items() if row in here]:
            raise _spoilt(column, said, sources, what="holds cells that are no numbers", table=table)
    for column in positive:
        bad = rows.filter(~(pl.col(column).is_finite() & (pl.col(column) > 0)))
        if said := [f"{value:g} in {run}" for run, value in bad.select("run", column).iter_rows()]:
            raise _spoilt(column, said, sources, what="is not positive and finite everywhere", table=table)


def check_range(rows: pl.DataFrame, *, table: str) -> None:
    """Raises InputError where all runs spent the same."""
    flops = rows[C.column].to_numpy()
    budgets = rows[BUDGET.column].drop_nulls().n_unique() if BUDGET.column in rows.columns else 0
    if len(flops) > 1 and (budgets == 1 or flops.max() < SAME * flops.min()):
        raise InputError(
            where=table,
            what=f"all {len(flops)} runs are at one budget, {flops.max():.3g} FLOPs",
            expected="at least two budgets: how the optimum moves with compute cannot be seen at one",
            do="add runs at another budget",
        )


def check_units(rows: pl.DataFrame, sources: Mapping[str, Source], *, table: str) -> None:
    """Raises InputError where the sizes, tokens and FLOPs of a table cannot be in the units that it is read in."""
    for quantity in (N, D):
        source = sources.get(quantity.column)
        if source is not None and source.column is not None and source.unit is None:
            _check_counts(rows, quantity, source, table=table)
    if all(quantity.column in sources for quantity in (N, D, C)):
        _check_product(rows, sources, table=table)


def _check_counts(rows: pl.DataFrame, quantity: Quantity, source: Source, *, table: str) -> None:
    values = np.sort(rows[quantity.column].drop_nulls().to_numpy())
    if not len(values):
        return
    if values[-1] < COUNTED_IN:
        raise InputError(
            where=table,
            what=f"{source.in_words()} goes from {values[0]:g} to {values[-1]:g}: too little for {quantity.meaning} "
            "as a count",
            expected="plain counts, or the unit said",
            do=f'such as --{quantity.field} "{source.column}:1e6" or "{source.column}:B"; ":1" if these are counts',
        )
    leap = _leap(values)
    if leap is not None:
        runs = rows.filter(pl.col(quantity.column) <= leap[0])["run"].to_list()
        raise InputError(
            where=table,
            what=f"{source.in_words()} mixes units: {len(runs)} values up to {leap[0]:g} ({', '.join(runs[:3])} ...), "
            f"the others from {leap[1]:g} on",
            expected=f"{quantity.meaning} as plain counts in every row",
            do=f'mend the table; if these are counts: --{quantity.field} "{source.column}:1"',
        )


def _leap(values: Floats) -> tuple[float, float] | None:
    """Two neighbours among ascending values of which the lower looks counted in another unit."""
    steps = np.flatnonzero((values[1:] > GAP * values[:-1]) & (values[:-1] < SMALL))
    return (float(values[steps[-1]]), float(values[steps[-1] + 1])) if len(steps) else None


def _check_product(rows: pl.DataFrame, sources: Mapping[str, Source], *, table: str) -> None:
    n, d, c = (rows[quantity.column].to_numpy() for quantity in (N, D, C))
    with np.errstate(invalid="ignore"):
        ratio = c / (6 * n * d)
    off = np.abs(np.log(ratio)) > np.log(OFF)
    if not off.any():
        return
    typical = float(np.median(ratio[off]))
    which = (
        "every run" if off.all() else f"{off.sum()} of {len(off)} runs ({', '.join(rows['run'].filter(off)[:3])} ...)"
    )
    raise InputError(
        where=table,
        what=f"C ({sources[C.column].in_words()}) is about {typical:.1g} times 6ND in {which}: N "
        f"({sources[N.column].in_words()}), D ({sources[D.column].in_words()}) and C are not in the same units",
        expected="parameters, tokens and FLOPs as plain counts, C near 6ND",
        do='say the unit: --n, --d or --flops "NAME:1e6"; --flops 6ND leaves the table\'s FLOPs aside',
    )


def _spoilt(column: str, said: list[str], sources: Mapping[str, Source], *, what: str, table: str) -> InputError:
    source = sources[column].in_words() if column in sources else f"{column}, from C = 6ND,"
    more = f" and {len(said) - NAMED} more" if len(said) > NAMED else ""
    return InputError(
        where=table,
        what=f"{source} {what}: {', '.join(said[:NAMED])}{more}",
        expected="positive, finite numbers; an empty cell where there is none",
        do=f"mend the table, or leave such runs out: --where '{'loss' if column == LOSS.column else column} > 0'",
    )

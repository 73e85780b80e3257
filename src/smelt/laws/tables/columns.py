"""Which column of anyone's table holds what: guessed from the header, or named by the user.

    Model Size | Training FLOP | loss | color             header of a file
    N            C               loss                     D = C/6N is worked out (table.py)

Names are tried in tiers, the plainest first, and the first tier that the header meets decides: a table with `N` and
`N_no_emb` means N by N. Two names of one tier are no guess but a question, unless their columns hold the same numbers.
A unit may stand in the header, `Model Size (B)`, or behind a name that the user gives, `--n "Model Size:1e9"`. What no
column holds may be computed, `--d "step * 524288"`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl
from polars.exceptions import PolarsError
from pydantic import BaseModel, ConfigDict, Field

from smelt.errors import InputError
from smelt.laws.forms import COLUMNS
from smelt.laws.tables.expressions import computed
from smelt.laws.tables.quantities import BUDGET, LOSS, OTHER, RUN, C, D, N, Quantity
from smelt.units import COUNTS, parse_count


class Columns(BaseModel):
    """What the user says of the columns; what is None is guessed.

    Each is `NAME`, `NAME:UNIT` or `NAME*UNIT`, with a unit such as 1e6, M or B; or one number, the same for all runs;
    or an expression over the columns, `step * 524288`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    n: str | None = None
    """Parameters N."""
    d: str | None = None
    """Tokens seen in training D, repeats counted each time."""
    flops: str | None = None
    """Training FLOPs C; `6ND` to count them so whatever the table says."""
    loss: str | None = None
    """Held-out loss, nats per token."""
    budget: str | None = None
    """FLOPs that each run was meant to cost."""
    run: str | None = None
    """The runs' names; `row` to call them by their rows whatever the table says."""
    other: dict[str, str] = Field(default_factory=dict)
    """What else forms depend on, by their names for it: `{ U = "unique tokens" }`."""


NOT_FINAL = {"train", "training", "avg", "average", "max", "min", "std", "sem", "se", "err", "lo95", "hi95", "step"}
"""Words in the name of a loss that is not the held-out loss, but that in training, or a spread or bound of one."""
NO_FLOPS, BY_ROW = "6ND", "row"
"""What `flops` and `run` say to leave the table's columns aside."""
SHOWN = 20
"""Columns that a message lists."""
UNIT_WORDS = {**COUNTS, "thousands": 1e3, "millions": 1e6, "billions": 1e9, "bn": 1e9, "trillions": 1e12}


@dataclass(frozen=True, slots=True)
class Source:
    """Where a quantity comes from: a column times a unit, one number for all runs, or an expression over columns."""

    column: str | None
    unit: float | None = None
    """None where neither the user nor the header says one."""
    constant: float | None = None
    expression: str | None = None

    def in_words(self) -> str:
        """For people: `"Model Size (B)" x 1e+09`."""
        if self.expression is not None:
            return self.expression
        if self.column is None:
            return f"{self.constant:g} for all runs"
        return f'"{self.column}"' + (f" x {self.unit:g}" if self.unit not in (None, 1.0) else "")

    def cells(self, frame: pl.DataFrame) -> pl.Series:
        """What stands there, as it stands, a cell a row."""
        if self.expression is not None:
            return computed(frame, self.expression)
        if self.column is None:
            return pl.Series([self.constant] * frame.height, dtype=pl.Float64)
        return frame[self.column]


def find_columns(frame: pl.DataFrame, columns: Columns, *, table: str, needed: Iterable[str] = ()) -> dict[str, Source]:
    """Where each quantity comes from, by its column in a run table; what is not there is left out.

    `needed` are the columns of a form's further variables. Raises InputError, which says what the header has and which
    option decides, where a name is none of its columns, several could be meant, or something needed is missing.
    """
    found: dict[str, Source] = {}
    for quantity in (N, D, C, BUDGET, LOSS, RUN):
        said: str | None = getattr(columns, quantity.field)
        aside = {C: NO_FLOPS, RUN: BY_ROW}.get(quantity) == said and said not in frame.columns
        source = None if said and aside else _source(frame, quantity, said, table=table)
        found |= {quantity.column: source} if source else {}
    if LOSS.column not in found:
        raise _missing(frame, LOSS, table=table)
    for variable, said in columns.other.items():
        column = COLUMNS.get(variable, variable)
        found[column] = named_source(frame, said, option=f"--column {variable}", table=table)
    known = {quantity.column: quantity for quantity in OTHER}
    for column in (name for name in needed if name not in found):
        quantity = known.get(column, Quantity(column, "", column, (column.lower(),)))
        source = _source(frame, quantity, None, table=table)
        if source is None:
            raise _missing(frame, quantity, table=table)
        found[column] = source
    return found | _taken_along(frame, without=found)


def named_source(frame: pl.DataFrame, said: str, *, option: str, table: str) -> Source:
    """What a user's `NAME`, `NAME:UNIT`, `NAME*UNIT`, number or expression means."""
    if said in frame.columns:
        return Source(said, header_unit(said))
    for separator in (":", "*"):
        name, _, unit = said.rpartition(separator)
        if name.strip() in frame.columns and (separator == ":" or _parse_unit(unit)):
            return Source(name.strip(), _unit(unit, option=option, said=said))
    try:
        return Source(None, constant=parse_count(said))
    except ValueError:
        pass
    try:
        computed(frame, said)
    except (PolarsError, ValueError) as error:
        raise _no_column(frame, said, option=option, table=table) from error
    return Source(None, expression=said)


def plain(name: str) -> str:
    """A column's name as `Quantity.names` spells it: `#Params (B)` and `params` are one."""
    without_unit = re.sub(r"\s*[\(\[].*?[\)\]]\s*$", "", name)
    return re.sub(r"[^a-z0-9]+", "_", without_unit.lower()).strip("_")


def header_unit(name: str) -> float | None:
    """The unit that a header says in brackets: 1e9 of `Model Size (B)`, 1e21 of `FLOPs (1E21)`."""
    found = re.search(r"[\(\[](?:in\s+|x\s*|×\s*)?([^()\[\]]+)[\)\]]\s*$", name)
    return _parse_unit(found[1]) if found else None


def _source(frame: pl.DataFrame, quantity: Quantity, said: str | None, *, table: str) -> Source | None:
    if said is not None and quantity is RUN and said not in frame.columns:
        raise _no_column(frame, said, option=f"--{quantity.field}", table=table)
    if said is not None:
        return named_source(frame, said, option=f"--{quantity.field}", table=table)
    candidates = _candidates(frame, quantity)
    if not candidates:
        return None
    if len(candidates) > 1 and not all(frame[name].equals(frame[candidates[0]]) for name in candidates):
        raise InputError(
            where=table,
            what=f"several columns could be {quantity.meaning}: {_quoted(candidates)}",
            expected="one of them",
            do=f"say which: {quantity.option.replace('NAME', repr(candidates[0]))}",
        )
    return Source(candidates[0], None if quantity in (LOSS, RUN) else header_unit(candidates[0]))


def _candidates(frame: pl.DataFrame, quantity: Quantity) -> list[str]:
    for tier in quantity.names:
        if found := [name for name in frame.columns if plain(name) in tier.split()]:
            return found
    if quantity is not LOSS:
        return []
    losses = [name for name in frame.columns if _is_loss(name)]
    return [name for name in losses if not NOT_FINAL & set(plain(name).split("_"))] or losses


def _is_loss(name: str) -> bool:
    spelled = plain(name).replace("_", "")
    return "loss" in spelled or "crossentropy" in spelled


def _taken_along(frame: pl.DataFrame, *, without: Iterable[str]) -> dict[str, Source]:
    """What a run table can hold beside what a fit needs: one column or none, never a question."""
    found = {quantity.column: _candidates(frame, quantity) for quantity in OTHER}
    taken = {column: names[0] for column, names in found.items() if len(names) == 1 and column not in set(without)}
    return {column: Source(name, header_unit(name)) for column, name in taken.items() if frame[name].dtype.is_numeric()}


def _parse_unit(text: str) -> float | None:
    word = text.strip().lower()
    try:
        return UNIT_WORDS[word] if word in UNIT_WORDS else float(word)
    except ValueError:
        return None


def _unit(text: str, *, option: str, said: str) -> float:
    unit = _parse_unit(text)
    if unit is None or not 0 < unit < float("inf"):
        raise InputError(where=option, what=f"{text.strip()!r} in {said!r} is no unit", expected="such as 1e6, M or B")
    return unit


def _no_column(frame: pl.DataFrame, said: str, *, option: str, table: str) -> InputError:
    close = difflib.get_close_matches(said, frame.columns, n=1)
    return InputError(
        where=option,
        what=f"{said!r} is no column of {table}",
        expected=f"one of {_quoted(frame.columns)}, with a unit if need be (NAME:1e6); a number; or arithmetic on them",
        do=f"did you mean {close[0]!r}?" if close else None,
    )


def _missing(frame: pl.DataFrame, quantity: Quantity, *, table: str) -> InputError:
    return InputError(
        where=table,
        what=f"no column looks like {quantity.meaning} (it has {_quoted(frame.columns)})",
        expected=f"a name such as {', '.join(tier.split()[0] for tier in quantity.names[:3])}",
        do=f"say which it is: {quantity.option}",
    )


def _quoted(names: Iterable[str]) -> str:
    every = [repr(name) for name in names]
    more = f" and {len(every) - SHOWN} more" if len(every) > SHOWN else ""
    return ", ".join(every[:SHOWN]) + more

"""What the options of `fit` ask for, as settings of a fit; a name that is none of those known is told with the nearest.

`--loss` says two things, for that is how people think of them: which column holds the loss, and which loss the fit
minimises. A name of the header is the former, before all else; huber, lad and mse are the latter. It can be given
twice; `--loss-column` and `--objective` mean one thing each.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast, get_args

import numpy as np
import polars as pl

from smelt.cli.options import count_of
from smelt.errors import InputError
from smelt.laws.derive import Settings
from smelt.laws.findings import Method
from smelt.laws.fitting.objective import DELTA, Kind, Objective
from smelt.laws.fitting.resampling import Resampling
from smelt.laws.forms import COLUMNS, FORMS, Form
from smelt.laws.tables.columns import Columns

OBJECTIVES: tuple[str, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class LossSaid:
    """Where the loss stands, and what is minimised; None where nobody said."""

    column: str | None = None
    objective: str | None = None


def read_loss(
    values: Sequence[str], header: Sequence[str], *, column: str | None = None, objective: str | None = None
) -> LossSaid:
    """What the values of `--loss` mean, together with `--loss-column` and `--objective`."""
    columns = [value for value in values if value in header or value not in OBJECTIVES]
    objectives = [value for value in values if value not in columns]
    columns += [column] if column is not None else []
    objectives += [objective] if objective is not None else []
    for found, what in ((columns, "column"), (objectives, "objective")):
        if len(found) > 1:
            raise InputError(where="--loss", what=f"{' and '.join(found)} are given", expected=f"one {what} at most")
    return LossSaid(next(iter(columns), None), next(iter(objectives), None))


def settings_of(
    *, form: str, method: str | None, objective: str, delta: float | None, draws: int, seed: int, resample: str | None
) -> Settings:
    """How the law is derived."""
    check_known(form, FORMS, option="--form", sources={name: known.source for name, known in FORMS.items()})
    if resample is not None:
        check_known(resample, get_args(Resampling), option="--resample")
    if method is not None:
        check_known(method, get_args(Method), option="--method")
    return Settings(
        form=FORMS[form],
        draws=draws,
        seed=seed,
        objective=_objective(objective, delta),
        resampling=cast("Resampling | None", resample),
        method=cast("Method | None", method),
    )


def columns_of(given: dict[str, str | None], other: Sequence[str]) -> Columns:
    """What was said of the columns; `other` are values of `--column`, VAR=NAME."""
    said: dict[str, str] = {}
    for value in other:
        variable, name = (part.strip() for part in value.partition("=")[::2])
        if not variable or not name:
            raise InputError(where="--column", what=f"{value!r} is no VAR=NAME", expected="such as U=unique_tokens")
        said[variable] = name
    return Columns.model_validate({**given, "other": said})


def needed_by(form: Form) -> list[str]:
    """Columns of a run table behind the form's variables beside N, D and C."""
    return [COLUMNS.get(name, name) for name in form.variables if name not in ("N", "D", "C")]


def held_at(values: Sequence[str], form: Form, runs: pl.DataFrame) -> dict[str, float]:
    """The form's further variables at the optimum, by their columns: what `--at` says, else the runs' medians."""
    held = {column: float(np.median(runs[column])) for column in needed_by(form)}
    for value in values:
        variable, amount = (part.strip() for part in value.partition("=")[::2])
        column = COLUMNS.get(variable, variable)
        check_known(column, held, option="--at")
        held[column] = count_of(amount, option="--at")
    return held


def check_known(value: str, known: Iterable[str], *, option: str, sources: Mapping[str, str] | None = None) -> None:
    """Raises InputError where `value` is none of those known, with the nearest, or those by authors of that name."""
    names = list(known)
    if value in names:
        return
    close = difflib.get_close_matches(value, names, n=1)
    close += [name for name, source in (sources or {}).items() if value.lower() in source.lower()]
    raise InputError(
        where=option,
        what=f"there is no {value!r}",
        expected=f"one of {', '.join(names)}" if names else "none: the form has no further variables",
        do=f"did you mean {' or '.join(dict.fromkeys(close))}?" if close else None,
    )


def _objective(kind: str, delta: float | None) -> Objective:
    check_known(kind, OBJECTIVES, option="--objective")
    if delta is not None and kind != "huber":
        raise InputError(where="--delta", what=f"is given with {kind}", expected="huber: the others have none")
    if delta is not None and not 0 < delta < float("inf"):
        raise InputError(where="--delta", what=f"is {delta:g}", expected="a positive number such as 1e-3")
    return Objective(cast("Kind", kind), DELTA if delta is None else delta)

"""What enters a fit: one point a run, as arrays, with the counting convention said once.

D is `n_tokens`, tokens seen in training, repeats counted each time. C is `flops`, the exact count where a run has one
and 6ND elsewhere. The loss is `loss_nats`, nats per token on held-out text. About these there is no dispute.

N is the trouble. In a large model all counts of parameters are one; in a ladder's models embedding and head are most
of the parameters and attention's scores a tenth of the work, and the exponents depend on what is counted: much of the
gap between Kaplan's .73 and Chinchilla's .50 is the head (Pearce & Song 2024, Porian et al. 2024). Here N in a fit is
`size`, FLOPs a token over 6, much as DeepSeek count it (Bi et al. 2024). With it C = 6ND holds by definition and the
exponents of N* and D* add up to one. It also extrapolates best: on ladders simulated with smelt's shapes, N* a million
times beyond the runs is off by a factor of 1.13 in the median, against 1.27 by all parameters and 1.55 by matrices and
head (at worst 3.7, 3.5 and 3.6; tests/laws/test_counting.py). What is printed as parameters is `n_params`, all of them:
overhead.py turns one into the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from smelt.errors import InputError
from smelt.laws.budgets import recognise
from smelt.laws.forms import COLUMNS, Floats, Form

COUNTING = (
    "Parameters are all parameters, embedding and head included; fits count N as FLOPs per token over 6, so that "
    "C = 6ND is exact. D counts tokens seen, repeats each time. C is exact FLOPs where known, else 6ND."
)
"""The convention in one sentence, for every place that prints an N."""

REQUIRED = ("n_params", "n_tokens", "loss_nats")
DROPPED = "dropped"
"""The column of a run table that says why a run is not to be used; null for one that is."""


@dataclass(frozen=True, slots=True, eq=False)
class Observations:
    """What a form is fitted to: losses, and the variables that they are to depend on, a row a run."""

    run: tuple[str, ...]
    variables: Mapping[str, Floats]
    """By the names that forms give them: N, D, C."""
    loss: Floats
    budget: Floats | None = None
    """The budget each run was meant for; NaN where there is none."""

    def __len__(self) -> int:
        return len(self.run)

    def x(self, form: Form) -> Floats:
        """The form's variables as its kernel takes them: (runs, V)."""
        return form.encode({name: self.variables[name] for name in form.variables})

    def where(self, mask: NDArray[np.bool_]) -> Self:
        """The observations at which `mask` holds."""
        return type(self)(
            run=tuple(run for run, kept in zip(self.run, mask, strict=True) if kept),
            variables={name: values[mask] for name, values in self.variables.items()},
            loss=self.loss[mask],
            budget=None if self.budget is None else self.budget[mask],
        )

    @property
    def cells(self) -> list[NDArray[np.intp]]:
        """Which runs differ in nothing but their seeds: those of equal variables, cell by cell."""
        rows = np.stack(list(self.variables.values()), axis=1)
        _, cells = np.unique(rows, axis=0, return_inverse=True)
        order, counts = np.argsort(cells, kind="stable"), np.bincount(cells)
        return np.split(order, np.cumsum(counts)[:-1])


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Runs as arrays of one length, finite and positive."""

    run: tuple[str, ...]
    n_params: Floats
    """All parameters."""
    n_tokens: Floats
    loss_nats: Floats
    flops: Floats
    budget_flops: Floats
    """The budget each run was meant for; NaN where runs were not made for budgets, and for intermediate checkpoints."""
    other: Mapping[str, Floats] = field(default_factory=dict[str, Floats])
    """What else a form may depend on, by the names that forms give it: unique tokens U."""

    @classmethod
    def from_frame(cls, runs: pl.DataFrame, *, other: Sequence[str] = ()) -> tuple[Self, dict[str, str]]:
        """The usable runs of a table, and why each of the others was dropped, by run.

        Needs the columns n_params, n_tokens and loss_nats, and those behind the variables in `other`; takes run, flops
        (else 6ND) and budget_flops where there are such; unique_tokens may come as epochs. Raises InputError where a
        column is missing or nothing is left. Where the table has no budgets they are recognised (budgets.py).
        """
        if "unique_tokens" not in runs.columns and {"n_tokens", "epochs"} <= set(runs.columns):
            runs = runs.with_columns(unique_tokens=pl.col("n_tokens") / pl.col("epochs"))
        needed = {name: COLUMNS.get(name, name) for name in other}
        missing = [name for name in (*REQUIRED, *needed.values()) if name not in runs.columns]
        if missing:
            raise InputError(
                where="the run table",
                what=f"has no column {', '.join(missing)} (it has {', '.join(runs.columns) or 'none'})",
                expected=f"the columns {', '.join((*REQUIRED, *needed.values()))}",
            )
        everything = cls(
            run=tuple(str(run) for run in runs["run"]) if "run" in runs.columns else _numbered(runs.height),
            n_params=_column(runs, "n_params"),
            n_tokens=_column(runs, "n_tokens"),
            loss_nats=_column(runs, "loss_nats"),
            flops=_column(runs, "flops")
            if "flops" in runs.columns
            else 6.0 * _column(runs, "n_params") * _column(runs, "n_tokens"),
            budget_flops=_column(runs, "budget_flops")
            if "budget_flops" in runs.columns
            else np.full(runs.height, np.nan),
            other={name: _column(runs, column) for name, column in needed.items()},
        )
        reasons = everything._reasons()
        if DROPPED in runs.columns:  # the table's own reason comes first
            reasons = [said or found for said, found in zip(runs[DROPPED], reasons, strict=True)]
        usable = everything.where(np.array([reason is None for reason in reasons], dtype=bool))
        if not len(usable):
            raise InputError(
                where="the run table", what=f"holds no usable run of {runs.height}", expected="finite, positive losses"
            )
        dropped = {run: reason for run, reason in zip(everything.run, reasons, strict=True) if reason}
        return usable._with_budgets(recognised="budget_flops" not in runs.columns), dropped

    def __len__(self) -> int:
        return len(self.run)

    @property
    def size(self) -> Floats:
        """N of the fits: FLOPs a token over 6."""
        return self.flops / (6 * self.n_tokens)

    @property
    def observations(self) -> Observations:
        """Its variables and losses, for a form to be fitted to."""
        variables = {**self.other, "N": self.size, "D": self.n_tokens, "C": self.flops}
        return Observations(run=self.run, variables=variables, loss=self.loss_nats, budget=self.budget_flops)

    @property
    def typical(self) -> dict[str, float]:
        """The medians of its other variables, by column."""
        return {COLUMNS.get(name, name): float(np.median(values)) for name, values in self.other.items()}

    @property
    def alike(self) -> Self:
        """Without the budgets whose runs differ in its other variables: a parabola through them would mix laws."""
        mixed = [
            budget
            for budget in self.budgets
            if any(np.ptp(values[self.budget_flops == budget]) > 0 for values in self.other.values())
        ]
        return self.where(~np.isin(self.budget_flops, mixed))

    @property
    def budgets(self) -> Floats:
        """The distinct budgets, ascending."""
        return np.unique(self.budget_flops[np.isfinite(self.budget_flops)])

    @property
    def curve(self) -> NDArray[np.int64]:
        """The training curve of each row: rows of one run and one size, at different tokens, are its checkpoints.

        Rows of equal tokens are replicates, and each a curve of its own.
        """
        same = ("run", "n_params")
        replicated = pl.struct(*same, "n_tokens").is_duplicated().any().over(same)
        first = pl.when(replicated).then("row").otherwise(pl.col("row").first().over(same))
        return self._rows().select(first.alias("curve"))["curve"].to_numpy().astype(np.int64)

    @property
    def is_final(self) -> NDArray[np.bool_]:
        """Which rows are a run's end, and not a checkpoint before it."""
        rows = self._rows().with_columns(curve=self.curve)
        return rows.select(pl.col("n_tokens") == pl.col("n_tokens").max().over("curve")).to_series().to_numpy()

    @property
    def final(self) -> Self:
        """Without the checkpoints that come before their run's end."""
        return self.where(self.is_final)

    def where(self, mask: NDArray[np.bool_]) -> Self:
        """The points at which `mask` holds."""
        return type(self)(
            run=tuple(run for run, kept in zip(self.run, mask, strict=True) if kept),
            n_params=self.n_params[mask],
            n_tokens=self.n_tokens[mask],
            loss_nats=self.loss_nats[mask],
            flops=self.flops[mask],
            budget_flops=self.budget_flops[mask],
            other={name: values[mask] for name, values in self.other.items()},
        )

    def _rows(self) -> pl.DataFrame:
        columns = {"run": self.run, "n_params": self.n_params, "n_tokens": self.n_tokens}
        return pl.DataFrame(columns).with_row_index("row")

    def _with_budgets(self, *, recognised: bool) -> Self:
        """With the budgets of final runs alone, recognised by their FLOPs where the table has none."""
        final = self.is_final
        budgets = np.where(final, self.budget_flops, np.nan)
        if recognised:
            budgets[final] = recognise(self.flops[final], self.n_params[final])
        return replace(self, budget_flops=budgets)

    def _reasons(self) -> list[str | None]:
        """Why each run cannot be used; None for one that can."""
        columns = {name: getattr(self, name) for name in ("n_params", "n_tokens", "flops", "loss_nats")}
        columns |= {COLUMNS.get(name, name): values for name, values in self.other.items()}
        reasons: list[str | None] = [None] * len(self)
        for name, values in columns.items():
            for i in np.flatnonzero(~(np.isfinite(values) & (values > 0))):
                reasons[i] = f"{name} is {values[i]:g}"
        return reasons


def _column(runs: pl.DataFrame, name: str) -> Floats:
    return runs[name].cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy().astype(np.float64)


def _numbered(count: int) -> tuple[str, ...]:
    return tuple(str(i) for i in range(count))

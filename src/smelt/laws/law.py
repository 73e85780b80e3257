"""The law as a value and as an artifact.

A `ScalingLaw` is what was found (law.json) with its bootstrap draws (draws.parquet). It answers `predict` and `optimum`
with intervals, needs no store, and goes to and from a folder or JSON. `Law` is the artifact that holds one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl

from smelt.core.artifact import Artifact
from smelt.core.shards import write_json, write_whole
from smelt.errors import InputError
from smelt.laws.findings import METHOD_NAMES, Findings, Interval, IsoFlop, Lines, Method, Parametric
from smelt.laws.forms import COLUMNS, FORMS, Floats, Form
from smelt.laws.overhead import Overhead

LAW_FILE = "law.json"
DRAWS_FILE = "draws.parquet"


def line_columns(method: Method) -> tuple[str, ...]:
    """Columns of the draws that belong to a method's lines; those of the parametric fit are the form's parameters."""
    return tuple(f"{method}_{name}" for name in ("d_intercept", "d_slope", "loss_intercept", "loss_slope"))


MISLED = 1 / 2
"""Standard errors by which a bias counts: it makes a 95% interval one of 92%."""
MISFIT = 0.01
"""p of a form's misfit below which it is not believed."""


def trusted_method(
    isoflop: Lines | None, parametric: Parametric | None, akima: Lines | None = None, envelope: Lines | None = None
) -> Method | None:
    """Which method a plan follows, of what each found.

    1. The parabolas, if at least three of their minima are interior and not flat: they assume only that loss is smooth
       in ln N near its minimum. But not where that misleads them (`is_misled`).
    2. Else the parametric form, if the runs identify its floor and both exponents.
    3. Else, under a warning, whichever can be computed at all: parabolas, form, interpolated curves, envelope. Else
       none.
    """
    is_form_usable = parametric is not None and parametric.usable
    if isoflop is not None and isoflop.usable and not (is_form_usable and is_misled(isoflop)):
        return "isoflop"
    if is_form_usable:
        return "parametric"
    if isoflop is not None and isoflop.d_opt is not None:
        return "isoflop"
    if parametric is not None:
        return "parametric"
    if akima is not None and akima.d_opt is not None:
        return "akima"
    return "envelope" if envelope is not None and envelope.d_opt is not None else None


def is_misled(isoflop: Lines) -> bool:
    """The curves are off by more than their interval allows, on the surface of a form that fits the runs as they do.

    A form that fits worse than they do is itself wrong: on Porian et al.'s runs its N* is off by 56%, that of the
    curves by 9% (`python -m benchmarks heldout`). Curves that lean so that cubics are fitted count as off whatever the
    factor: which degree is fitted hangs on the noise, and their intervals do not know that.
    """
    if not isinstance(isoflop, IsoFlop) or isoflop.bias is None:
        return False
    errors, misfit = isoflop.bias.errors, isoflop.bias.misfit
    fits = misfit is not None and misfit >= MISFIT
    return fits and (isoflop.cubic or (errors is not None and abs(errors) > MISLED))


@dataclass(frozen=True, slots=True)
class Optimum:
    """The compute-optimal model of a budget by one method."""

    method: Method
    flops: float
    n_params: Interval
    n_tokens: Interval
    loss_nats: Interval | None
    """None for a line of optima whose losses nobody published."""


@dataclass(frozen=True, slots=True, eq=False)
class ScalingLaw:
    """A fitted law.

    >>> law = ScalingLaw.read(Path("store/law/law@0123456789ab"))                          # doctest: +SKIP
    >>> law.predict(n_params=1e9, n_tokens=20e9)                                           # doctest: +SKIP
    Interval(mid=2.58, low=2.55, high=2.61)
    """

    findings: Findings
    draws: pl.DataFrame = field(default_factory=pl.DataFrame)
    """One row a bootstrap draw: the form's theta, and each method's `line_columns`; without rows, no intervals."""

    @property
    def warnings(self) -> list[str]:
        """What to doubt, in plain words."""
        return self.findings.warnings

    @property
    def trusted(self) -> Method:
        """The method a plan follows; see `trusted_method`."""
        return self.findings.trusted

    def held_out_error(self) -> float | None:
        """Mean relative error of the loss of the largest runs, by the parametric form fitted to all others."""
        return self.findings.held_out.parametric if self.findings.held_out else None

    def predict(self, *, n_params: float | None = None, n_tokens: float | None = None, **others: float) -> Interval:
        """Loss in nats per token of `n_params` trained on `n_tokens`, by the parametric form.

        `others` are the form's further variables by their columns, such as `unique_tokens` or `experts`, or `flops`.
        InputError names what is missing. The interval is that of the law's parameters, not the spread of single runs
        about it.
        """
        fitted = self.findings.parametric
        if fitted is None:
            raise InputError(where="the law", what="has no parametric fit to predict with", do="fit more runs")
        form, theta, draws = self._parametric(fitted)
        size = None if n_params is None else float(self.overhead.size(n_params))
        variables = _read(others, (*form.further, "C"), form)
        variables |= {name: value for name, value in (("N", size), ("D", n_tokens)) if value is not None}
        if {"N", "D"} <= set(variables):
            variables.setdefault("C", 6 * variables["N"] * variables["D"])
        _require(form.variables, variables, form)
        return Interval.of(float(form.loss(theta, variables)), form.loss(draws, variables))

    def optimum(self, flops: float, **held: float) -> dict[Method, Optimum]:
        """The compute-optimal N and D of a budget and the loss there, by each method that can say.

        `held` are the form's further variables by their columns, such as `unique_tokens=25e9`; InputError names those
        that are missing. A form without N and D has no optimum.
        """
        by_lines = (self._line_optimum(method, flops) for method in METHOD_NAMES)
        optima = (*by_lines, self._parametric_optimum(flops, held))
        return {optimum.method: optimum for optimum in optima if optimum is not None}

    @property
    def further(self) -> tuple[str, ...]:
        """Columns of what else the form depends on: what `predict` and `optimum` must be told."""
        fitted = self.findings.parametric
        return tuple(COLUMNS.get(name, name) for name in FORMS[fitted.form].further) if fitted else ()

    @property
    def overhead(self) -> Overhead:
        """From `n_params` to the N of the fits and back."""
        sizes, ratios = np.array(self.findings.data.overhead).reshape(-1, 2).T
        return Overhead(sizes, ratios)

    def write(self, folder: Path) -> None:
        """Writes law.json and draws.parquet into `folder`."""
        write_json(folder / LAW_FILE, self.findings.model_dump(mode="json"))
        with write_whole(folder / DRAWS_FILE) as path:
            self.draws.write_parquet(path)

    @classmethod
    def read(cls, folder: Path) -> ScalingLaw:
        """Reads what `write` wrote."""
        return cls(Findings.model_validate_json((folder / LAW_FILE).read_text()), pl.read_parquet(folder / DRAWS_FILE))

    def to_json(self) -> str:
        """law.json as text. Draws stay behind: a law from JSON alone has no intervals."""
        return self.findings.model_dump_json(indent=1)

    @classmethod
    def from_json(cls, text: str) -> ScalingLaw:
        """A law without draws."""
        return cls(Findings.model_validate_json(text))

    def _line_optimum(self, method: Method, flops: float) -> Optimum | None:
        """By the lines through a method's optima."""
        found = self.findings.by(method)
        if not isinstance(found, Lines) or found.d_opt is None:
            return None
        lines, log_flops = self._columns(line_columns(method)), math.log(flops)
        log_d = found.d_opt.intercept + found.d_opt.slope.value * log_flops
        line, log_loss_draws = found.loss_opt, lines[:, 2] + lines[:, 3] * log_flops
        log_loss = None if line is None else line.intercept + line.slope.value * log_flops
        return Optimum(
            method=method,
            flops=flops,
            n_params=self._n_params(flops, log_d, lines[:, 0] + lines[:, 1] * log_flops),
            n_tokens=Interval.of_log(log_d, lines[:, 0] + lines[:, 1] * log_flops),
            loss_nats=None if log_loss is None else Interval.of_log(log_loss, log_loss_draws),
        )

    def _parametric_optimum(self, flops: float, held: Mapping[str, float]) -> Optimum | None:
        """By the form's closed form or numerically, with C = 6ND."""
        fitted = self.findings.parametric
        if fitted is None:
            return None
        form, theta, draws = self._parametric(fitted)
        variables = _read(held, form.further, form)
        if not {"N", "D"} <= set(form.variables):
            return None
        _require(form.further, variables, form)
        log_nd = math.log(flops / 6)
        log_n = float(form.optimal_log_n(theta, log_nd, variables))
        log_n_draws = form.optimal_log_n(draws, log_nd, variables)
        if not np.isfinite(log_n):
            return None  # an exponent that is not positive: more of it would never help
        variables |= {"C": flops}
        with np.errstate(all="ignore"):  # resamples that ran away have optima at 0 or infinity
            loss = form.loss(theta, {**variables, "N": np.exp(log_n), "D": np.exp(log_nd - log_n)})
            loss_draws = form.loss(draws, {**variables, "N": np.exp(log_n_draws), "D": np.exp(log_nd - log_n_draws)})
        return Optimum(
            method="parametric",
            flops=flops,
            n_params=self._n_params(flops, log_nd - log_n, log_nd - log_n_draws),
            n_tokens=Interval.of_log(log_nd - log_n, log_nd - log_n_draws),
            loss_nats=Interval.of(float(loss), loss_draws),
        )

    def _n_params(self, flops: float, log_d: float, log_d_draws: Floats) -> Interval:
        """All parameters of the model that a budget trains on D tokens."""
        overhead = self.overhead
        with np.errstate(all="ignore"):
            size, draws = flops / 6 / np.exp(log_d), flops / 6 / np.exp(log_d_draws)
            return Interval.of(float(overhead.n_params_of(size)), overhead.n_params_of(draws))

    def _parametric(self, fitted: Parametric) -> tuple[Form, Floats, Floats]:
        """The form, theta (P,) and its draws (draws, P)."""
        form = FORMS[fitted.form]
        return form, np.array([fitted.theta[name] for name in form.parameters]), self._columns(form.parameters)

    def _columns(self, names: tuple[str, ...]) -> Floats:
        """(draws, names); no rows where the draws lack them."""
        if not set(names) <= set(self.draws.columns):
            return np.empty((0, len(names)))
        return self.draws.select(names).to_numpy()


def _read(given: Mapping[str, float], allowed: tuple[str, ...], form: Form) -> dict[str, float]:
    """Values by the form's names of those given by column; InputError where it has no such variable."""
    names = {COLUMNS.get(name, name): name for name in allowed}
    unknown = [column for column in given if column not in names]
    if unknown:
        raise InputError(
            where="the law",
            what=f"is of the form {form.name}, which does not depend on {', '.join(unknown)}",
            expected=_columns_of(form),
        )
    return {names[column]: value for column, value in given.items()}


def _require(needed: tuple[str, ...], variables: Mapping[str, float], form: Form) -> None:
    """InputError where a value of a variable that is `needed` is missing."""
    missing = [COLUMNS.get(name, name) for name in needed if name not in variables]
    if missing:
        raise InputError(
            where="the law",
            what=f"is of the form {form.name} and must be told {' and '.join(missing)}",
            expected=_columns_of(form),
            do=f"give {', '.join(f'{column}=...' for column in missing)}",
        )


def _columns_of(form: Form) -> str:
    return ", ".join(COLUMNS.get(name, name) for name in form.variables)


class Law(Artifact):
    """A fitted law in the store: law.json (`Findings` says what is in it) and draws.parquet."""

    kind: ClassVar[str] = "law"

    @cached_property
    def value(self) -> ScalingLaw:
        """The law itself."""
        return ScalingLaw.read(self.folder)

    @property
    def findings(self) -> Findings:
        """law.json."""
        return self.value.findings

    @property
    def warnings(self) -> list[str]:
        """What to doubt, in plain words."""
        return self.value.warnings

    def predict(self, *, n_params: float | None = None, n_tokens: float | None = None, **others: float) -> Interval:
        """See `ScalingLaw.predict`."""
        return self.value.predict(n_params=n_params, n_tokens=n_tokens, **others)

    def optimum(self, flops: float, **held: float) -> dict[Method, Optimum]:
        """See `ScalingLaw.optimum`."""
        return self.value.optimum(flops, **held)

    def held_out_error(self) -> float | None:
        """See `ScalingLaw.held_out_error`."""
        return self.value.held_out_error()

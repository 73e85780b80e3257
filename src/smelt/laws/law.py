"""The law as a value and as an artifact.

A `ScalingLaw` is what was found (law.json) with its bootstrap draws (draws.parquet). It answers `predict` and `optimum`
with intervals, needs no store, and goes to and from a folder or JSON. `Law` is the artifact that holds one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl

from smelt.core.artifact import Artifact
from smelt.core.shards import write_json, write_whole
from smelt.errors import InputError
from smelt.laws.findings import Findings, Interval, IsoFlop, Method, Parametric
from smelt.laws.forms import FORMS, Floats, Form
from smelt.laws.overhead import Overhead

LAW_FILE = "law.json"
DRAWS_FILE = "draws.parquet"
LINE_COLUMNS = ("d_opt_intercept", "d_opt_slope", "loss_opt_intercept", "loss_opt_slope")
"""Columns of the draws that belong to the parabolas; those of the parametric fit are the form's parameters."""


def trusted_method(isoflop: IsoFlop | None, parametric: Parametric | None) -> Method | None:
    """Which method a plan follows.

    1. The parabolas, if at least three of their minima are interior and not flat: they assume only that loss is smooth
       in ln N near its minimum.
    2. Else the parametric form, if the runs identify its floor and both exponents.
    3. Else, under a warning, whichever can be computed at all, parabolas first. Else none.
    """
    if isoflop is not None and isoflop.usable:
        return "isoflop"
    if parametric is not None and parametric.usable:
        return "parametric"
    if isoflop is not None and isoflop.d_opt is not None:
        return "isoflop"
    return "parametric" if parametric is not None else None


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
    """One row a bootstrap draw: the form's theta, and the `LINE_COLUMNS`; without rows there are no intervals."""

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

    def predict(self, *, n_params: float, n_tokens: float) -> Interval:
        """Loss in nats per token of `n_params` trained on `n_tokens`, by the parametric form.

        The interval is that of the law's parameters, not the spread of single runs about it.
        """
        fitted = self.findings.parametric
        if fitted is None:
            raise InputError(where="the law", what="has no parametric fit to predict with", do="fit more runs")
        form, theta, draws = self._parametric(fitted)
        size = float(self.overhead.size(n_params))
        variables = {"N": size, "D": n_tokens, "C": 6 * size * n_tokens}
        return Interval.of(float(form.loss(theta, variables)), form.loss(draws, variables))

    def optimum(self, flops: float) -> dict[Method, Optimum]:
        """The compute-optimal N and D of a budget and the loss there, by each method that can say."""
        optima = (self._isoflop_optimum(flops), self._parametric_optimum(flops))
        return {optimum.method: optimum for optimum in optima if optimum is not None}

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

    def _isoflop_optimum(self, flops: float) -> Optimum | None:
        """By the lines through the minima."""
        isoflop = self.findings.isoflop
        if isoflop is None or isoflop.d_opt is None:
            return None
        lines, log_flops = self._columns(LINE_COLUMNS), math.log(flops)
        log_d = isoflop.d_opt.intercept + isoflop.d_opt.slope.value * log_flops
        line, log_loss_draws = isoflop.loss_opt, lines[:, 2] + lines[:, 3] * log_flops
        log_loss = None if line is None else line.intercept + line.slope.value * log_flops
        return Optimum(
            method="isoflop",
            flops=flops,
            n_params=self._n_params(flops, log_d, lines[:, 0] + lines[:, 1] * log_flops),
            n_tokens=Interval.of_log(log_d, lines[:, 0] + lines[:, 1] * log_flops),
            loss_nats=None if log_loss is None else Interval.of_log(log_loss, log_loss_draws),
        )

    def _parametric_optimum(self, flops: float) -> Optimum | None:
        """By the form's closed form, with C = 6ND."""
        fitted = self.findings.parametric
        if fitted is None:
            return None
        form, theta, draws = self._parametric(fitted)
        log_nd = math.log(flops / 6)
        log_n, log_n_draws = float(form.optimal_log_n(theta, log_nd)), form.optimal_log_n(draws, log_nd)
        if not np.isfinite(log_n):
            return None  # an exponent that is not positive: more of it would never help
        with np.errstate(all="ignore"):  # resamples that ran away have optima at 0 or infinity
            loss = form.loss(theta, {"N": np.exp(log_n), "D": np.exp(log_nd - log_n)})
            loss_draws = form.loss(draws, {"N": np.exp(log_n_draws), "D": np.exp(log_nd - log_n_draws)})
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

    def predict(self, *, n_params: float, n_tokens: float) -> Interval:
        """See `ScalingLaw.predict`."""
        return self.value.predict(n_params=n_params, n_tokens=n_tokens)

    def optimum(self, flops: float) -> dict[Method, Optimum]:
        """See `ScalingLaw.optimum`."""
        return self.value.optimum(flops)

    def held_out_error(self) -> float | None:
        """See `ScalingLaw.held_out_error`."""
        return self.value.held_out_error()

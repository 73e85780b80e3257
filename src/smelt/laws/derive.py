"""From a table of runs to a law: both methods, what they agree on, and what to doubt."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from smelt.errors import InputError
from smelt.laws import isoflop, validate
from smelt.laws.doubts import checklist, doubts
from smelt.laws.findings import (
    BudgetMinimum,
    Data,
    Estimate,
    Findings,
    Interval,
    IsoFlop,
    LineFit,
    Method,
    Parametric,
    Residual,
    Span,
)
from smelt.laws.fit import Fit, bootstrap, fit
from smelt.laws.forms import FORMS, Floats, Form
from smelt.laws.isoflop import Curve, Line, Minima
from smelt.laws.law import LINE_COLUMNS, ScalingLaw, trusted_method
from smelt.laws.objective import Objective
from smelt.laws.overhead import Overhead
from smelt.laws.points import COUNTING, Points
from smelt.laws.validate import agreement

Resampling = Literal["runs", "seeds", "budgets"]
RUNS_A_PARAMETER = 2
"""Fewer, and a parametric fit is not trusted whatever its bootstrap says: assumption, not studied."""
MINIMA = 3
"""Usable minima from which the line through them is trusted: two leave it no degree of freedom."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How a law is derived."""

    form: Form = FORMS["chinchilla"]
    draws: int = 1000
    """Bootstrap draws of each method; 1,000 know the ends of a 95% interval to about 5% of its width."""
    seed: int = 0
    objective: Objective = field(default_factory=Objective)
    resampling: Resampling = "runs"
    """What the bootstrap draws anew."""
    method: Method | None = None
    """The method to follow; None leaves it to `trusted_method`."""


def derive_law(
    runs: pl.DataFrame, settings: Settings | None = None, held_out: NDArray[np.bool_] | None = None
) -> ScalingLaw:
    """The law of a table of runs (columns as in `Points.from_frame`, and epochs and bpb if known).

    `held_out` says by row which runs a second fit is to predict without them; else those of the largest budget. The
    law itself stands on all. Raises InputError where neither method can be applied.
    """
    settings = settings or Settings()
    points, dropped = Points.from_frame(runs, other=_other(settings.form))
    parametric, theta_draws = _parametric(points, settings)
    isoflop_findings, line_draws = _isoflop(points, settings)
    trusted = settings.method or trusted_method(isoflop_findings, parametric)
    if trusted is None:
        raise _too_little(points, settings.form)
    findings = Findings(
        counting=COUNTING,
        data=_data(runs, points, dropped),
        parametric=parametric,
        isoflop=isoflop_findings,
        held_out=validate.held_out(points, settings.form, objective=settings.objective, test=_test(runs, held_out)),
        agreement=None,
        trusted=trusted,
        draws=settings.draws,
        seed=settings.seed,
        warnings=[],
        checklist={},
    )
    _check_method(findings, settings.method)
    law = ScalingLaw(findings, pl.DataFrame(theta_draws | line_draws))
    findings = findings.model_copy(update={"agreement": agreement(law, points)})
    said = {"warnings": doubts(findings), "checklist": checklist(findings, runs)}
    return replace(law, findings=findings.model_copy(update=said))


def _check_method(findings: Findings, method: Method | None) -> None:
    """Raises InputError where the method asked for has no optimum."""
    if method == "isoflop" and (findings.isoflop is None or findings.isoflop.d_opt is None):
        raise InputError(
            where="the run table",
            what="gives no optimum by the parabolas, the method asked for",
            expected="two budgets of three sizes with their minima inside",
            do="name the column with each run's budget, or no method",
        )


def _test(runs: pl.DataFrame, held_out: NDArray[np.bool_] | None) -> Points | None:
    return None if held_out is None else Points.from_frame(runs.filter(held_out))[0]


def _other(form: Form) -> tuple[str, ...]:
    """The form's variables that not every run table has."""
    return tuple(name for name in form.variables if name not in ("N", "D", "C"))


def _parametric(points: Points, settings: Settings) -> tuple[Parametric | None, dict[str, Floats]]:
    form = settings.form
    if len(points) <= len(form.parameters):
        return None, {}
    seen = points.observations
    found = fit(form, seen, objective=settings.objective)
    theta = bootstrap(found, seen, draws=settings.draws, seed=settings.seed, objective=settings.objective)
    params = _estimates(form.named(found.theta), form.named(theta))
    loose = [name for name in form.judged if _is_loose(params[name])]
    exponent, exponent_draws = _slope(form, found.theta), _slope(form, theta)
    return Parametric(
        form=form.name,
        formula=form.formula,
        source=form.source,
        fails=form.fails,
        params=params,
        theta={name: float(value) for name, value in zip(form.parameters, found.theta, strict=True)},
        exponents=_exponents(exponent, exponent_draws),
        objective=found.objective,
        objective_in_words=settings.objective.in_words(),
        n_starts=found.n_starts,
        at_optimum=found.at_optimum,
        loose=loose,
        usable=not loose and len(points) >= RUNS_A_PARAMETER * len(form.parameters),
        residuals=_residuals(found, points),
    ), {name: theta[:, i] for i, name in enumerate(form.parameters)}


def _isoflop(points: Points, settings: Settings) -> tuple[IsoFlop | None, dict[str, Floats]]:
    curves = isoflop.fit_curves(points, draws=settings.draws, seed=settings.seed)
    if not curves:
        return None, {}
    usable = tuple(curve for curve in curves if curve.usable)
    minima = isoflop.fit_minima(usable)
    findings = IsoFlop(
        fails=isoflop.FAILS,
        budgets=[_minimum(curve) for curve in curves],
        d_opt=_line(minima.log_d) if minima else None,
        loss_opt=_line(minima.log_loss) if minima else None,
        exponents=_exponents(1 - minima.log_d.slope, 1 - minima.log_d.draws[:, 1]) if minima else {},
        usable=len(usable) >= MINIMA,
    )
    return findings, _line_draws(minima)


def _data(runs: pl.DataFrame, points: Points, dropped: dict[str, str]) -> Data:
    epochs, overhead = _positive(runs, "epochs"), Overhead.of(points)
    return Data(
        n_runs=runs.height,
        n_used=len(points),
        dropped=dropped,
        budgets=[float(budget) for budget in points.budgets],
        flops=Span.of(points.flops),
        n_params=Span.of(points.n_params),
        n_tokens=Span.of(points.n_tokens),
        overhead=[(float(n), float(ratio)) for n, ratio in zip(overhead.n_params, overhead.ratio, strict=True)],
        epochs=Span.of(epochs) if len(epochs) else None,
        unique_tokens=_median_ratio(runs, "n_tokens", "epochs"),
        bpb_per_nat=_median_ratio(runs, "bpb", "loss_nats"),
    )


def _median_ratio(runs: pl.DataFrame, above: str, below: str) -> float | None:
    """The median of one column over another; None where the table lacks one."""
    if not {above, below} <= set(runs.columns):
        return None
    ratio = (runs[above] / runs[below]).drop_nulls()
    ratio = ratio.filter(ratio.is_finite())
    return float(np.median(ratio.to_numpy())) if len(ratio) else None


def _positive(runs: pl.DataFrame, name: str) -> Floats:
    if name not in runs.columns:
        return np.empty(0)
    values = runs[name].drop_nulls().to_numpy().astype(np.float64)
    return values[values > 0]


def _residuals(found: Fit, points: Points) -> list[Residual]:
    columns = (points.run, points.n_params, points.n_tokens, points.loss_nats, found.residuals(points.observations))
    return [
        Residual(run=run, n_params=float(n), n_tokens=float(d), loss_nats=float(loss), residual=float(residual))
        for run, n, d, loss, residual in zip(*columns, strict=True)
    ]


def _estimates(values: dict[str, Floats], draws: dict[str, Floats]) -> dict[str, Estimate]:
    return {name: Estimate.of(float(value), draws[name]) for name, value in values.items()}


def _is_loose(estimate: Estimate) -> bool:
    """The interval is wider than the value, or there is none."""
    if estimate.ci95 is None:
        return True
    low, high = estimate.ci95
    return high - low > abs(estimate.value)


def _exponents(a: Floats | float, draws: Floats) -> dict[str, Estimate]:
    """a of N* ~ C^a and b = 1 - a of D*; none where a is not defined."""
    if not np.isfinite(a):
        return {}
    return {"a": Estimate.of(float(a), draws), "b": Estimate.of(1 - float(a), 1 - draws)}


def _slope(form: Form, theta: Floats) -> Floats:
    """d ln N* / d ln(ND), which for a power law is the same everywhere."""
    return form.optimal_log_n(theta, 1.0) - form.optimal_log_n(theta, 0.0)


def _minimum(curve: Curve) -> BudgetMinimum:
    c0, c1, c2 = (float(c) for c in curve.coefficients)
    log_n, log_n_draws = curve.log_n_opt, curve.log_n_opt_draws()
    has_minimum = bool(np.isfinite(log_n))
    return BudgetMinimum(
        budget_flops=curve.budget_flops,
        n_runs=len(curve.points),
        centre=curve.centre,
        coefficients=(c0, c1, c2),
        n_opt=Interval.of_log(log_n, log_n_draws) if has_minimum else None,
        d_opt=Interval.of_log(float(curve.log_d(log_n)), curve.log_d(log_n_draws)) if has_minimum else None,
        loss_opt=Interval.of(curve.loss_opt, curve.loss_opt_draws()) if has_minimum else None,
        interior=curve.interior,
        flat=curve.flat,
        in_line=curve.usable,
    )


def _line(line: Line) -> LineFit:
    return LineFit(intercept=line.intercept, slope=Estimate.of(line.slope, line.draws[:, 1]), excess=line.excess)


def _line_draws(minima: Minima | None) -> dict[str, Floats]:
    if minima is None or not len(minima.log_d.draws):
        return {}
    columns = np.concatenate([minima.log_d.draws, minima.log_loss.draws], axis=1)
    return {name: columns[:, i] for i, name in enumerate(LINE_COLUMNS)}


def _too_little(points: Points, form: Form) -> InputError:
    return InputError(
        where="the run table",
        what=f"holds {len(points)} usable runs at {len(points.budgets)} budgets, too few for a law",
        expected=f"at least {len(form.parameters) + 1} runs, or two budgets of three sizes with their minima inside",
        do="add sizes or budgets to the ladder",
    )

"""What the approaches that draw lines found, as records with intervals: parabolas, interpolated curves, the envelope.

Each function gives the approach's record for law.json and the draws of its lines, by the columns of `line_columns`;
neither where the runs do not allow it at all.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from smelt.laws.curves import akima, envelope, isoflop
from smelt.laws.curves.minima import Curve, Line, Minima, fit_minima
from smelt.laws.findings import (
    LEVEL,
    Akima,
    Asymmetry,
    Bias,
    BudgetMinimum,
    CurveMinimum,
    Envelope,
    Estimate,
    Holder,
    Interval,
    IsoFlop,
    LineFit,
    Lines,
    Method,
    Span,
)
from smelt.laws.forms import Floats, Form
from smelt.laws.law import line_columns
from smelt.laws.points import Points

NORMAL = 3.92
"""Standard deviations from one end of a normal 95% interval to the other."""
MINIMA = 3
"""Usable optima from which the line through them is trusted: two leave it no degree of freedom."""

Draws = dict[str, Floats]
Surface = tuple[Form, Floats]
"""A form and its theta."""


def isoflop_lines(points: Points, surface: Surface | None, *, draws: int, seed: int) -> tuple[IsoFlop | None, Draws]:
    """Approach 2, with cubics where the curves lean; with a fitted surface, also how far the minima are off on it."""
    lean = isoflop.asymmetry(points)
    degree = isoflop.chosen_degree(points)
    curves = isoflop.fit_curves(points, draws=draws, seed=seed, degree=degree)
    if not curves:
        return None, {}
    usable = [curve for curve in curves if curve.usable]
    minima = fit_minima(usable)
    found = IsoFlop(
        **dict(_lines(minima, n_usable=len(usable), fails=isoflop.FAILS)),
        budgets=[_smooth(curve) for curve in curves],
        bias=_bias(usable, minima, surface) if surface else None,
        asymmetry=Asymmetry(t=lean.t, p=lean.p, factor=lean.factor) if lean else None,
        cubic=degree == isoflop.CUBIC,
    )
    return found, _draws("isoflop", minima)


def akima_lines(points: Points, *, draws: int, seed: int) -> tuple[Akima | None, Draws]:
    """Approach 2 with interpolated curves (Porian et al. 2024)."""
    curves = akima.fit_interpolants(points, draws=draws, seed=seed)
    if not curves:
        return None, {}
    usable = [curve for curve in curves if curve.usable]
    minima = fit_minima(usable)
    lines = _lines(minima, n_usable=len(usable), fails=akima.FAILS)
    found = Akima(**dict(lines), budgets=[_minimum(curve) for curve in curves])
    return found, _draws("akima", minima)


def envelope_lines(rows: Points, *, draws: int, seed: int) -> tuple[Envelope | None, Draws]:
    """Approach 1, of final runs or of all their checkpoints."""
    if not len(rows):
        return None, {}
    found = envelope.fit_envelope(rows, draws=draws, seed=seed)
    if found is None:
        return None, {}
    n_levels = len(found.run)
    record = Envelope(
        fails=envelope.FAILS,
        d_opt=_line(found.log_d) if found.log_d else None,
        loss_opt=_line(found.log_loss) if found.log_loss else None,
        exponents=_exponents_of(found.log_d),
        usable=found.log_d is not None and min(found.n_sizes, found.n_runs) >= MINIMA,
        from_curves=found.from_curves,
        holders=_holders(found),
        n_sizes=found.n_sizes,
        intermediate=found.n_intermediate / n_levels,
        edge=found.n_edge / (n_levels + found.n_edge),
    )
    if found.log_d is None or found.log_loss is None:
        return record, {}
    return record, _columns("envelope", found.log_d, found.log_loss)


def exponents(a: Floats | float, draws: Floats) -> dict[str, Estimate]:
    """a of N* ~ C^a and b = 1 - a of D*; none where a is not defined."""
    if not np.isfinite(a):
        return {}
    return {"a": Estimate.of(float(a), draws), "b": Estimate.of(1 - float(a), 1 - draws)}


def _exponents_of(log_d: Line | None) -> dict[str, Estimate]:
    return exponents(1 - log_d.slope, 1 - log_d.draws[:, 1]) if log_d else {}


def _lines(minima: Minima | None, *, n_usable: int, fails: str) -> Lines:
    """The record of lines through the minima of `n_usable` curves."""
    return Lines(
        fails=fails,
        d_opt=_line(minima.log_d) if minima else None,
        loss_opt=_line(minima.log_loss) if minima else None,
        exponents=_exponents_of(minima.log_d if minima else None),
        usable=n_usable >= MINIMA,
    )


def _minimum(curve: Curve) -> CurveMinimum:
    log_n, log_n_draws = curve.log_n_opt, curve.log_n_opt_draws
    has_minimum = bool(np.isfinite(log_n))
    return CurveMinimum(
        budget_flops=curve.budget_flops,
        n_runs=len(curve.points),
        n_opt=Interval.of_log(log_n, log_n_draws) if has_minimum else None,
        d_opt=Interval.of_log(float(curve.log_d(log_n)), curve.log_d(log_n_draws)) if has_minimum else None,
        loss_opt=Interval.of(curve.loss_opt, curve.loss_opt_draws) if has_minimum else None,
        interior=curve.interior,
        flat=curve.flat,
        in_line=curve.usable,
    )


def _smooth(curve: isoflop.Smooth) -> BudgetMinimum:
    coefficients = tuple(float(c) for c in curve.coefficients)
    minimum = dict(_minimum(curve))
    return BudgetMinimum(**minimum, n_near=len(curve.near), centre=curve.centre, coefficients=coefficients)


def _bias(curves: Sequence[isoflop.Smooth], minima: Minima | None, surface: Surface) -> Bias | None:
    """Of the curves in the line, on the surface; None where either has no optimum."""
    form, theta = surface
    if not curves or not set(form.variables) <= {"N", "D", "C"}:
        return None
    budgets = np.array([curve.budget_flops for curve in curves])
    factors = isoflop.bias(
        form, theta, budgets, [curve.near.size for curve in curves], [curve.degree for curve in curves]
    )
    if not np.all(np.isfinite(factors)):
        return None
    slope = np.polyfit(np.log(budgets), np.log(factors), 1)[0] if len(curves) > 1 else 0.0
    return Bias(
        factor=float(factors[-1]),
        exponent=float(slope),
        errors=_in_errors(float(np.log(factors[-1])), minima, budgets[-1]),
        misfit=isoflop.misfit(form, theta, curves),
    )


def _in_errors(log_factor: float, minima: Minima | None, flops: float) -> float | None:
    """A bias in standard errors of the line, taken from its 95% interval."""
    if minima is None or not len(minima.log_d.draws):
        return None
    low, high = np.percentile(minima.log_d.drawn_at(flops), LEVEL)
    return float(log_factor / ((high - low) / NORMAL))


def _holders(found: envelope.Envelope) -> list[Holder]:
    """The envelope, one record for each stretch that one run holds."""
    changes = [i for i in range(1, len(found.run)) if found.run[i] != found.run[i - 1]]
    bounds = [0, *changes, len(found.run)]
    return [
        Holder(
            run=found.run[start],
            n_params=float(found.n_params[start]),
            flops=Span.of(found.flops[start:end]),
            n_tokens=Span.of(found.n_tokens[start:end]),
            loss_nats=Span.of(found.loss_nats[start:end]),
        )
        for start, end in itertools.pairwise(bounds)
    ]


def _line(line: Line) -> LineFit:
    slope = Estimate.of(line.slope, line.draws[:, 1])
    return LineFit(intercept=line.intercept, slope=slope, excess=line.excess, scatter=line.scatter)


def _draws(method: Method, minima: Minima | None) -> Draws:
    return _columns(method, minima.log_d, minima.log_loss) if minima else {}


def _columns(method: Method, log_d: Line, log_loss: Line) -> Draws:
    if not len(log_d.draws):
        return {}
    columns = np.concatenate([log_d.draws, log_loss.draws], axis=1)
    return {name: columns[:, i] for i, name in enumerate(line_columns(method))}

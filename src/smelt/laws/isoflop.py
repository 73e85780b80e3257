"""Approach 2 of Hoffmann et al. 2022: a parabola in ln N through the runs of one budget, its minimum, a line through
the minima (minima.py draws it).

Nothing is assumed of how loss depends on N and D beyond "smooth near its minimum", so it stands on a small ladder where
the parametric form does not. Its known weakness: on a surface that is not symmetric in ln N the minimum is off by a
factor that depends on the sizes tried (1.01 to 1.16 on published surfaces with sizes 4x to 8x either side). Where the
sizes lie alike about every minimum the factor is the same at each, and the exponent is unbiased. `bias` computes the
factor on a fitted surface, `asymmetry` tests for it in the curves themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr

from smelt.laws.forms import Floats, Form
from smelt.laws.minima import OWN_NOISE, Curve, Residuals, budget_groups, noise
from smelt.laws.points import Points

FAILS = (
    "On a surface that is not symmetric in ln N the minima are off by a constant factor (1.01 to 1.16 with sizes 4x "
    "to 8x either side, on published surfaces); the exponent is not. It says nothing of runs away from the optimum."
)
CUBIC_SIZES = 5
"""Distinct sizes from which a cubic leaves something to judge it by."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Parabola(Curve):
    """One budget's parabola: loss = c0 + c1 u + c2 u^2 with u = ln N - centre; its vertex is the minimum."""

    centre: float
    coefficients: Floats
    """(3,): c0, c1, c2 in nats."""


@dataclass(frozen=True, slots=True)
class Asymmetry:
    """A cubic term in the curves of several budgets: which way, how surely, and what it does to the minima."""

    t: float
    """Student's t of the budgets' cubic terms together; positive where loss rises faster towards large models."""
    degrees: int
    p: float
    """Of so large a t, either way, on symmetric curves."""
    factor: float | None
    """Geometric mean of N* by the parabolas over N* by the cubics; None where a cubic has no minimum."""


def fit_curves(points: Points, *, draws: int, seed: int) -> tuple[Parabola, ...]:
    """A parabola for each budget of at least three distinct sizes, by ascending budget."""
    groups = budget_groups(points)
    residuals = [Residuals.of(_basis(group, 2), group.loss_nats) for group in groups]
    curves = {i: _parabola(groups[i], errors) for i, errors in noise(residuals, draws=draws, seed=seed)}
    return tuple(curves[i] for i in range(len(groups)))


def bias(form: Form, theta: Floats, budgets: Floats, sizes: Sequence[Floats]) -> Floats:
    """N* by parabolas over the true N* on the surface of a form, without noise, at each budget.

    `sizes` are the N tried at each budget, as fits count them; D = C/6N. NaN where the form has no optimum or its
    curve no minimum. On L = E + A/N^.34 + B/D^.28 with 15 sizes from N*/8 to 8 N* it is 1.030.
    """
    truth = form.optimal_log_n(theta, np.log(budgets / 6))
    found = np.empty(len(budgets))
    for i, (flops, n) in enumerate(zip(budgets, sizes, strict=True)):
        centre = np.log(n).mean()
        loss = form.loss(theta, {"N": n, "D": flops / 6 / n, "C": np.full(len(n), flops)})
        found[i] = centre + _vertex(np.polynomial.polynomial.polyfit(np.log(n) - centre, loss, 2))
    return np.exp(found - truth)


def asymmetry(points: Points) -> Asymmetry | None:
    """Whether loss against ln N leans to one side, over all budgets of at least five distinct sizes; None without."""
    groups = [group for group in budget_groups(points) if len(np.unique(group.n_params)) >= CUBIC_SIZES]
    cubics = [np.linalg.pinv(_basis(group, 3)) @ group.loss_nats for group in groups]
    leans, degrees = _leans(groups, cubics)
    if not degrees:
        return None
    t = float(np.sum(leans) / np.sqrt(len(leans)))  # each has variance one: Stouffer's sum
    parabolas = [_vertex(np.linalg.pinv(_basis(group, 2)) @ group.loss_nats) for group in groups]
    shifts = np.array(parabolas) - np.array([_cubic_minimum(cubic) for cubic in cubics])
    return Asymmetry(
        t=t,
        degrees=degrees,
        p=float(2 * stdtr(degrees, -abs(t))),
        factor=float(np.exp(shifts.mean())) if np.all(np.isfinite(shifts)) else None,
    )


def _leans(groups: Sequence[Points], cubics: Sequence[Floats]) -> tuple[Floats, int]:
    """Each budget's cubic term over its standard error, and the degrees of freedom behind the errors in all.

    As with the parabolas' noise, budgets of few runs share theirs.
    """
    bases = [_basis(group, 3) for group in groups]
    pairs = zip(groups, bases, cubics, strict=True)
    squares = np.array([np.sum((group.loss_nats - basis @ cubic) ** 2) for group, basis, cubic in pairs])
    degrees = np.array([len(group) - 4 for group in groups], dtype=np.int64)
    small = np.array([len(group) < OWN_NOISE for group in groups], dtype=bool)
    shared = squares[small].sum() / degrees[small].sum() if small.any() else 0.0
    variance = np.where(small, shared, squares / np.maximum(degrees, 1))
    errors = np.sqrt([found * np.linalg.pinv(b.T @ b)[3, 3] for found, b in zip(variance, bases, strict=True)])
    terms = np.array([cubic[3] for cubic in cubics])
    known = errors > 1e-12  # runs on a cubic to the bit: noise-free surfaces
    return terms[known] / errors[known], int(degrees[known].sum())


def _parabola(group: Points, errors: Floats) -> Parabola:
    """The parabola of a budget, its draws refitted to `errors` (draws, runs) about it."""
    solver = np.linalg.pinv(_basis(group, 2))
    coefficients = solver @ group.loss_nats
    coefficient_draws = coefficients + errors @ solver.T
    log_n = np.log(group.n_params)
    centre, reach = float(log_n.mean()), np.ptp(log_n)
    # A draw without a minimum, or far out, is kept one range beyond the sizes tried.
    vertex_draws = centre + np.nan_to_num(_vertex(coefficient_draws), nan=np.inf)
    vertex_draws = np.clip(vertex_draws, log_n.min() - reach, log_n.max() + reach)
    vertex = float(_vertex(coefficients))
    return Parabola(
        budget_flops=float(group.budget_flops[0]),
        points=group,
        log_n_opt=centre + vertex,
        loss_opt=float(_polynomial(coefficients, vertex)),
        log_n_opt_draws=vertex_draws,
        loss_opt_draws=_polynomial(coefficient_draws, vertex_draws - centre),
        clear=float(np.mean(coefficient_draws[:, 2] > 0)) if len(errors) else float("nan"),
        centre=centre,
        coefficients=coefficients,
    )


def _basis(group: Points, degree: int) -> Floats:
    """1, u, u^2 ... for u = ln N - mean: (runs, degree + 1)."""
    u = np.log(group.n_params)
    return np.vander(u - u.mean(), degree + 1, increasing=True)


def _vertex(coefficients: Floats) -> Floats:
    """u of the least of c0 + c1 u + c2 u^2; NaN where it does not bend upwards."""
    slope, bend = coefficients[..., 1], coefficients[..., 2]
    return -slope / np.where(bend > 0, 2 * bend, np.nan)


def _cubic_minimum(coefficients: Floats) -> float:
    """u of the local minimum of c0 + c1 u + c2 u^2 + c3 u^3; NaN where it has none.

    As -c1 / (c2 + sqrt(c2^2 - 3 c1 c3)), which holds without a cubic term too.
    """
    _, c1, c2, c3 = (float(c) for c in coefficients)
    inside = c2**2 - 3 * c1 * c3
    return -c1 / (c2 + inside**0.5) if inside >= 0 and c2 + inside**0.5 > 0 else float("nan")


def _polynomial(coefficients: Floats, u: Floats | float) -> Floats:
    return coefficients[..., 0] + coefficients[..., 1] * u + coefficients[..., 2] * u**2

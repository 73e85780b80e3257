"""Approach 2 of Hoffmann et al. 2022: a parabola in ln N through the runs of one budget, its minimum, a line through
the minima (minima.py draws it).

Nothing is assumed of how loss depends on N and D beyond "smooth near its minimum", so it stands on a small ladder where
the parametric form does not. Its known weakness: on a surface that is not symmetric in ln N the minimum is off by a
factor that depends on the sizes tried (1.01 to 1.16 on published surfaces with sizes 4x to 8x either side). Where the
sizes lie alike about every minimum the factor is the same at each, and the exponent is unbiased. `bias` computes the
factor on a fitted surface; `asymmetry` tests for it in the curves themselves, and where they lean beyond doubt a cubic
is the better curve: on Porian et al.'s runs it predicts N* of held-out budgets twice as well
(`python -m benchmarks heldout`).

Runs far above the least loss say nothing of the minimum and much of the curve's ends, which are no parabolas: they are
left out of the fit (`near`). Ladders made for this have none such.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import fdtrc, stdtr

from smelt.laws.curves.minima import Curve, budget_groups
from smelt.laws.curves.noise import OWN_NOISE, Residuals, noise
from smelt.laws.forms import Floats, Form
from smelt.laws.points import Points

FAILS = (
    "On a surface that is not symmetric in ln N the minima of parabolas are off by a constant factor (1.01 to 1.16 "
    "with sizes 4x to 8x either side, on published surfaces); the exponent is not. It says nothing of runs away from "
    "the optimum."
)
PARABOLA, CUBIC = 2, 3
NEAR = {PARABOLA: 0.1, CUBIC: 0.2}
"""How far above the budget's least loss a run may lie, as a share, to be on the curve. Chosen among .05 to .5 on Porian
et al.'s ten stages, whose curves reach from 3 to 9 nats; Llama 3's reach .06, smelt's own ladders .05."""
BEST_SIZES = 4
"""Sizes that are on the curve however far they lie: three would leave nothing to tell noise by."""
LEANING = 0.01
"""p of the curves' asymmetry below which cubics are fitted: needless ones would widen the intervals."""
CUBIC_RUNS = 6
"""Runs of a budget from which a cubic is fitted: two are left to judge it by."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Smooth(Curve):
    """One budget's polynomial: loss = c0 + c1 u + c2 u^2 (+ c3 u^3) with u = ln N - centre."""

    near: Points
    """The runs it is fitted to."""
    centre: float
    coefficients: Floats
    """(3,) or (4,): c0, c1, c2 and of a cubic c3, in nats."""

    @property
    def degree(self) -> int:
        """2 of a parabola, 3 of a cubic."""
        return len(self.coefficients) - 1


@dataclass(frozen=True, slots=True)
class Asymmetry:
    """A cubic term in the curves of several budgets: which way, how surely, and what it does to the minima."""

    t: float
    """Student's t of the budgets' cubic terms together; positive where loss rises faster towards large models."""
    degrees: int
    p: float
    """Of so large a t, either way, on symmetric curves."""
    factor: float | None
    """Geometric mean of N* by parabolas over N* by cubics, of the same runs; None where a cubic has no minimum."""


def fit_curves(points: Points, *, draws: int, seed: int, degree: int = PARABOLA) -> tuple[Smooth, ...]:
    """The curve of each budget of at least three distinct sizes, by ascending budget.

    A cubic is for `degree` 3, at budgets with runs enough for it.
    """
    groups = budget_groups(points)
    chosen = [_near(group, degree) for group in groups]
    bases = [_basis(near, CUBIC if degree == CUBIC and _bears_cubic(near) else PARABOLA) for near in chosen]
    residuals = [_residuals(near, basis) for basis, near in zip(bases, chosen, strict=True)]
    curves: dict[int, Smooth] = {}
    for i, errors in noise(residuals, draws=draws, seed=seed):
        curves[i] = _smooth(groups[i], chosen[i], bases[i], errors)
    return tuple(curves[i] for i in range(len(groups)))


def chosen_degree(points: Points) -> int:
    """3, for cubics, where the curves lean beyond doubt and every cubic has a minimum; else 2, for parabolas."""
    lean = asymmetry(points)
    return CUBIC if lean is not None and lean.p < LEANING and lean.factor is not None else PARABOLA


def bias(
    form: Form, theta: Floats, budgets: Floats, sizes: Sequence[Floats], degrees: Sequence[int] | None = None
) -> Floats:
    """N* by parabolas over the true N* on the surface of a form, without noise, at each budget.

    `sizes` are the N tried at each budget, as fits count them, and `degrees` those of its polynomial; D = C/6N. NaN
    where the form has no optimum or a curve no minimum. On L = E + A/N^.34 + B/D^.28 (A 406.4, B 410.7) with 15 sizes
    from N*/8 to 8 N* it is 1.030.
    """
    truth = form.optimal_log_n(theta, np.log(budgets / 6))
    found = np.empty(len(budgets))
    for i, (flops, n, degree) in enumerate(zip(budgets, sizes, degrees or [PARABOLA] * len(budgets), strict=True)):
        centre = np.log(n).mean()
        loss = form.loss(theta, {"N": n, "D": flops / 6 / n, "C": np.full(len(n), flops)})
        found[i] = centre + _lowest(np.polynomial.polynomial.polyfit(np.log(n) - centre, loss, degree))
    return np.exp(found - truth)


def misfit(form: Form, theta: Floats, curves: Sequence[Smooth]) -> float | None:
    """p of an F test that the form leaves no more of the curves' runs than the curves do themselves.

    Small: the runs are known better than the form can say them. None where the curves have no degree of freedom left,
    or no more parameters than the form. N and D as the fits count them.
    """
    left, by_form = 0.0, 0.0
    for curve in curves:
        near = curve.near
        predicted = form.loss(theta, {"N": near.size, "D": near.n_tokens, "C": near.flops})
        by_form += float(np.sum((near.loss_nats - predicted) ** 2))
        own = _polynomial(curve.coefficients, np.log(near.n_params) - curve.centre)
        left += float(np.sum((near.loss_nats - own) ** 2))
    degrees = sum(len(curve.near) - len(curve.coefficients) for curve in curves)
    spent = sum(len(curve.coefficients) for curve in curves) - len(theta)
    if degrees < 1 or spent < 1 or not left:
        return None
    return float(fdtrc(spent, degrees, max((by_form - left) / spent, 0.0) / (left / degrees)))


def asymmetry(points: Points) -> Asymmetry | None:
    """Whether loss against ln N leans to one side, over all budgets that bear a cubic; None without one."""
    groups = [near for group in budget_groups(points) if _bears_cubic(near := _near(group, CUBIC))]
    cubics = [np.linalg.pinv(_basis(group, CUBIC)) @ group.loss_nats for group in groups]
    leans, degrees = _leans(groups, cubics)
    if not degrees:
        return None
    t = float(np.sum(leans) / np.sqrt(len(leans)))  # each has variance one: Stouffer's sum
    parabolas = [np.linalg.pinv(_basis(group, PARABOLA)) @ group.loss_nats for group in groups]
    shifts = np.array([_lowest(parabola) - _lowest(cubic) for parabola, cubic in zip(parabolas, cubics, strict=True)])
    return Asymmetry(
        t=t,
        degrees=degrees,
        p=float(2 * stdtr(degrees, -abs(t))),
        factor=float(np.exp(shifts.mean())) if np.all(np.isfinite(shifts)) else None,
    )


def _leans(groups: Sequence[Points], cubics: Sequence[Floats]) -> tuple[Floats, int]:
    """Each budget's cubic term over its standard error, and the degrees of freedom behind the errors in all.

    As with the curves' noise, budgets of few runs share theirs.
    """
    bases = [_basis(group, CUBIC) for group in groups]
    fitted = zip(groups, bases, cubics, strict=True)
    squares = np.array([np.sum((group.loss_nats - basis @ cubic) ** 2) for group, basis, cubic in fitted])
    degrees = np.array([len(group) - 1 - CUBIC for group in groups], dtype=np.int64)
    small = np.array([len(group) < OWN_NOISE for group in groups], dtype=bool)
    shared = squares[small].sum() / degrees[small].sum() if small.any() else 0.0
    variance = np.where(small, shared, squares / degrees)
    errors = np.sqrt([found * np.linalg.pinv(b.T @ b)[CUBIC, CUBIC] for found, b in zip(variance, bases, strict=True)])
    known = errors > 1e-12  # not so of runs that lie on a cubic to the bit
    terms = np.array([cubic[CUBIC] for cubic in cubics])
    return terms[known] / errors[known], int(degrees[known].sum())


def _smooth(group: Points, near: Points, basis: Floats, errors: Floats) -> Smooth:
    """The polynomial of a budget, its draws refitted to `errors` (draws, runs) about it."""
    solver = np.linalg.pinv(basis)
    coefficients = solver @ near.loss_nats
    coefficient_draws = coefficients + errors @ solver.T
    log_n, centre = np.log(group.n_params), float(np.log(near.n_params).mean())
    reach = np.ptp(log_n)
    lowest, lowest_draws = float(_lowest(coefficients)), _lowest(coefficient_draws)
    # A draw without a minimum, or far out, is kept one range beyond the sizes tried.
    log_n_draws = np.nan_to_num(centre + lowest_draws, nan=np.inf)
    log_n_draws = np.clip(log_n_draws, log_n.min() - reach, log_n.max() + reach)
    return Smooth(
        budget_flops=float(group.budget_flops[0]),
        points=group,
        near=near,
        log_n_opt=centre + lowest,
        loss_opt=float(_polynomial(coefficients, lowest)),
        log_n_opt_draws=log_n_draws,
        # Far out a polynomial may fall below zero, which no loss does.
        loss_opt_draws=np.maximum(_polynomial(coefficient_draws, log_n_draws - centre), near.loss_nats.min() / 100),
        clear=float(np.mean(np.isfinite(lowest_draws))) if len(errors) else float("nan"),
        centre=centre,
        coefficients=coefficients,
    )


def _residuals(near: Points, basis: Floats) -> Residuals:
    return Residuals.of(basis, near.loss_nats, float(near.budget_flops[0]))


def _near(group: Points, degree: int) -> Points:
    """The runs of the sizes that come near the least loss of the budget, and of the best four in any case."""
    sizes, place = np.unique(group.n_params, return_inverse=True)
    least = np.full(len(sizes), np.inf)
    np.minimum.at(least, place, group.loss_nats)
    enough = max((1 + NEAR[degree]) * least.min(), float(np.sort(least)[min(BEST_SIZES, len(least)) - 1]))
    return group.where(least[place] <= enough)


def _bears_cubic(near: Points) -> bool:
    return len(near) >= CUBIC_RUNS and len(np.unique(near.n_params)) > CUBIC + 1


def _basis(group: Points, degree: int) -> Floats:
    """1, u, u^2 ... for u = ln N - mean: (runs, degree + 1)."""
    u = np.log(group.n_params)
    return np.vander(u - u.mean(), degree + 1, increasing=True)


def _lowest(coefficients: Floats) -> Floats:
    """u of the local minimum of c0 + c1 u + c2 u^2 (+ c3 u^3); NaN where there is none.

    As -c1 / (c2 + sqrt(c2^2 - 3 c1 c3)), which holds without a cubic term too.
    """
    c1, c2 = coefficients[..., 1], coefficients[..., 2]
    c3 = coefficients[..., 3] if coefficients.shape[-1] > CUBIC else 0.0
    inside = c2**2 - 3 * c1 * c3
    slope = c2 + np.sqrt(np.where(inside >= 0, inside, np.nan))
    return -c1 / np.where(slope > 0, slope, np.nan)


def _polynomial(coefficients: Floats, u: Floats | float) -> Floats:
    value = coefficients[..., -1]
    for place in range(2, coefficients.shape[-1] + 1):
        value = value * u + coefficients[..., -place]
    return value

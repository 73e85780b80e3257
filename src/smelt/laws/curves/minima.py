"""What a budget's runs say of its best size, however they are read, and the lines through what several budgets say.

    loss                              ln D*
     |  o           o  budget 1         |            *
     |    o       o                     |        *
     |       o *        budget 2        |    *
     +------------------- ln N          +---------------- ln C

A `Curve` is one budget read by one approach: parabolas (isoflop.py) or interpolation (akima.py). The curves are drawn
over `n_params`, for people. The line is that of D* against C, both counted beyond dispute; N is what they leave, C/6D*,
as the fits count it (points.py): the line of N* is this one turned over, a = 1 - b.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

from smelt.laws.forms import Floats
from smelt.laws.points import Points

SIZES = 3
"""Distinct sizes that a minimum needs."""
SCATTERED = 0.01
"""p below which points scatter about their line more than their own draws explain. Something else then differs between
budgets, and the line is known so much worse: its draws are spread by sqrt(chi2 / degrees of freedom), as the Particle
Data Group scales errors (Review of Particle Physics, introduction; Birge 1932)."""
MIDDLE, MIDDLE_SHARE = (16, 84), 0.51
"""Percentiles one standard deviation either side, and what they are apart of a normal 95% interval."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Curve:
    """Loss against size at one budget, and where it is least."""

    enough: ClassVar[float] = 0.95
    """Share of the draws that must have a minimum for the curve not to count as flat."""

    budget_flops: float
    points: Points
    log_n_opt: float
    """ln of the best `n_params`; NaN where there is none."""
    loss_opt: float
    """The loss there, nats."""
    log_n_opt_draws: Floats
    """ln N* with noise drawn anew; no rows where no run is left to tell noise from curve."""
    loss_opt_draws: Floats
    """The loss there, nats."""
    clear: float
    """Share of the draws that have a minimum."""

    @property
    def log_n(self) -> Floats:
        """ln N of its runs."""
        return np.log(self.points.n_params)

    @property
    def interior(self) -> bool:
        """The minimum lies strictly between the smallest and the largest size tried."""
        return bool(self.log_n.min() < self.log_n_opt < self.log_n.max())

    @property
    def flat(self) -> bool:
        """Noise alone could have made the minimum: N* is anywhere.

        True where too few of the draws have a minimum, or where ln N* is known no better than if its 95% interval were
        as wide as the sizes tried: judged by the middle of the draws, since a few without a minimum are far out, and
        a budget left out for them is often the largest (`python -m benchmarks heldout` is a third worse).
        """
        if not len(self.log_n_opt_draws):
            return False
        low, high = np.percentile(self.log_n_opt_draws, MIDDLE)
        return bool(self.clear < self.enough or high - low > MIDDLE_SHARE * np.ptp(self.log_n))

    @property
    def interior_draws(self) -> NDArray[np.bool_]:
        """The same of each draw."""
        return (self.log_n.min() < self.log_n_opt_draws) & (self.log_n_opt_draws < self.log_n.max())

    @property
    def usable(self) -> bool:
        """Its minimum may enter the line."""
        return self.interior and not self.flat

    @property
    def log_n_error(self) -> float:
        """Standard deviation of ln N*, by which `fit_minima` can weigh; NaN without draws."""
        return float(np.std(self.log_n_opt_draws)) if len(self.log_n_opt_draws) else float("nan")

    def log_d(self, log_n: Floats | float) -> Floats:
        """ln D that the budget leaves at ln N: a polynomial through its runs, for an exact count is not 6ND."""
        degree = 2 if len(np.unique(self.log_n)) > SIZES else 1
        centre = self.log_n.mean()
        coefficients = np.polyfit(self.log_n - centre, np.log(self.points.n_tokens), degree)
        return np.asarray(np.polyval(coefficients, log_n - centre), dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """ln y = intercept + slope ln C by least squares, with draws of both (draws, 2).

    A draw's line leaves out what the line itself would: curves whose minimum is not inside their sizes.
    """

    intercept: float
    slope: float
    draws: Floats
    excess: float | None
    """p of a chi-square test that the points scatter about the line no more than their own draws do."""
    scatter: float = 1.0
    """By how much the draws lie further from the line than the points' own would: see `SCATTERED`."""

    def at(self, flops: float) -> float:
        """ln y of a budget."""
        return self.intercept + self.slope * float(np.log(flops))

    def drawn_at(self, flops: float) -> Floats:
        """The same of each draw."""
        return self.draws[:, 0] + self.draws[:, 1] * float(np.log(flops))


@dataclass(frozen=True, slots=True, eq=False)
class Minima:
    """The lines through the minima of at least two curves: pass those that are `usable`."""

    curves: tuple[Curve, ...]
    log_d: Line
    """ln D*: its slope is b in D* ~ C^b."""
    log_loss: Line
    """ln of the least loss: a power law without a floor, to be believed near the runs only."""


def budget_groups(points: Points) -> list[Points]:
    """The runs of each budget that has sizes enough for a minimum, by ascending budget."""
    groups = [points.where(points.budget_flops == budget) for budget in points.budgets]
    return [group for group in groups if len(np.unique(group.n_params)) >= SIZES]


def fit_minima(curves: Sequence[Curve], *, weighted: bool = False) -> Minima | None:
    """The lines through the minima of `curves`, each weighed by its `log_n_error` if wanted; None for fewer than two.

    Equal weights are the rule: noise that differs much between budgets is rarely known well enough to weigh by it.
    """
    if len(curves) < 2:
        return None
    log_flops = np.log([curve.budget_flops for curve in curves])
    weights = np.array([curve.log_n_error**-2 if weighted else 1.0 for curve in curves])
    log_d = np.array([float(curve.log_d(curve.log_n_opt)) for curve in curves])
    log_d_draws = np.array([curve.log_d(curve.log_n_opt_draws) for curve in curves])
    log_loss = np.log([curve.loss_opt for curve in curves])
    log_loss_draws = np.log([curve.loss_opt_draws for curve in curves])
    weight_draws = _weight_draws(curves, weights)
    return Minima(
        curves=tuple(curves),
        log_d=_line(log_flops, log_d, log_d_draws, weights, weight_draws),
        log_loss=_line(log_flops, log_loss, log_loss_draws, weights, weight_draws),
    )


def _weight_draws(curves: Sequence[Curve], weights: Floats) -> Floats:
    """(curves, draws): of the curves with an interior minimum in a draw; of all where that leaves no line."""
    interior = np.array([curve.interior_draws for curve in curves])
    return weights[:, None] * (interior | (interior.sum(axis=0) < 2))


def _line(x: Floats, y: Floats, y_draws: Floats, weights: Floats, weight_draws: Floats) -> Line:
    """The line through y (curves) over x, and through each column of `y_draws` (curves, draws)."""
    line = _least_squares(x, y[:, None], weights[:, None])[0]
    intercept, slope = float(line[0]), float(line[1])
    excess, scatter = None, 1.0
    if len(x) > 2 and y_draws.shape[1]:
        degrees, surprise = len(x) - 2, np.sum((y - intercept - slope * x) ** 2 / y_draws.var(axis=1))
        excess = float(chdtrc(degrees, surprise))
        scatter = float(np.sqrt(surprise / degrees)) if excess < SCATTERED else 1.0
    draws = line + scatter * (_least_squares(x, y_draws, weight_draws) - line)
    return Line(intercept=intercept, slope=slope, draws=draws, excess=excess, scatter=scatter)


def _least_squares(x: Floats, y: Floats, weights: Floats) -> Floats:
    """Intercept and slope (columns, 2) of the lines through the columns of y."""
    total = weights.sum(axis=0)
    x_mean, y_mean = (weights * x[:, None]).sum(axis=0) / total, (weights * y).sum(axis=0) / total
    off = x[:, None] - x_mean
    slope = (weights * off * y).sum(axis=0) / (weights * off**2).sum(axis=0)
    return np.stack([y_mean - slope * x_mean, slope], axis=1)

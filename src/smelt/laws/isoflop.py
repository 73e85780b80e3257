"""Approach 2 of Hoffmann et al. 2022: a parabola in ln N through the runs of one budget, its minimum, a line through
the minima.

    loss                              ln D*
     |  o           o  budget 1         |            *
     |    o       o                     |        *
     |       o *        budget 2        |    *
     +------------------- ln N          +---------------- ln C

Nothing is assumed of how loss depends on N and D beyond "smooth near its minimum", so it stands on a small ladder where
the parametric form does not. Its known weakness: on a surface that is not symmetric in ln N the minimum is off by a
constant factor (1.01 to 1.16 on published surfaces with sizes 4x to 8x either side), while the exponent is unbiased.

The curves are drawn over `n_params`, for people. The line is that of D* against C, both counted beyond dispute; N is
what they leave, C/6D*, as the fits count it (points.py): the line of N* is this one turned over, a = 1 - b.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc

from smelt.laws.forms import Floats
from smelt.laws.points import Points

FAILS = (
    "On a surface that is not symmetric in ln N the minima are off by a constant factor (1.01 to 1.16 with sizes 4x "
    "to 8x either side, on published surfaces); the exponent is not. It says nothing of runs away from the optimum."
)
SIZES = 3
"""Distinct sizes that a parabola needs."""
OWN_NOISE = 10
"""Runs from which a budget's noise is judged by its own residuals: large budgets are quieter (in Llama 3's curves by
a factor 8), but with few runs one cannot tell, and sharing costs less than guessing."""
CLEAR = 0.95
"""Share of the draws that must bend upwards for a curve not to count as flat."""


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """One budget's parabola: loss = c0 + c1 u + c2 u^2 with u = ln N - centre."""

    budget_flops: float
    points: Points
    centre: float
    coefficients: Floats
    """(3,): c0, c1, c2 in nats."""
    draws: Floats
    """(draws, 3): the same, refitted to noise drawn anew; no rows where no run is left to tell noise from curve."""

    @property
    def log_n(self) -> Floats:
        """ln N of its runs."""
        return np.log(self.points.n_params)

    @property
    def log_n_opt(self) -> float:
        """ln of the best `n_params`: the parabola's vertex; NaN where it does not bend upwards."""
        return float(self._vertex(self.coefficients))

    @property
    def loss_opt(self) -> float:
        """The loss at the vertex, nats."""
        return float(_polynomial(self.coefficients, self.log_n_opt - self.centre))

    @property
    def interior(self) -> bool:
        """The minimum lies strictly between the smallest and the largest size tried."""
        return bool(self.log_n.min() < self.log_n_opt < self.log_n.max())

    @property
    def flat(self) -> bool:
        """Noise alone could have made the bend: N* is anywhere.

        True where fewer than 95% of the draws bend upwards, or where the 95% interval of ln N* is wider than the
        sizes tried.
        """
        if not len(self.draws):
            return False
        low, high = np.percentile(self.log_n_opt_draws(), [2.5, 97.5])
        return bool(np.mean(self.draws[:, 2] > 0) < CLEAR or high - low > np.ptp(self.log_n))

    @property
    def usable(self) -> bool:
        """Its minimum may enter the line."""
        return self.interior and not self.flat

    def log_n_opt_draws(self) -> Floats:
        """ln N* (draws); a draw without a minimum, or far out, is kept one range beyond the sizes tried."""
        reach = np.ptp(self.log_n)
        vertex = np.nan_to_num(self._vertex(self.draws), nan=np.inf)
        return np.clip(vertex, self.log_n.min() - reach, self.log_n.max() + reach)

    def loss_opt_draws(self) -> Floats:
        """Loss at N*, nats (draws)."""
        return _polynomial(self.draws, self.log_n_opt_draws() - self.centre)

    def log_d(self, log_n: Floats | float) -> Floats:
        """ln D that the budget leaves at ln N: a polynomial through its runs, for an exact count is not 6ND."""
        degree = 2 if len(np.unique(self.log_n)) > SIZES else 1
        u = self.log_n - self.centre
        coefficients = np.polyfit(u, np.log(self.points.n_tokens), degree)
        return np.asarray(np.polyval(coefficients, log_n - self.centre), dtype=np.float64)

    def _vertex(self, coefficients: Floats) -> Floats:
        slope, bend = coefficients[..., 1], coefficients[..., 2]
        return self.centre - slope / np.where(bend > 0, 2 * bend, np.nan)


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """ln y = intercept + slope ln C, by ordinary least squares, with draws of both (draws, 2)."""

    intercept: float
    slope: float
    draws: Floats
    excess: float | None
    """p of a chi-square test that the minima scatter about the line no more than their own draws do."""

    def at(self, flops: float) -> float:
        """ln y of a budget."""
        return self.intercept + self.slope * float(np.log(flops))


@dataclass(frozen=True, slots=True, eq=False)
class Minima:
    """The lines through the minima of at least two curves: pass those that are `usable`."""

    curves: tuple[Curve, ...]
    log_d: Line
    """ln D*: its slope is b in D* ~ C^b."""
    log_loss: Line
    """ln of the least loss: a power law without a floor, to be believed near the runs only."""


def fit_curves(points: Points, *, draws: int, seed: int) -> tuple[Curve, ...]:
    """A parabola for each budget of at least three distinct sizes, by ascending budget."""
    groups = [points.where(points.budget_flops == budget) for budget in points.budgets]
    groups = [group for group in groups if len(np.unique(group.n_params)) >= SIZES]
    solvers = [np.linalg.pinv(_basis(group)) for group in groups]
    fitted = [solver @ group.loss_nats for solver, group in zip(solvers, groups, strict=True)]
    noise = _noise(groups, fitted, draws=draws, seed=seed)
    return tuple(
        Curve(
            budget_flops=float(group.budget_flops[0]),
            points=group,
            centre=float(np.log(group.n_params).mean()),
            coefficients=coefficients,
            draws=coefficients + errors @ solver.T,
        )
        for group, solver, coefficients, errors in zip(groups, solvers, fitted, noise, strict=True)
    )


def fit_minima(curves: tuple[Curve, ...]) -> Minima | None:
    """The lines through the minima of `curves`; None for fewer than two."""
    if len(curves) < 2:
        return None
    log_flops = np.log([curve.budget_flops for curve in curves])
    log_d = np.array([curve.log_d(curve.log_n_opt) for curve in curves])
    log_d_draws = np.array([curve.log_d(curve.log_n_opt_draws()) for curve in curves])
    loss = np.array([curve.loss_opt for curve in curves])
    loss_draws = np.array([curve.loss_opt_draws() for curve in curves])
    return Minima(
        curves=curves,
        log_d=_line(log_flops, log_d, log_d_draws),
        log_loss=_line(log_flops, np.log(loss), np.log(loss_draws)),
    )


def _noise(groups: list[Points], fitted: list[Floats], *, draws: int, seed: int) -> list[Floats]:
    """Noise for each budget's runs, drawn anew: (draws, runs) each; (0, runs) where no run is left to judge it by.

    A residual bootstrap, since resampling five runs of five would often leave too few sizes for a parabola. Three
    corrections for small samples: residuals are divided by sqrt(1 - leverage), since a curve passes closer to its own
    runs than to new ones; budgets of few runs share theirs; and each draw is scaled by sqrt(dof / chi2), which makes
    intervals as wide as Student's t (at 8 degrees of freedom a plain bootstrap is 15% too narrow).
    """
    generator = np.random.RandomState(seed)  # its stream is frozen: see fit.resample
    noise: dict[int, Floats] = {}
    for together in _sharing(groups):
        degrees = sum(len(groups[i]) - 3 for i in together)
        if not degrees:
            noise |= {i: np.empty((0, len(groups[i]))) for i in together}
            continue
        pool = np.concatenate([_studentised(groups[i], fitted[i]) for i in together])
        pool -= pool.mean()
        widths = np.sqrt(degrees / generator.chisquare(degrees, size=(draws, 1)))
        for i in together:
            noise[i] = widths * pool[generator.randint(len(pool), size=(draws, len(groups[i])))]
    return [noise[i] for i in range(len(groups))]


def _sharing(groups: list[Points]) -> list[list[int]]:
    """Which budgets judge their noise together: the small ones, or all where those have too few residuals."""
    small = [i for i, group in enumerate(groups) if len(group) < OWN_NOISE]
    if small and sum(len(groups[i]) - SIZES for i in small) < OWN_NOISE - SIZES:
        return [list(range(len(groups)))]
    large = [[i] for i, group in enumerate(groups) if len(group) >= OWN_NOISE]
    return [small, *large] if small else large


def _studentised(group: Points, coefficients: Floats) -> Floats:
    basis = _basis(group)
    leverage = np.einsum("ij,ji->i", basis, np.linalg.pinv(basis))
    informative = leverage < 1 - 1e-9
    residuals = group.loss_nats - basis @ coefficients
    return residuals[informative] / np.sqrt(1 - leverage[informative])


def _basis(group: Points) -> Floats:
    """1, u, u^2 for u = ln N - mean: (runs, 3)."""
    u = np.log(group.n_params)
    return np.vander(u - u.mean(), 3, increasing=True)


def _line(x: Floats, y: Floats, y_draws: Floats) -> Line:
    """The line through y (curves) over x, and through each column of `y_draws` (curves, draws)."""
    solver = np.linalg.pinv(np.stack([np.ones_like(x), x], axis=1))
    intercept, slope = (float(value) for value in solver @ y)
    excess = None
    if len(x) > 2 and y_draws.shape[1]:
        surprise = np.sum((y - intercept - slope * x) ** 2 / y_draws.var(axis=1))
        excess = float(chdtrc(len(x) - 2, surprise))
    return Line(intercept=intercept, slope=slope, draws=(solver @ y_draws).T, excess=excess)


def _polynomial(coefficients: Floats, u: Floats | float) -> Floats:
    return coefficients[..., 0] + coefficients[..., 1] * u + coefficients[..., 2] * u**2

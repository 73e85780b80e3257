"""Approach 2 without a parabola: the least loss of a budget by interpolation between its runs (Porian et al. 2024).

"Resolving discrepancies in compute-optimal scaling of language models", section 3 and appendix C: ln loss against ln N
by Akima's spline (Akima 1970) on a fine grid, its least point if that is no end of the grid, a line through the minima.

A spline passes through every run and assumes no shape, so curves that lean do not bias it: that is what it is for. It
pays for that in noise, since nothing is averaged, and its minimum tends to lie at a run.

Noise cannot be told from a curve that passes through all runs. It is judged by the residuals of a smooth polynomial
beside it, and a draw moves what was found by what noise drawn anew does to the spline through that polynomial. Porian
et al. add a noise of .002 nats, which they know from seeds, to the runs themselves: that counts it twice, and is not to
be had for anyone's runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import Akima1DInterpolator

from smelt.laws.curves.minima import SIZES, Curve, budget_groups
from smelt.laws.curves.noise import Residuals, noise
from smelt.laws.forms import Floats
from smelt.laws.points import Points

FAILS = (
    "The curve passes through every run, noise included: its minimum tends to lie at a run, and is known no better "
    "than to about a third of the distance between sizes. It says nothing of runs away from the optimum."
)
STEPS = 25
"""Grid points between two sizes (Porian et al. 2024, their analysis code)."""
LONGEST_GRID = 2_500
"""Grid points at most: sizes that lie closer are many enough."""
SAME_SIZE = 0.03
"""Sizes that differ by less, as a share, count as one: a curve through two such runs swings with their noise."""
SPACING = 0.33
"""Share of the grid's distance between sizes below which a minimum's error is not believed (the same code)."""
CELLS = 2_000_000
"""Numbers held at a time while draws are interpolated: 16 MB, times the five that Akima's spline makes of each."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Interpolant(Curve):
    """One budget's runs, joined by Akima's spline in log-log; replicates of a size by their mean."""

    enough: ClassVar[float] = 0.5
    """Half of the draws must have their minimum inside (the same code)."""

    spacing: float
    """Mean distance of neighbouring sizes in ln N."""

    @property
    def log_n_error(self) -> float:
        """Standard deviation of ln N*, not below a third of the sizes' spacing, and larger for minima often lost."""
        known = float(np.std(self.log_n_opt_draws)) if len(self.log_n_opt_draws) else 0.0
        return max(known, SPACING * self.spacing) / (self.clear if len(self.log_n_opt_draws) else 1.0)


def fit_interpolants(points: Points, *, draws: int, seed: int) -> tuple[Interpolant, ...]:
    """The interpolated minimum of each budget of at least three distinct sizes, by ascending budget."""
    read = [(group, _mean_by_size(group)) for group in budget_groups(points)]
    read = [(group, mean) for group, mean in read if len(mean[0]) >= SIZES]
    groups, means = [group for group, _ in read], [mean for _, mean in read]
    bases = [_smooth_basis(log_n) for log_n, _ in means]
    residuals = [
        Residuals.of(basis, log_loss, float(group.budget_flops[0]))
        for basis, group, (_, log_loss) in zip(bases, groups, means, strict=True)
    ]
    found: dict[int, Interpolant] = {}
    for i, errors in noise(residuals, draws=draws, seed=seed):
        found[i] = _interpolant(groups[i], *means[i], bases[i], errors)
    return tuple(found[i] for i in range(len(groups)))


def _interpolant(group: Points, log_n: Floats, log_loss: Floats, basis: Floats, errors: Floats) -> Interpolant:
    """The minimum of a budget, its draws by `errors` (draws, sizes) about a polynomial."""
    grid = np.linspace(log_n[0], log_n[-1], min(STEPS * (len(log_n) - 1), LONGEST_GRID))
    smooth = basis @ (np.linalg.pinv(basis) @ log_loss)
    [log_n_opt], [log_loss_opt] = _least(log_n, log_loss[None], grid)
    [smooth_n], [smooth_loss] = _least(log_n, smooth[None], grid)
    drawn_n, drawn_loss = _least(log_n, smooth + errors, grid)
    inside = (drawn_n > grid[0]) & (drawn_n < grid[-1])
    return Interpolant(
        budget_flops=float(group.budget_flops[0]),
        points=group,
        log_n_opt=float(log_n_opt),
        loss_opt=float(np.exp(log_loss_opt)),
        log_n_opt_draws=log_n_opt + (drawn_n - smooth_n),
        # The other way about for the loss: the least of noisy losses is too low, and would be twice as much so.
        loss_opt_draws=np.exp(log_loss_opt - (drawn_loss - smooth_loss)),
        clear=float(np.mean(inside)) if len(errors) else float("nan"),
        spacing=float(np.ptp(log_n)) / (len(log_n) - 1),
    )


def _least(log_n: Floats, log_loss: Floats, grid: Floats) -> tuple[Floats, Floats]:
    """Where on the grid the spline through each row of `log_loss` (rows, sizes) is least, and its value there."""
    where, least = np.empty(len(log_loss)), np.empty(len(log_loss))
    rows = max(1, CELLS // max(len(grid), len(log_n)))
    for start in range(0, len(log_loss), rows):
        some = slice(start, start + rows)
        values = np.asarray(Akima1DInterpolator(log_n, log_loss[some], axis=-1)(grid), dtype=np.float64)
        places = values.argmin(axis=-1)
        where[some], least[some] = grid[places], values.min(axis=-1)
    return where, least


def _mean_by_size(group: Points) -> tuple[Floats, Floats]:
    """ln N of the distinct sizes, ascending, and ln loss of each; means where runs have all but the same size."""
    sizes = np.unique(group.n_params)
    place = _groups_of_size(sizes)[np.searchsorted(sizes, group.n_params)]
    log_n, log_loss = (np.bincount(place, weights=np.log(values)) for values in (group.n_params, group.loss_nats))
    return log_n / np.bincount(place), log_loss / np.bincount(place)


def _groups_of_size(sizes: Floats) -> NDArray[np.int64]:
    """Which of ascending sizes count as one: each group begins where a size is beyond the reach of its first."""
    groups = np.zeros(len(sizes), dtype=np.int64)
    first = sizes[0]
    for i in range(1, len(sizes)):
        is_new = sizes[i] > first * (1 + SAME_SIZE)
        groups[i] = groups[i - 1] + is_new
        first = sizes[i] if is_new else first
    return groups


def _smooth_basis(log_n: Floats) -> Floats:
    """Of a polynomial that follows a curve and not its noise: (sizes, degree + 1)."""
    u = log_n - log_n.mean()
    return np.vander(u / np.abs(u).max(), _smooth_degree(len(u)) + 1, increasing=True)


def _smooth_degree(sizes: int) -> int:
    """A parabola; a cubic from seven sizes, a quartic from ten: each leaves some of the sizes to tell noise.

    Wide curves are no parabolas (Porian et al.'s reach from 3 to 9 nats), and what a smooth curve misses counts as
    noise: intervals are then too wide rather than too narrow.
    """
    return 2 if sizes < 7 else 3 if sizes < 10 else 4

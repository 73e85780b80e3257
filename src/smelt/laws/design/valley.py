"""The valley of a ladder: loss as a parabola about one line, the working model by which runs are chosen.

    L = l(C) + k (ln N - ln N*(C))^2          ln N* = a + b ln C

With a level l for each budget, and one bend k, it is linear in (l, k, ka, kb): one least-squares solve, no start, no
iteration. What is reported of N* is isoflop.py's, which lets every budget bend as it likes: that assumes less, but its
single vertices are too rough to aim at. Here N is that of the fits, FLOPs a token over 6.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from smelt.laws.curves.minima import SIZES
from smelt.laws.curves.noise import NoiseLaw, Residuals
from smelt.laws.forms import Floats
from smelt.laws.points import Points


@dataclass(frozen=True, slots=True)
class Valley:
    """Where the best sizes lie, and how clearly."""

    intercept: float
    """a: ln N* at C = 1."""
    slope: float
    """b."""
    bend: float
    """k, nats."""
    noise: NoiseLaw
    """Of a run about its budget's parabola, nats."""

    def log_n_opt(self, flops: float) -> float:
        """ln N* of a budget."""
        return self.intercept + self.slope * math.log(flops)


def fit_valley(points: Points) -> Valley | None:
    """The valley of the runs that have budgets; None where fewer than two have three sizes, or loss bends downwards."""
    points = points.where(_in_parabolas(points))
    if len(points.budgets) < 2:
        return None
    log_n, log_c = np.log(points.size), np.log(points.budget_flops)
    centre_n, centre_c = float(log_n.mean()), float(log_c.mean())
    u, x = log_n - centre_n, log_c - centre_c
    levels = _levels(points)
    shared = np.column_stack([levels, u**2, u, u * x])
    *_, k, p, q = np.linalg.lstsq(shared, points.loss_nats, rcond=None)[0]
    if not k > 0:
        return None
    slope = float(-q / (2 * k))
    return Valley(
        intercept=float(centre_n - p / (2 * k) - slope * centre_c),
        slope=slope,
        bend=float(k),
        noise=_noise(points, shared),
    )


def _in_parabolas(points: Points) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Runs of a budget that has three sizes."""
    enough = [budget for budget in points.budgets if len(set(points.size[points.budget_flops == budget])) >= SIZES]
    return np.isin(points.budget_flops, enough)


def _levels(points: Points) -> Floats:
    """Which budget each run is of: (runs, budgets) of 0 and 1."""
    return (points.budget_flops[:, None] == points.budgets[None, :]).astype(np.float64)


def _noise(points: Points, shared: Floats) -> NoiseLaw:
    """About a parabola of each budget's own, since a bend that changes with C is no noise, as isoflop.py judges it.

    Where these leave no run to tell by: about the valley, the same at every budget.
    """
    groups = [points.where(points.budget_flops == budget) for budget in points.budgets]
    if len(points) > SIZES * len(groups):
        return NoiseLaw.of([_about(_parabola(group.size), group) for group in groups])
    return NoiseLaw.of([_about(shared, points)])


def _about(basis: Floats, points: Points) -> Residuals:
    return Residuals.of(basis, points.loss_nats, float(np.exp(np.log(points.budget_flops).mean())))


def _parabola(size: Floats) -> Floats:
    log_n = np.log(size)
    return np.vander(log_n - log_n.mean(), SIZES)

"""Which runs were made for one budget, where a table does not say: those whose FLOPs agree.

    |||            || |             |||                 budgets
    |   |  |    | |     |  |   |      |   |  |          none: two runs by chance at the same FLOPs are no budget

What is not grouped must never be: a parabola through runs that differ in compute is a slope taken for a curve. So runs
count as a budget only where they lie far closer to one another than to any other run, at three sizes or more; and a
table counts as made for budgets only where such runs are most of it. Runs scattered at random over decades make three
such neighbours with a chance of 1 in 400 each, and hardly ever most of a table.
"""

from __future__ import annotations

import itertools

import numpy as np

from smelt.laws.forms import Floats

AGREE = 0.1
"""FLOPs of one budget differ by at most this share: ladders that round to whole steps stay within a few per cent, and
Porian et al. 2024 take runs within a tenth."""
APART = 10
"""How many times its own spread a group must lie from its neighbours, in ln C."""
SIZES = 3
"""Distinct sizes that a budget must have."""
MOST = 0.5
"""Share of the runs that must belong to budgets."""


def recognise(flops: Floats, n_params: Floats) -> Floats:
    """The budget of each run: the geometric mean of its group's FLOPs; NaN for those of none, for all if most are."""
    order = np.argsort(flops, kind="stable")
    log_c = np.log(flops[order])
    budgets = np.full(len(flops), np.nan)
    for start, end in _clusters(log_c):
        members = order[start:end]
        if _is_apart(log_c, start, end) and len(np.unique(n_params[members])) >= SIZES:
            budgets[members] = _rounded(float(np.exp(log_c[start:end].mean())))
    if np.mean(np.isfinite(budgets)) < MOST:
        budgets[:] = np.nan
    return budgets


def _clusters(log_c: Floats) -> list[tuple[int, int]]:
    """Start and end of the runs between which no gap is wider than `AGREE`, of ascending ln C."""
    ends = np.flatnonzero(np.diff(log_c) > np.log1p(AGREE)) + 1
    bounds = [0, *(int(end) for end in ends), len(log_c)]
    return [(start, end) for start, end in itertools.pairwise(bounds) if end > start]


def _is_apart(log_c: Floats, start: int, end: int) -> bool:
    """The cluster spreads little, and its neighbours are far off."""
    spread = float(log_c[end - 1] - log_c[start])
    below = log_c[start] - log_c[start - 1] if start else np.inf
    above = log_c[end] - log_c[end - 1] if end < len(log_c) else np.inf
    return spread <= np.log1p(AGREE) and min(below, above) > APART * spread


def _rounded(flops: float) -> float:
    """Six figures: a mean of equal numbers is then that number."""
    return float(f"{flops:.6g}")

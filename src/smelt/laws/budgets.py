"""Budgets where nobody wrote them down: FLOPs that runs of several sizes have in common."""

from __future__ import annotations

import numpy as np

from smelt.laws.forms import Floats

SAME = 1e-3
"""Relative difference of FLOPs below which two runs had one budget: rounding to whole steps moves them less."""
SIZES = 3
"""Distinct sizes that make a budget's curve."""
MOST = 0.5
"""Share of the runs that must fall into budgets: else equal FLOPs are chance."""


def shared_budgets(flops: Floats, n_params: Floats) -> Floats | None:
    """The budget of each run, NaN for one that has none; None where runs were not made for budgets.

    >>> shared_budgets(np.array([1e18] * 3 + [1e19] * 3), np.array([1e7, 2e7, 3e7] * 2))
    array([1.e+18, 1.e+18, 1.e+18, 1.e+19, 1.e+19, 1.e+19])
    """
    order = np.argsort(flops, kind="stable")
    starts = np.flatnonzero(np.diff(np.log(flops[order])) > SAME) + 1
    groups = [group for group in np.split(order, starts) if len(np.unique(n_params[group])) >= SIZES]
    if len(groups) < 2 or sum(len(group) for group in groups) < MOST * len(flops):
        return None
    budgets = np.full(len(flops), np.nan)
    for group in groups:
        budgets[group] = np.median(flops[group])
    return budgets

"""Runs that could be trained next, where the caller names none."""

from __future__ import annotations

import math

import numpy as np

from smelt.laws.design.designs import Candidate, FormDesign, no_design
from smelt.laws.design.valley import Valley
from smelt.laws.overhead import Overhead
from smelt.laws.points import Points

OFFSETS = 9
"""Sizes offered at each budget where the caller names none."""
FORM_SPAN = 8.0
"""How far from N* sizes are offered to a parametric form, which needs runs off the optimum to tell A from B
(IsoFLOP grids reach 4x to 8x either side: Hoffmann et al. 2022, figure 3)."""


def around_valley(points: Points, valley: Valley, *, span: float) -> list[Candidate]:
    """Sizes within the span of N*, at the budgets of the runs and one step beyond."""
    overhead = Overhead.of(points)
    budgets = [float(budget) for budget in points.budgets]
    step = float(np.exp(np.median(np.diff(np.log(budgets)))))
    return [
        _candidate(budget, valley.log_n_opt(budget) + offset, overhead)
        for budget in (*budgets, budgets[-1] * step)
        for offset in np.linspace(-math.log(span), math.log(span), OFFSETS)
    ]


def around_form(points: Points, design: FormDesign, *, span: float) -> list[Candidate]:
    """Sizes within the span of N*, at five budgets from the least to the most FLOPs of the runs."""
    overhead = Overhead.of(points)
    found: list[Candidate] = []
    for budget in np.geomspace(points.flops.min(), points.flops.max(), 5):
        best = float(design.form.optimal_log_n(design.theta, math.log(budget / 6)))
        if not math.isfinite(best):
            raise no_design("the parametric form has no optimum: an exponent is not positive")
        offsets = np.linspace(-math.log(span), math.log(span), OFFSETS)
        found += [_candidate(float(budget), best + float(offset), overhead) for offset in offsets]
    return found


def _candidate(budget: float, log_size: float, overhead: Overhead) -> Candidate:
    size = math.exp(log_size)
    return Candidate(budget_flops=budget, n_params=float(overhead.n_params_of(size)), size=size)


def spanned(points: Points, valley: Valley) -> float:
    """How far the runs of a budget go from its N*, in the median over the budgets."""
    reach = [
        np.max(np.abs(np.log(points.size[points.budget_flops == budget]) - valley.log_n_opt(float(budget))))
        for budget in points.budgets
    ]
    return float(np.exp(np.median(reach)))

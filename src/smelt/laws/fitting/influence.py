"""What single runs do to a fit: every run left out in turn, and the most outlying ones left out together.

Two refits tell what a law hangs on. Leaving each run out names the runs that pull hardest; masking, though, hides
outliers that come in groups, so the runs furthest out are also dropped one after the other, by loss (the small models
at which a form tends to fail first) and by residual. On the points of Hoffmann et al. 2022 the five largest losses
alone move the exponent of N* from .57 to .51.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from smelt.laws.fitting.fit import Fit, exponent
from smelt.laws.fitting.objective import Objective
from smelt.laws.forms import Floats
from smelt.laws.points import Observations

By = Literal["loss", "residual"]

DROPPED = 5
"""Runs that are dropped one after the other: as many as Besiroglu et al. 2024 left out."""
WORK = 1_000_000
"""Runs times refits: up to a thousand runs are all left out in turn; of more, as many as this allows, those of the
largest residuals. What one run of many does to a fit is little."""
AT_ONCE = 8_000_000
"""Weights held at once: 64 MB."""


@dataclass(frozen=True, slots=True, eq=False)
class LeftOut:
    """Fits without one run each."""

    runs: NDArray[np.intp]
    """(fits,): which run is left out."""
    theta: Floats
    """(fits, P)."""
    exponent: Floats
    """(fits,): a of N* ~ C^a; NaN where the form has none."""


@dataclass(frozen=True, slots=True, eq=False)
class Dropped:
    """Fits without the first 0, 1, ... K runs of an order."""

    by: By
    runs: NDArray[np.intp]
    """(K,), in the order in which they are dropped."""
    theta: Floats
    """(K + 1, P), the first with all runs."""
    exponent: Floats
    """(K + 1,)."""


def leave_out_each(found: Fit, seen: Observations, *, objective: Objective | None = None) -> LeftOut:
    """Refits from the optimum without each run."""
    furthest = np.argsort(-np.abs(found.residuals(seen)), kind="stable")[: max(1, WORK // len(seen))]
    runs = np.sort(furthest)
    problem, thetas = found.problem(seen, objective), list[Floats]()
    for some in np.array_split(runs, -(-len(runs) * len(seen) // AT_ONCE)):
        weights = np.ones((len(some), len(seen)))
        weights[np.arange(len(some)), some] = 0
        thetas.append(problem.solve(np.repeat(found.theta[None], len(some), axis=0), weights=weights)[0])
    theta = np.concatenate(thetas)
    return LeftOut(runs, theta, exponent(found.form, theta, seen))


def drop_in_turn(
    found: Fit, seen: Observations, *, by: By, count: int = DROPPED, objective: Objective | None = None
) -> Dropped:
    """Refits without the `count` largest losses, or without the run of the largest residual, time and again."""
    count = max(0, min(count, len(seen) - len(found.theta) - 1))
    problem, kept = found.problem(seen, objective), np.ones(len(seen))
    runs, thetas = list[int](), [found.theta]
    for _ in range(count):
        far = np.log(seen.loss) if by == "loss" else np.abs(_residuals(found, thetas[-1], seen))
        runs.append(int(np.argmax(np.where(kept > 0, far, -np.inf))))
        kept[runs[-1]] = 0
        starts = np.stack([thetas[-1], found.theta])
        theta, reached = problem.solve(starts, weights=kept[None])
        thetas.append(theta[np.nanargmin(reached)])
    theta = np.stack(thetas)
    return Dropped(by, np.array(runs, dtype=np.intp), theta, exponent(found.form, theta, seen))


def _residuals(found: Fit, theta: Floats, seen: Observations) -> Floats:
    return found.form.observed(seen.loss) - found.form.observed(found.form.loss(theta, seen.variables))

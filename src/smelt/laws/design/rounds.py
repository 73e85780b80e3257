"""A ladder that chooses its own runs: it ends when N* at a target is known well enough, or the compute is spent.

    seed -> train -> how well is N* known? -> widen edges, else the next runs of design.py -> train -> ...

Each round is a fixed number of runs, chosen from all runs before it: so a ladder is the same however many workers train
it, and however often it is killed. How well N* is known is what the law will say of these runs: the 95% interval by the
line through the minima of isoflop.py.

Ending on a narrow interval favours intervals that are narrow by luck, and such hold the truth less often than they say
(Chow & Robbins 1965 show it vanish only as the runs become many). So an interval is not believed before there are
`LEAST_DEGREES` residual degrees of freedom to judge the noise by; what that costs, and how often N* is then held, is
measured by `python -m benchmarks design`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from smelt.laws.curves.isoflop import fit_curves
from smelt.laws.curves.minima import SIZES, Curve, Minima, fit_minima
from smelt.laws.design.designs import Candidate
from smelt.laws.design.proposals import next_runs, worth_offering
from smelt.laws.design.valley import fit_valley
from smelt.laws.lines import MINIMA
from smelt.laws.points import Points

C = TypeVar("C", bound=Candidate)

LEAST_DEGREES = 12
"""Residual degrees of freedom before an interval is believed. With 8, those of a grid of four budgets of five sizes,
the intervals of 100 simulated ladders held N* 90 times; with 12, 94 times, at as many FLOPs in the median."""
DRAWS, SEED = 1000, 0
"""Those of the law's intervals by default, so that the ladder ends on what the law will print."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """When an adaptive ladder ends, and how it goes there."""

    target_flops: float
    """Where N* is wanted."""
    until: float
    """The factor either way within which N* is to be known, at 95%."""
    spend: float
    """FLOPs in all, at most."""
    batch: int
    """Runs a round."""
    span: float
    """How far sizes go from N*, as a factor."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a ladder has come."""

    runs: int
    flops: float
    known_to: float | None
    """N* at the target is known to this factor either way; None where there is no interval yet."""
    degrees: int
    """Residual degrees of freedom: runs beyond three a budget."""

    def is_narrow(self, goal: Goal) -> bool:
        """The interval is what is wanted, and there are runs enough to believe it."""
        return self.known_to is not None and self.known_to <= goal.until and self.degrees >= LEAST_DEGREES

    def in_words(self, goal: Goal) -> str:
        """For those who watch."""
        known = f"known to x{self.known_to:.3g}" if self.known_to is not None else "not known yet"
        wanted = f"wanted x{goal.until:g}"
        return f"{self.runs} runs, {self.flops:.3g} FLOPs: N* at {goal.target_flops:.3g} {known}, {wanted}"


def climb(
    seed: Sequence[C],
    candidates: Sequence[C],
    goal: Goal,
    *,
    train: Callable[[Sequence[C]], Points],
    tell: Callable[[Standing], None],
) -> Standing:
    """Trains the seed, then rounds chosen from `candidates`, until the goal is reached; the last standing.

    `train` trains runs and gives the points of all trained so far.
    """
    points = train(seed)
    while True:
        standing = standing_of(points, goal.target_flops)
        tell(standing)
        batch = [] if standing.is_narrow(goal) else next_batch(points, candidates, goal, standing.known_to)
        if not batch:
            return standing
        points = train(batch)


def standing_of(points: Points, target_flops: float) -> Standing:
    """What the runs say of N* at the target, by the parabolas."""
    curves = fit_curves(points, draws=DRAWS, seed=SEED)
    return Standing(
        runs=len(points),
        flops=float(points.flops.sum()),
        known_to=known_to(curves, target_flops),
        degrees=sum(len(curve.points) - SIZES for curve in curves),
    )


def known_to(curves: Iterable[Curve], target_flops: float) -> float | None:
    """The factor either way of the 95% interval of N*; None without three usable minima or noise to judge by."""
    minima = trusted_minima(curves)
    if minima is None:
        return None
    low, high = np.percentile(minima.log_d.draws @ [1.0, math.log(target_flops)], [2.5, 97.5])
    return float(np.exp((high - low) / 2))


def trusted_minima(curves: Iterable[Curve]) -> Minima | None:
    """The lines through the usable minima; None with fewer than three, or without draws."""
    usable = tuple(curve for curve in curves if curve.usable)
    minima = fit_minima(usable) if len(usable) >= MINIMA else None
    return minima if minima is not None and len(minima.log_d.draws) else None


def next_batch(points: Points, candidates: Sequence[C], goal: Goal, known_to: float | None = None) -> list[C]:
    """The runs of the next round: budgets whose minimum is at an edge are widened, the rest narrows the interval.

    Where N* is known to some factor, a new budget is opened only if the goal is reached for less with it.
    """
    left = goal.spend - float(points.flops.sum())
    batch: list[C] = []
    for run in widened(points, candidates):
        if len(batch) < goal.batch and run.budget_flops <= left:
            batch.append(run)
            left -= run.budget_flops
    if fit_valley(points) is None:
        return batch
    if known_to is not None:
        shrink = math.log(goal.until) / math.log(known_to)
        candidates = worth_offering(points, goal.target_flops, shrink, candidates=candidates, span=goal.span)
    chosen = next_runs(
        points,
        goal.target_flops,
        goal.batch - len(batch),
        candidates=candidates,
        span=goal.span,
        spend=left,
    )
    by_run = {(run.budget_flops, run.n_params): run for run in candidates}
    return batch + [by_run[run.budget_flops, run.n_params] for run in chosen]


def widened(points: Points, candidates: Sequence[C]) -> list[C]:
    """One size beyond the edge for each budget whose minimum lies there, the cheapest budget first.

    As far beyond as half of what the budget's sizes span, or as near to it as the candidates come.
    """
    found: list[C] = []
    for curve in fit_curves(points, draws=0, seed=SEED):
        if curve.interior:
            continue
        log_n, side = curve.log_n, 1 if _falls(curve) else -1
        edge = log_n.max() if side > 0 else log_n.min()
        wanted = edge + side * np.ptp(log_n) / 2
        beyond = [
            run
            for run in candidates
            if run.budget_flops == curve.budget_flops and side * (math.log(run.n_params) - edge) > 0
        ]
        if beyond:
            found.append(min(beyond, key=lambda run: abs(math.log(run.n_params) - wanted)))
    return found


def _falls(curve: Curve) -> bool:
    """Loss falls towards larger sizes: the minimum is on that side, or no parabola has one."""
    if np.isfinite(curve.log_n_opt):
        return curve.log_n_opt >= curve.log_n.max()
    order = np.argsort(curve.log_n)
    return bool(curve.points.loss_nats[order[-1]] < curve.points.loss_nats[order[0]])

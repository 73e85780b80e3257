"""The runs at hand as a design: how well they tell ln N* at a target, and how well they would with runs added.

Both have the variance in closed form, by the delta method (proposals.py says how and why).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Protocol, Self

import numpy as np

from smelt.errors import InputError
from smelt.laws.curves.minima import SIZES
from smelt.laws.design.valley import Valley
from smelt.laws.findings import Method
from smelt.laws.forms import FORMS, Floats, Form
from smelt.laws.law import ScalingLaw
from smelt.laws.points import Points

REPEAT_SHARE = 0.5
"""Share of a run's noise that a second seed of the same size does not average out: runs scatter about their curve by
.01 to .036 nats, seeds of one size by .013 (ladders of 23 runs of 2e10 to 5e11 FLOPs, 2026-11). A second seed is
worth a third of a first run; another size nearby is worth more."""
TIE = 1e-9
"""Scores this close are one: the earlier candidate is taken, however sums are rounded."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A run that could be trained."""

    budget_flops: float
    n_params: float
    """All parameters."""
    size: float
    """N of the fits: FLOPs a token over 6."""

    @property
    def n_tokens(self) -> float:
        """What the budget pays for."""
        return self.budget_flops / (6 * self.size)


class Design(Protocol):
    """Runs at hand, and how well they tell ln N* at a target."""

    @property
    def method(self) -> Method: ...

    @property
    def sd(self) -> float:
        """Standard error of ln N* at the target; infinite where the runs have none yet."""
        ...

    def moves(self, candidates: Sequence[Candidate]) -> list[tuple[Candidate, ...]]:
        """What can be added at once: a run, or the runs that a parabola needs."""
        ...

    def adding(self, runs: Iterable[Candidate]) -> Self:
        """The design with these runs too."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class LineDesign:
    """The line through the minima of parabolas."""

    valley: Valley
    log_target: float
    span: float
    offsets: Mapping[float, tuple[float, ...]]
    """u = ln N - ln N* of the runs, by budget."""
    method: Method = "isoflop"

    @classmethod
    def of(cls, points: Points, valley: Valley, *, target_flops: float, span: float) -> Self:
        """The design of runs."""
        bare = cls(valley=valley, log_target=math.log(target_flops), span=span, offsets={})
        return bare.adding(
            Candidate(budget_flops=float(budget), n_params=float(n), size=float(size))
            for budget, n, size in zip(points.budget_flops, points.n_params, points.size, strict=True)
            if np.isfinite(budget)
        )

    @property
    def sd(self) -> float:
        """Of ln N* by an unweighted line, as isoflop.py draws it, through the budgets that have three sizes."""
        known = {budget: u for budget, u in self.offsets.items() if len(set(u)) >= SIZES}
        if len(known) < 2:
            return math.inf
        weights = line_weights(np.log(list(known)), self.log_target)
        vertices = [self.valley.noise.sd(budget) ** 2 * vertex_variance(u) for budget, u in known.items()]
        return math.sqrt(float(weights**2 @ vertices)) / (2 * self.valley.bend)

    def moves(self, candidates: Sequence[Candidate]) -> list[tuple[Candidate, ...]]:
        """A size within the span; at a budget without a parabola, the least, middle and largest that it lacks."""
        found: list[tuple[Candidate, ...]] = []
        reach = math.log(self.span) * (1 + TIE)
        for budget in sorted({run.budget_flops for run in candidates}):
            near = [run for run in candidates if run.budget_flops == budget and abs(self._offset(run)) <= reach]
            if len(set(self.offsets.get(budget, ()))) >= SIZES:
                found += [(run,) for run in near]
            elif len(near) >= SIZES:
                found.append(self._opening(near, self.offsets.get(budget, ())))
        return found

    def adding(self, runs: Iterable[Candidate]) -> Self:
        """The design with these runs too."""
        offsets = dict(self.offsets)
        for run in runs:
            offsets[run.budget_flops] = (*offsets.get(run.budget_flops, ()), self._offset(run))
        return replace(self, offsets=dict(sorted(offsets.items())))

    def _offset(self, run: Candidate) -> float:
        return round(math.log(run.size) - self.valley.log_n_opt(run.budget_flops), 9)

    def _opening(self, near: Sequence[Candidate], have: Sequence[float]) -> tuple[Candidate, ...]:
        """The least size, the one nearest to N* and the largest, without those that are there."""
        ordered = sorted(near, key=self._offset)
        middle = min(ordered[1:-1], key=lambda run: abs(self._offset(run)))
        return tuple(run for run in (ordered[0], middle, ordered[-1]) if self._offset(run) not in have)


@dataclass(frozen=True, slots=True, eq=False)
class FormDesign:
    """A parametric form, linear near its optimum."""

    form: Form
    theta: Floats
    gradient: Floats
    """Of ln N* at the target, by theta."""
    information: Floats
    """(P, P): sum over the runs of the outer products of d ln L / d theta."""
    noise_sd: float
    """Of ln L."""
    method: Method = "parametric"

    @classmethod
    def of(cls, points: Points, law: ScalingLaw, *, target_flops: float) -> Self:
        """The design of runs and the form fitted to them."""
        fitted = law.findings.parametric
        if fitted is None or set(FORMS[fitted.form].variables) != {"N", "D"}:
            raise no_design("the law has no form of N and D to improve on")
        form = FORMS[fitted.form]
        theta = np.array([fitted.theta[name] for name in form.parameters])
        jacobian = _jacobian(form, theta, points.size, points.n_tokens)
        residuals = np.array([residual.residual for residual in fitted.residuals])
        return cls(
            form=form,
            theta=theta,
            gradient=_gradient(form, theta, math.log(target_flops / 6)),
            information=jacobian.T @ jacobian,
            noise_sd=float(np.sqrt(np.sum(residuals**2) / max(1, len(residuals) - len(theta)))),
        )

    @property
    def sd(self) -> float:
        """Of ln N* at the target."""
        variance = float(self.gradient @ np.linalg.pinv(self.information) @ self.gradient)
        return self.noise_sd * math.sqrt(max(variance, 0.0))

    def moves(self, candidates: Sequence[Candidate]) -> list[tuple[Candidate, ...]]:
        """Any run alone."""
        return [(run,) for run in candidates]

    def adding(self, runs: Iterable[Candidate]) -> Self:
        """The design with these runs too."""
        chosen = list(runs)
        sizes, tokens = np.array([run.size for run in chosen]), np.array([run.n_tokens for run in chosen])
        jacobian = _jacobian(self.form, self.theta, sizes, tokens)
        return replace(self, information=self.information + jacobian.T @ jacobian)


def line_weights(log_flops: Floats, log_target: float) -> Floats:
    """What a least-squares line through points at `log_flops` makes of each at the target."""
    apart = log_flops - log_flops.mean()
    return 1 / len(log_flops) + (log_target - log_flops.mean()) * apart / (apart @ apart)


@lru_cache(maxsize=4096)  # a design differs from the one before it at one budget
def vertex_variance(u: tuple[float, ...]) -> float:
    """Variance of a parabola's vertex in units of (noise / 2k)^2, for runs at u = ln N - ln N*.

    Runs of one and the same size share `REPEAT_SHARE` of their noise: m of them weigh as m / (1 + share (m - 1)).
    """
    _, group, counts = np.unique(u, return_inverse=True, return_counts=True)
    weights = 1 / (1 + REPEAT_SHARE * (counts[group] - 1))
    basis = np.vander(np.array(u), SIZES, increasing=True)
    return float(np.linalg.pinv(basis.T @ (weights[:, None] * basis))[1, 1])


def _jacobian(form: Form, theta: Floats, size: Floats, n_tokens: Floats) -> Floats:
    """d ln L / d theta: (runs, P)."""
    x = form.encode({"N": size, "D": n_tokens})
    jacobian = np.zeros((len(x), len(theta)))
    form.log_loss(theta, x, np.zeros(len(x)), jacobian)
    return jacobian


def _gradient(form: Form, theta: Floats, log_nd: float) -> Floats:
    """d ln N* / d theta, by central differences."""
    steps = 1e-5 * np.maximum(np.abs(theta), 1.0) * np.eye(len(theta))
    ends = [np.asarray(form.optimal_log_n(theta + sign * steps, log_nd)) for sign in (1, -1)]
    return (ends[0] - ends[1]) / (2 * steps.diagonal())


def cost_of(runs: Iterable[Candidate]) -> float:
    return sum(run.budget_flops for run in runs)


def no_design(what: str) -> InputError:
    return InputError(
        where="the next runs",
        what=what,
        expected="a law with a minimum to narrow",
        do="train three sizes at each of two budgets first, around where you expect the best one",
    )

"""Fitting a form to runs: the optimum from many starts, its bootstrap, and its error on runs it has not seen."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smelt.errors import InputError
from smelt.laws.fitting import bfgs
from smelt.laws.fitting.objective import Objective
from smelt.laws.fitting.problem import Problem
from smelt.laws.fitting.projection import project
from smelt.laws.fitting.redraw import redraw
from smelt.laws.fitting.resampling import Resampling, resample
from smelt.laws.forms import Floats, Form
from smelt.laws.points import Observations

MANY = 1_000
"""Runs beyond which the starts are tried on a sample."""
SAMPLE = 500
"""Runs of that sample. What a start must find is its valley, and for that these are plenty: the best of them are then
fitted to all runs."""
BEST = 8
"""Starts with different ends that are fitted to all runs after a sample."""
PROMISING = 20
"""Starts that scipy is given where nothing is compiled: it takes seconds where compiled code takes milliseconds."""
AT_ONCE = 8_000_000
"""Weights of a bootstrap that are held at once: 64 MB."""
SAME = 1e-6
"""Objectives that differ by less than this share are one optimum."""


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """The best parameters found."""

    form: Form
    theta: Floats
    """(P,), in the order of `form.parameters`."""
    objective: float
    """What was minimised, at its least."""
    n_starts: int
    at_optimum: float
    """Share of the starts that ended within 1e-6 of the least objective; a few per cent would be worrying."""
    n_sampled: int | None = None
    """Runs that the starts were tried on, where not on all."""
    compiled: bool = True
    """By the compiled engine; else by scipy, over the form's kernel as Python runs it."""
    why_not_compiled: str | None = None
    """What Numba said of a form that it could not compile."""

    def residuals(self, seen: Observations) -> Floats:
        """ln of observed over predicted loss, by run: .01 is a run 1% worse than the law says.

        The plain difference for a form that is not fitted `in_log`.
        """
        return self.form.observed(seen.loss) - self.form.observed(self.form.loss(self.theta, seen.variables))

    def problem(self, seen: Observations, objective: Objective | None = None) -> Problem:
        """The problem that it is the solution of, for refits."""
        return Problem.of(self.form, seen, objective or Objective(), compiled=self.compiled)


def fit(form: Form, seen: Observations, *, objective: Objective | None = None, compiled: bool = True) -> Fit:
    """The form's parameters with the least objective, from all its starts.

    Squared errors of a form that is linear in some parameters are minimised by variable projection (projection.py).
    Not `compiled`, or where the form does not compile, by scipy from the few best starts. Raises InputError where the
    form is finite at none of them.
    """
    objective = objective or Objective()
    why_not = bfgs.why_not_compiled(form) if compiled else None
    problem = Problem.of(form, seen, objective, compiled=compiled and why_not is None)
    sample = _sample(len(seen))
    tried = seen if sample is None else seen.where(sample)
    ends, reached = _from_all_starts(Problem.of(form, tried, objective, compiled=problem.compiled), tried)
    if not np.any(np.isfinite(reached)):
        raise InputError(
            where=f"the form {form.name}",
            what=f"is finite at none of its {len(reached)} starts on these {len(seen)} runs",
            do="look at the variables it is given, and at their units",
        )
    least = np.nanmin(reached)
    at_optimum = float(np.mean(reached <= least * (1 + SAME)))
    n_starts = len(ends)
    if sample is not None or _is_projected(problem):
        ends, reached = problem.solve(_different(ends, reached))
    best = int(np.nanargmin(reached))
    return Fit(
        form=form,
        theta=ends[best],
        objective=float(reached[best]),
        n_starts=n_starts,
        at_optimum=at_optimum,
        n_sampled=None if sample is None else int(sample.sum()),
        compiled=problem.compiled,
        why_not_compiled=why_not,
    )


def bootstrap(
    found: Fit,
    seen: Observations,
    *,
    draws: int,
    seed: int,
    objective: Objective | None = None,
    by: Resampling = "runs",
) -> Floats:
    """Thetas (draws, P) fitted to resamples of the runs, or to losses redrawn, each started from the optimum."""
    problem, thetas = found.problem(seen, objective), list[Floats]()
    if by == "residuals":
        return _from_redrawn(found, seen, problem, draws=draws, seed=seed)
    weights = resample(seen, draws=draws, seed=seed, by=by)
    while batch := list(itertools.islice(weights, max(1, AT_ONCE // len(seen)))):
        starts = np.repeat(found.theta[None], len(batch), axis=0)
        thetas.append(problem.solve(starts, weights=np.stack(batch))[0])
    return np.concatenate(thetas) if thetas else np.empty((0, len(found.theta)))


def _from_redrawn(found: Fit, seen: Observations, problem: Problem, *, draws: int, seed: int) -> Floats:
    residuals = found.residuals(seen)
    n_free = len(found.theta) - len(found.form.fixed)
    noise = redraw(residuals, n_parameters=n_free, draws=draws, seed=seed)
    return problem.solve(np.repeat(found.theta[None], len(noise), axis=0), y=problem.y - residuals + noise)[0]


def held_out_error(form: Form, *, train: Observations, test: Observations, objective: Objective | None = None) -> float:
    """Mean relative error of the loss on `test`, of a law fitted to `train`."""
    found = fit(form, train, objective=objective)
    return float(np.mean(np.abs(form.loss(found.theta, test.variables) / test.loss - 1)))


def exponent(form: Form, theta: Floats, seen: Observations) -> Floats:
    """a of N* ~ C^a at the largest run's compute, by thetas (..., P); NaN where the form has no optimum.

    For a power law a is the same everywhere. Of a form of further variables it is what it says when told none of them:
    that of fresh data.
    """
    if not {"N", "D"} <= set(form.variables):
        return np.full(theta.shape[:-1], np.nan)
    log_nd = float(np.log(seen.variables["N"] * seen.variables["D"]).max())
    return form.optimal_log_n(theta, log_nd + 1) - form.optimal_log_n(theta, log_nd)


def _from_all_starts(problem: Problem, seen: Observations) -> tuple[Floats, Floats]:
    if _is_projected(problem):
        return project(problem)
    starts = problem.form.starts(problem.x + problem.centre, problem.y)
    return problem.solve(starts if problem.compiled else _promising(problem, seen, starts))


def _is_projected(problem: Problem) -> bool:
    """All that is linear is solved for: a form that holds some parameters fixed is searched like any other."""
    return problem.objective.kind == "mse" and bool(problem.form.nonlinear) and not problem.form.fixed


def _promising(problem: Problem, seen: Observations, starts: Floats) -> Floats:
    """The starts with the least objective, as they stand."""
    with np.errstate(all="ignore"):  # many lie far out
        predicted = problem.form.observed(problem.form.loss(starts[:, None], seen.variables))
        values = problem.objective.rho(problem.objective.residuals(predicted, problem.y)).sum(axis=1)
    return starts[np.argsort(values, kind="stable")[:PROMISING]]  # NaN last


def _different(ends: Floats, reached: Floats) -> Floats:
    """The best ends of different objectives."""
    order = np.argsort(reached, kind="stable")  # NaN last
    ends, reached = ends[order], reached[order]
    is_new = np.append(True, ~(reached[1:] <= reached[:-1] * (1 + SAME)))
    return ends[is_new & np.isfinite(reached)][:BEST]


def _sample(n_runs: int) -> NDArray[np.bool_] | None:
    """Which of many runs the starts are tried on; None for all."""
    if n_runs <= MANY:
        return None
    chosen = np.random.RandomState(0).choice(n_runs, size=SAMPLE, replace=False)
    return np.isin(np.arange(n_runs), chosen)

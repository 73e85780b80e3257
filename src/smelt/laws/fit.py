"""Fitting a form to runs: the optimum from many starts, its bootstrap, and its error on runs it has not seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smelt.laws.bfgs import minimise
from smelt.laws.forms import Floats, Form
from smelt.laws.objective import Objective
from smelt.laws.points import Observations


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
    """Share of the starts that ended within 1e-6 of this objective; a few per cent would be worrying."""

    def residuals(self, seen: Observations) -> Floats:
        """ln of observed over predicted loss, by run: .01 is a run 1% worse than the law says.

        The plain difference for a form that is not fitted `in_log`.
        """
        return self.form.observed(seen.loss) - self.form.observed(self.form.loss(self.theta, seen.variables))


def fit(form: Form, seen: Observations, *, objective: Objective | None = None) -> Fit:
    """The form's parameters with the least objective, from all its starts."""
    objective = objective or Objective()
    x, y, centre = _centred(form, seen)
    starts = form.shift(form.starts(x + centre, y), centre)
    theta, reached = minimise(form, starts, x, y, weights=np.ones((1, len(seen))), delta=objective.delta)
    best = int(np.nanargmin(reached))
    return Fit(
        form=form,
        theta=form.shift(theta[best], -centre),
        objective=float(reached[best]),
        n_starts=len(starts),
        at_optimum=float(np.mean(reached <= reached[best] * (1 + 1e-6))),
    )


def bootstrap(found: Fit, seen: Observations, *, draws: int, seed: int, objective: Objective | None = None) -> Floats:
    """Thetas (draws, P) fitted to resamples of the runs, with replacement, each started from the optimum."""
    x, y, centre = _centred(found.form, seen)
    start = found.form.shift(found.theta, centre)
    theta, _ = minimise(
        found.form,
        np.repeat(start[None], draws, axis=0),
        x,
        y,
        weights=resample(len(seen), draws=draws, seed=seed),
        delta=(objective or Objective()).delta,
    )
    return found.form.shift(theta, -centre)


def resample(n_runs: int, *, draws: int, seed: int) -> Floats:
    """How often each run is drawn: (draws, runs).

    The legacy generator on purpose: numpy freezes its stream for good (NEP 19), so a law is the same in every
    version, and it is the one behind the published intervals of Besiroglu et al. 2024.
    """
    generator = np.random.RandomState(seed)
    chosen = (generator.choice(n_runs, size=n_runs) for _ in range(draws))
    return np.stack([np.bincount(runs, minlength=n_runs) for runs in chosen]).astype(np.float64)


def held_out_error(form: Form, *, train: Observations, test: Observations, objective: Objective | None = None) -> float:
    """Mean relative error of the loss on `test`, of a law fitted to `train`."""
    found = fit(form, train, objective=objective)
    return float(np.mean(np.abs(form.loss(found.theta, test.variables) / test.loss - 1)))


def _centred(form: Form, seen: Observations) -> tuple[Floats, Floats, Floats]:
    """x without its centre, ln L (or L: see `Form.in_log`), and the centre."""
    x = seen.x(form)
    centre = form.centre(x)
    return x - centre, form.observed(seen.loss), centre

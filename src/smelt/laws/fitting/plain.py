"""The same minimiser without a compiler: scipy's BFGS over a form's kernel as Python runs it.

For forms that Numba cannot compile, and as a check of the compiled engine (bfgs.py): the optimum is the same, some
hundred times slower.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize

from smelt.laws.fitting.objective import Objective
from smelt.laws.forms import Floats, Form

GRADIENT_TOLERANCE = 1e-9
RESTARTS = 20
"""BFGS begins anew where it stalls at a kink, as long as that gains anything."""
GAIN = 1e-10
"""Share of the objective that a restart must gain for another to follow."""


def minimise(
    form: Form, starts: Floats, x: Floats, y: Floats, *, weights: Floats, objective: Objective, held: Floats
) -> tuple[Floats, Floats]:
    """Theta (problems, P) and objective (problems) reached from every start: see `bfgs.minimise`."""
    theta, reached, y = np.array(starts, dtype=np.float64), np.empty(len(starts)), np.atleast_2d(y)
    for i, start in enumerate(starts):
        row = weights[i % len(weights)]
        kept = row > 0
        function = _Function(form, objective, x[kept], y[i % len(y)][kept], row[kept], held[i % len(held)])
        theta[i], reached[i] = _descend(function, start)
    return theta, reached


def _descend(function: _Function, start: Floats) -> tuple[Floats, float]:
    theta, value = start, function(start)[0]
    for _ in range(RESTARTS):
        with np.errstate(all="ignore"):  # a line search may look far out
            found = minimize(function, theta, jac=True, method="BFGS", options={"gtol": GRADIENT_TOLERANCE})
        gain = value - float(found.fun)
        if not gain > 0:
            break
        theta, value = np.asarray(found.x, dtype=np.float64), float(found.fun)
        if gain < GAIN * value:
            break
    return theta, value / function.scale


class _Function:
    """The scaled objective with its gradient, without the part along `held`."""

    def __init__(self, form: Form, objective: Objective, x: Floats, y: Floats, weights: Floats, held: Floats) -> None:
        self.form, self.objective, self.x, self.y, self.weights, self.held = form, objective, x, y, weights, held
        self.scale = 1.0 / (float(np.sum(weights)) * objective.unit(y))
        self.predicted, self.jacobian = np.empty(len(y)), np.empty((len(y), len(held)))

    def __call__(self, theta: Floats) -> tuple[float, Floats]:
        try:
            self.form.log_loss(theta, self.x, self.predicted, self.jacobian)
        except (OverflowError, ZeroDivisionError):  # Python raises where compiled code gives infinity
            return np.inf, np.zeros_like(theta)
        residuals = self.objective.residuals(self.predicted, self.y)
        pull = self.weights * self.objective.psi(residuals)
        if not self.objective.of_log:
            pull = pull * np.exp(self.predicted)
        gradient = self.scale * (pull @ self.jacobian)
        value = self.scale * float(self.weights @ self.objective.rho(residuals))
        return value, gradient - self.held * (self.held @ gradient)

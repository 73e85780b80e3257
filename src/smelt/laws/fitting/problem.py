"""A form, what it is fitted to and what is minimised: everything that is fitted here is fitted through it.

It is solved in variables less their centre, where ln A and alpha are not all but collinear; thetas go in and come out
as the form means them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from smelt.laws.fitting import bfgs, plain
from smelt.laws.fitting.objective import Objective
from smelt.laws.forms import Floats, Form
from smelt.laws.points import Observations

SQUARES = Objective(huber_delta=1e9)
"""Squared errors of what a form is fitted in, where that is L itself."""


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """What `solve` minimises."""

    form: Form
    objective: Objective
    x: Floats
    """(runs, V), centred."""
    y: Floats
    """ln L (runs), or L of a form that is not fitted in logarithms."""
    centre: Floats
    compiled: bool
    """By the compiled engine; else by scipy."""

    @classmethod
    def of(cls, form: Form, seen: Observations, objective: Objective, *, compiled: bool = True) -> Self:
        """The fit of `form` to what was seen."""
        x = seen.x(form)
        centre = form.centre(x)
        if not form.in_log and objective.kind == "mse":
            objective = SQUARES
        return cls(form, objective, x - centre, form.observed(seen.loss), centre, compiled)

    def __len__(self) -> int:
        return len(self.y)

    def solve(
        self, starts: Floats, *, weights: Floats | None = None, held: Floats | None = None, y: Floats | None = None
    ) -> tuple[Floats, Floats]:
        """Theta (problems, P) and objective (problems) reached from `starts` (problems, P).

        `weights` (rows, runs) weigh the runs, `held` (rows, P) are `direction`s that may not change, `y` (rows, runs)
        stands for what was seen; problem i takes row i, and the first again after the last.
        """
        minimise = bfgs.minimise if self.compiled else plain.minimise
        theta, reached = minimise(
            self.form,
            self.form.shift(starts, self.centre),
            self.x,
            self.y if y is None else y,
            weights=np.ones((1, len(self))) if weights is None else weights,
            objective=self.objective,
            held=np.zeros((1, starts.shape[1])) if held is None else held,
        )
        return self.form.shift(theta, -self.centre), reached

    def direction(self, parameter: int) -> Floats:
        """The unit vector (P,) along which a parameter changes in the coordinates of the solver.

        ln A of N is ln A of N less its centre, plus alpha times the centre: holding one means holding a sum.
        """
        gradient = self._gradient(parameter)
        return gradient / np.linalg.norm(gradient)

    def moved(self, theta: Floats, parameter: int, value: float) -> Floats:
        """`theta` (P,) moved to where the parameter is `value`, by the shortest way for the solver."""
        gradient = self._gradient(parameter)
        by = (value - theta[parameter]) * gradient / (gradient @ gradient)
        return self.form.shift(self.form.shift(theta, self.centre) + by, -self.centre)

    def _gradient(self, parameter: int) -> Floats:
        """The parameter's derivatives by the solver's: `Form.shift` is linear in theta."""
        n_params = len(self.form.parameters)
        unit, zero = np.eye(n_params), np.zeros((1, n_params))
        return (self.form.shift(unit, -self.centre) - self.form.shift(zero, -self.centre))[:, parameter]

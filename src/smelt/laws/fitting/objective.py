"""What a fit minimises: how the residuals of a law are weighed.

    huber   the sum of Huber losses of the residuals in ln L: square within delta, linear beyond (Hoffmann et al.
            2022, eq. 3)
    lad     least absolute deviation of ln L: Huber's with a delta so small that nothing is square
    mse     squared errors of L itself: what a form linear in most of its parameters is solved for exactly
            (projection.py)

The sum and not the mean: a mean of such small numbers meets an optimiser's tolerance long before the optimum, which
is how published constants came to be off (Besiroglu et al. 2024). Dividing by the number of runs moves no optimum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from smelt.laws.forms import Floats

Kind = Literal["huber", "lad", "mse"]

DELTA = 1e-3
"""Huber's delta on ln L (Hoffmann et al. 2022, section 3.3)."""
LAD_DELTA = 1e-6
"""Far below any residual: the optimum no longer moves when it is made smaller."""


@dataclass(frozen=True, slots=True)
class Objective:
    """A sum over the runs, to be minimised."""

    kind: Kind = "huber"
    huber_delta: float = DELTA

    @property
    def delta(self) -> float:
        """Where the loss of a residual turns from square to linear; nowhere for squared errors."""
        return {"huber": self.huber_delta, "lad": LAD_DELTA, "mse": np.inf}[self.kind]

    @property
    def of_log(self) -> bool:
        """Residuals are those of ln L, not of L."""
        return self.kind != "mse"

    def unit(self, log_loss: Floats) -> float:
        """What a minimiser had best divide the objective of one run by, so that its tolerances mean something.

        Huber's losses count in deltas; squared errors in a thousandth of the loss squared, which is a residual of 3%.
        """
        return self.delta if self.of_log else DELTA * float(np.mean(np.exp(2 * log_loss)))

    def residuals(self, predicted: Floats, log_loss: Floats) -> Floats:
        """Of ln L, or of L, for `predicted` ln L."""
        with np.errstate(over="ignore"):  # a start far out predicts an infinite loss
            return predicted - log_loss if self.of_log else np.exp(predicted) - np.exp(log_loss)

    def rho(self, residuals: Floats) -> Floats:
        """What is summed over the runs."""
        if not self.of_log:
            return residuals**2
        slope = self.psi(residuals)
        return slope * (residuals - 0.5 * slope)

    def psi(self, residuals: Floats) -> Floats:
        """The derivative of `rho`: the pull of one run."""
        return np.clip(residuals, -self.delta, self.delta) if self.of_log else 2 * residuals

    def in_words(self) -> str:
        """For a checklist."""
        if self.kind == "huber":
            return f"sum of Huber losses of ln L, delta {self.huber_delta:g}"
        return {"lad": "least absolute deviation of ln L", "mse": "sum of squared errors of L"}[self.kind]

"""What a fit minimises: how the residuals of a law are weighed.

    huber   the sum of Huber losses of the residuals in ln L: square within delta, linear beyond (Hoffmann et al.
            2022, eq. 3)
    lad     least absolute deviation of ln L: Huber's with a delta so small that nothing is square

The sum and not the mean: a mean of such small numbers meets an optimiser's tolerance long before the optimum, which
is how published constants came to be off (Besiroglu et al. 2024).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["huber", "lad"]

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
        """Where the loss turns from square to linear."""
        return self.huber_delta if self.kind == "huber" else LAD_DELTA

    def in_words(self) -> str:
        """For a checklist."""
        if self.kind == "lad":
            return "least absolute deviation of ln L"
        return f"sum of Huber losses of ln L, delta {self.huber_delta:g}"

"""What a form is: a formula with few parameters that says how loss goes with what was spent.

A form is a small class: what it says (`formula`, `source`, when it `fails`), its logarithm with gradient for the
fitter, where to start, and the loss as people ask for it. Parameters are held as the fitter moves them, `theta`: sizes
and floors as natural logarithms, named `ln_A`, since A and B span many orders of magnitude (Hoffmann et al. 2022,
appendix D.2).

V is the number of a form's variables, P that of its parameters.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Variables = Mapping[str, "Floats | float"]
"""Values by the names that the formulas give them: {"N": ..., "D": ...}."""

COLUMNS: dict[str, str] = {
    "N": "n_params",
    "D": "n_tokens",
    "C": "flops",
    "U": "unique_tokens",
    "experts": "experts",
    "G": "granularity",
}
"""The column of a run table behind a variable; a variable that is not here has a column of its own name."""
LARGEST_LOG = 700.0
"""A size that ran away stops at e^700, about the largest that a float holds."""


class Form(ABC):
    """Loss as a function of `variables`, with `parameters`."""

    name: str
    """Its name in `FORMS`, in law.json and on the command line."""
    formula: str
    source: str
    fails: str
    """When not to believe it, in a sentence or two."""
    in_log: bool = True
    """`log_loss` writes the logarithm of what the form gives, and residuals are relative; False where they are absolute
    and it writes the value itself: an accuracy's errors do not shrink with it."""
    variables: tuple[str, ...]
    """What the loss depends on, as the formula names it: ("N", "D")."""
    parameters: tuple[str, ...]
    """Names of theta's P entries; `ln_A` is the logarithm of the formula's A."""
    judged: tuple[str, ...] = ()
    """Which of the `named` parameters the runs must identify for the fit to be of use."""
    nonlinear: tuple[str, ...] = ()
    """The parameters that, once given, leave L linear in the others (in A, where that is held as ln_A); see `basis`.
    Empty for a form that is not linear in any: it is fitted to squared errors like to any others."""
    fixed: tuple[str, ...] = ()
    """Which of `parameters` a fit leaves where it starts: their columns of the gradient are zero."""

    @staticmethod
    @abstractmethod
    def log_loss(theta: Floats, x: Floats, log_loss: Floats, jacobian: Floats) -> None:
        """Writes ln L (runs) and its gradient (runs, P) at `theta` for x (runs, V), as `encode` gives it.

        A static method of plain loops: the fitter compiles it.
        """

    @abstractmethod
    def starts(self, x: Floats, log_loss: Floats) -> Floats:
        """Where to start a fit to x (runs, V) and ln L (runs) from: (starts, P)."""

    def observed(self, loss: Floats) -> Floats:
        """What `log_loss` is held against: ln L, or L as it is (see `in_log`)."""
        return np.log(loss) if self.in_log else np.array(loss, dtype=np.float64)

    @abstractmethod
    def loss(self, theta: Floats, variables: Variables) -> Floats:
        """L; the leading shape of `theta` (..., P) and the variables broadcast."""

    @property
    def further(self) -> tuple[str, ...]:
        """Its variables that neither a budget nor its split says: what an optimum must be told."""
        return tuple(name for name in self.variables if name not in ("N", "D", "C"))

    def encode(self, variables: Variables) -> Floats:
        """x (runs, V), the variables as `log_loss` takes them: their logarithms."""
        return np.stack([np.log(variables[name]) for name in self.variables], axis=-1)

    def centre(self, x: Floats) -> Floats:
        """What the fitter takes off x (runs, V) before it fits, (V,): nothing, but for a form that can `shift`."""
        return np.zeros(x.shape[1])

    def shift(self, theta: Floats, by: Floats) -> Floats:
        """`theta` (..., P) for the same law said in x - `by`: linear in theta."""
        return np.array(theta, dtype=np.float64)

    def basis(self, nonlinear: Floats, x: Floats) -> Floats:
        """Terms (runs, linear parameters) with L = basis @ linear parameters, for the values of `nonlinear` and x.

        In the order of `parameters`. Asked of forms that name `nonlinear` parameters only.
        """
        raise NotImplementedError(f"{self.name} names nonlinear parameters and has no basis")

    def named(self, theta: Floats) -> dict[str, Floats]:
        """The parameters as the formula names them, A and not ln A; `theta` (..., P)."""
        found: dict[str, Floats] = {}
        for i, name in enumerate(self.parameters):
            value = theta[..., i]
            is_log = name.startswith("ln_")
            found[name.removeprefix("ln_")] = np.exp(np.minimum(value, LARGEST_LOG)) if is_log else value
        return found

    def theta(self, params: Mapping[str, float]) -> Floats:
        """Theta (P,) of parameters as the formula names them, such as published ones: the inverse of `named`."""
        is_log = np.array([name.startswith("ln_") for name in self.parameters])
        values = np.array([params[name.removeprefix("ln_")] for name in self.parameters], dtype=np.float64)
        return np.where(is_log, np.log(np.where(is_log, values, 1.0)), values)

    def optimal_log_n(self, theta: Floats, log_nd: Floats | float, held: Variables | None = None) -> Floats:
        """ln of the N with the least loss among all (N, D) of one product N D; NaN where there is none.

        `held` are the form's other variables. By golden sections for a form of N and D without a formula for it.
        """
        if not {"N", "D"} <= set(self.variables):
            return np.full(np.broadcast_shapes(theta.shape[:-1], np.shape(log_nd)), np.nan)
        shape = np.broadcast_shapes(theta.shape[:-1], np.shape(log_nd))
        log_nd = np.broadcast_to(np.asarray(log_nd, dtype=np.float64), shape)

        def loss(log_n: Floats) -> Floats:
            sizes = {"N": np.exp(log_n), "D": np.exp(log_nd - log_n)}
            with np.errstate(all="ignore"):  # the ends of the bracket are far out
                return np.nan_to_num(self.loss(theta, {**(held or {}), **sizes}), nan=np.inf)

        return golden_section(loss, np.zeros(shape), log_nd.copy())


GOLDEN = (5**0.5 - 1) / 2
SECTIONS = 60
"""Each keeps .618 of the bracket: 60 of them find ln N to 1e-11 of it."""


def golden_section(function: Callable[[Floats], Floats], low: Floats, high: Floats) -> Floats:
    """Where `function` is least between `low` and `high`, each entry on its own (Kiefer 1953); NaN at either end.

    For functions with one minimum; where that lies at an end there is none to speak of.
    """
    start, end = low, high
    for _ in range(SECTIONS):
        reach = GOLDEN * (high - low)
        left, right = high - reach, low + reach
        is_left = function(left) < function(right)
        low, high = np.where(is_left, low, left), np.where(is_left, right, high)
    found = (low + high) / 2
    at_end = np.minimum(found - start, end - found) < 1e-6 * (end - start)
    return np.where(at_end, np.nan, found)

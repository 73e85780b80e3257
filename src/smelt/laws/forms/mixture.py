"""Loss by what the training data are made of: the laws of mixtures.

L(r) = c + k exp(sum_j t_j r_j)         (Ye et al. 2024, eq. 6; r_j is domain j's share of the training tokens)

The loss of one validation set each; a team's target is a weighted sum of several (laws/mixtures/fit.py). These forms
are built of the domains' names, and so are none of `FORMS`, which holds what any table of runs has.

Since shares add up to one, k is not a parameter of its own: a number added to every t multiplies k by its exponential.
The fit therefore moves c and the t with k = 1, and `named` gives the one of these equal laws in which the t add up to
zero: k is then how far the mixture of equal shares lies above c, and a negative t_j says that domain j helps more than
the domains do on average.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from smelt.laws.forms.form import Floats, Form, Variables

FLOORS = (0.01, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.995)
"""c at the starts, as shares of the least loss seen."""


def mixture_log_loss(theta: Floats, x: Floats, log_loss: Floats, jacobian: Floats) -> None:
    """ln(c + exp(sum_j t_j r_j)) with its gradient (see `Form.log_loss`): theta is ln c, then t a domain."""
    for i in range(x.shape[0]):
        power = 0.0
        for j in range(x.shape[1]):
            power += theta[1 + j] * x[i, j]
        largest = max(theta[0], power)
        exp_floor, exp_power = math.exp(theta[0] - largest), math.exp(power - largest)
        total = exp_floor + exp_power
        log_loss[i] = largest + math.log(total)
        jacobian[i, 0] = exp_floor / total
        for j in range(x.shape[1]):
            jacobian[i, 1 + j] = x[i, j] * exp_power / total


def linear_loss(theta: Floats, x: Floats, log_loss: Floats, jacobian: Floats) -> None:
    """sum_j w_j r_j itself, not its logarithm, with its gradient (see `Form.log_loss`)."""
    for i in range(x.shape[0]):
        log_loss[i] = 0.0
        for j in range(x.shape[1]):
            log_loss[i] += theta[j] * x[i, j]
            jacobian[i, j] = x[i, j]


class _OfShares(Form):
    """A form of the shares of named domains."""

    def __init__(self, domains: Sequence[str]) -> None:
        self.variables = tuple(domains)

    def encode(self, variables: Variables) -> Floats:
        """The shares as they are: a domain that is absent has no logarithm."""
        return np.stack(np.broadcast_arrays(*(variables[name] for name in self.variables)), axis=-1).astype(np.float64)


class Mixture(_OfShares):
    """L(r) = c + k exp(sum_j t_j r_j) of named domains.

    Ye et al. 2024, "Data mixing laws: optimizing data mixtures by predicting language modeling performance", eq. 6.

    >>> Mixture(["web", "code"]).parameters
    ('ln_c', 't_web', 't_code')
    """

    name = "mixture"
    formula = "L(r) = c + k exp(sum_j t_j r_j)"
    source = "Ye et al. 2024, eq. 6"
    fails = (
        "Every domain helps or harms by the same factor however much of it there is: a domain without which the loss "
        "is far higher (two languages, code) bends more than that. It knows no size and no number of tokens: a law of "
        "small models ranks mixtures for large ones, but is not their loss; repeated data count as fresh."
    )
    log_loss = staticmethod(mixture_log_loss)

    def __init__(self, domains: Sequence[str]) -> None:
        super().__init__(domains)
        self.parameters = ("ln_c", *(f"t_{name}" for name in domains))

    def starts(self, x: Floats, log_loss: Floats) -> Floats:
        """Floors on a grid; with the floor held, ln(L - c) is linear in the shares."""
        floors = log_loss.min() + np.log(FLOORS)
        above = log_loss + np.log1p(-np.exp(floors[:, None] - log_loss))  # (floors, runs)
        return np.column_stack([floors, np.linalg.lstsq(x, above.T, rcond=1e-8)[0].T])

    def loss(self, theta: Floats, variables: Variables) -> Floats:
        """c + exp(sum_j t_j r_j)."""
        with np.errstate(over="ignore"):  # a resample that ran away predicts an infinite loss
            return np.exp(theta[..., 0]) + np.exp(np.sum(theta[..., 1:] * self.encode(variables), axis=-1))

    def named(self, theta: Floats) -> dict[str, Floats]:
        """c, k and the t that add up to zero."""
        mean = theta[..., 1:].mean(axis=-1)
        found = {"c": np.exp(theta[..., 0]), "k": np.exp(mean)}
        return found | {f"t_{name}": theta[..., 1 + j] - mean for j, name in enumerate(self.variables)}


class LinearMixture(_OfShares):
    """L(r) = sum_j w_j r_j of named domains: linear regression, whose intercept is part of every w.

    Liu et al. 2024, "RegMix: Data mixture as regression for language model pre-training", section 3.3.
    """

    name = "linear-mixture"
    formula = "L(r) = sum_j w_j r_j"
    source = "Liu et al. 2024, section 3.3"
    fails = (
        "The first per cent of a domain changes the loss far more than the last, which a line averages: its best "
        "mixture is always a single domain, or a bound."
    )
    log_loss = staticmethod(linear_loss)
    in_log = False

    def __init__(self, domains: Sequence[str]) -> None:
        super().__init__(domains)
        self.parameters = tuple(f"w_{name}" for name in domains)

    def starts(self, x: Floats, log_loss: Floats) -> Floats:
        """Ordinary least squares."""
        return np.asarray(np.linalg.lstsq(x, log_loss, rcond=1e-8)[0][None], dtype=np.float64)

    def loss(self, theta: Floats, variables: Variables) -> Floats:
        """sum_j w_j r_j."""
        return np.sum(theta * self.encode(variables), axis=-1)

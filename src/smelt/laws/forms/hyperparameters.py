"""The best learning rate and batch as power laws of size and data.

lr = c N^p D^q,  B = c D^r         (Li et al. 2025, "Predictable scale: Part I, Step Law", eq. 1)

They say no loss, and so are none of `FORMS`: laws/sweeps.py fits them to the best settings of sweeps.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from smelt.laws.forms.form import Floats, Form, Variables


def power_law_logarithm(theta: Floats, x: Floats, log_loss: Floats, jacobian: Floats) -> None:
    """ln c + sum_j p_j ln x_j with its gradient (see `Form.log_loss`)."""
    for i in range(x.shape[0]):
        log_loss[i] = theta[0]
        jacobian[i, 0] = 1.0
        for j in range(x.shape[1]):
            log_loss[i] += theta[1 + j] * x[i, j]
            jacobian[i, 1 + j] = x[i, j]


class PowerLaw(Form):
    """y = c prod_j x_j^p_j.

    >>> LEARNING_RATE.formula, BATCH.formula
    ('lr = c N^p D^q', 'B = c D^r')
    """

    source = "Li et al. 2025, eq. 1"
    fails = (
        "Optima are flat, so exponents are loose and best settings on a coarse grid scatter by a grid step; the law is "
        "that of one optimiser, schedule and architecture. Judge it by its regret, not by its exponents."
    )
    log_loss = staticmethod(power_law_logarithm)

    def __init__(self, name: str, symbol: str, exponents: Sequence[tuple[str, str]]) -> None:
        self.name = name
        self.variables = tuple(variable for variable, _ in exponents)
        self.parameters = ("ln_c", *(exponent for _, exponent in exponents))
        self.judged = self.parameters[1:]
        self.formula = f"{symbol} = c " + " ".join(f"{variable}^{exponent}" for variable, exponent in exponents)

    def starts(self, x: Floats, log_loss: Floats) -> Floats:
        """Ordinary least squares of the logarithm."""
        basis = np.column_stack([np.ones(len(x)), x])
        return np.asarray(np.linalg.lstsq(basis, log_loss, rcond=1e-12)[0][None], dtype=np.float64)

    def centre(self, x: Floats) -> Floats:
        """The mean of x: ln c and the exponents are all but collinear without."""
        return x.mean(axis=0)

    def shift(self, theta: Floats, by: Floats) -> Floats:
        """Only ln c moves."""
        moved = np.array(theta, dtype=np.float64)
        moved[..., 0] += np.sum(moved[..., 1:] * by, axis=-1)
        return moved

    def loss(self, theta: Floats, variables: Variables) -> Floats:
        """c prod_j x_j^p_j: a learning rate or a batch, not a loss."""
        return np.exp(theta[..., 0] + np.sum(theta[..., 1:] * self.encode(variables), axis=-1))

    def optimal_log_n(self, theta: Floats, log_nd: Floats | float, held: Variables | None = None) -> Floats:
        """None: it says no loss."""
        return np.full(np.broadcast_shapes(theta.shape[:-1], np.shape(log_nd)), np.nan)


LEARNING_RATE = PowerLaw("learning-rate", "lr", [("N", "p"), ("D", "q")])
BATCH = PowerLaw("batch", "B", [("D", "r")])
"""In tokens."""
STEP_LAW = np.array([np.log(1.79), -0.713, 0.307]), np.array([np.log(0.58), 0.571])
"""Theta of the learning rate and of the batch as published (Li et al. 2025): AdamW, 60M to 1B parameters."""

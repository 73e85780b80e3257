"""Loss by size and data with a floor: the form behind compute-optimal training.

L(N, D) = E + A/N^alpha + B/D^beta         (Hoffmann et al. 2022, eq. 2)
"""

from __future__ import annotations

import itertools
import math

import numpy as np

from smelt.laws.forms.form import Floats, Form, Variables


def chinchilla_log_loss(theta: Floats, x: Floats, log_loss: Floats, jacobian: Floats) -> None:
    """ln(E + A/N^alpha + B/D^beta) as a log-sum-exp of three terms, with its gradient (see `Form.log_loss`)."""
    ln_a, ln_b, ln_e, alpha, beta = theta[0], theta[1], theta[2], theta[3], theta[4]
    for i in range(x.shape[0]):
        size = ln_a - alpha * x[i, 0]
        data = ln_b - beta * x[i, 1]
        largest = max(size, data, ln_e)
        exp_size, exp_data = math.exp(size - largest), math.exp(data - largest)
        exp_floor = math.exp(ln_e - largest)
        total = exp_size + exp_data + exp_floor
        log_loss[i] = largest + math.log(total)
        jacobian[i, 0] = exp_size / total
        jacobian[i, 1] = exp_data / total
        jacobian[i, 2] = exp_floor / total
        jacobian[i, 3] = -x[i, 0] * exp_size / total
        jacobian[i, 4] = -x[i, 1] * exp_data / total


class Chinchilla(Form):
    """L(N, D) = E + A/N^alpha + B/D^beta: a floor, a term for too small a model, a term for too little data.

    Hoffmann et al. 2022, "Training compute-optimal large language models", eq. 2 (their approach 3).
    """

    name = "chinchilla"
    formula = "L(N, D) = E + A/N^alpha + B/D^beta"
    source = "Hoffmann et al. 2022, eq. 2"
    fails = (
        "With a short range of N and D the floor E and the exponents trade against each other and are not "
        "identified; repeated data count as fresh; it knows no interaction of N and D."
    )
    variables = ("N", "D")
    parameters = ("ln_A", "ln_B", "ln_E", "alpha", "beta")
    judged = ("E", "alpha", "beta")  # A and B follow their exponents, and are loose on any data
    nonlinear = ("alpha", "beta")
    log_loss = staticmethod(chinchilla_log_loss)

    def starts(self, x: Floats, log_loss: Floats) -> Floats:
        """The 4,500 starts of Hoffmann et al. 2022, appendix D.2, whatever the runs."""
        exponents = (0.0, 0.5, 1.0, 1.5, 2.0)
        log_sizes = (0.0, 5.0, 10.0, 15.0, 20.0, 25.0)
        log_floors = (-1.0, -0.5, 0.0, 0.5, 1.0)
        return np.array(list(itertools.product(log_sizes, log_sizes, log_floors, exponents, exponents)))

    def centre(self, x: Floats) -> Floats:
        """The mean of x: ln A and alpha are all but collinear without."""
        return x.mean(axis=0)

    def shift(self, theta: Floats, by: Floats) -> Floats:
        """ln A - alpha x = (ln A - alpha s) - alpha (x - s): only ln A and ln B move."""
        moved = np.array(theta, dtype=np.float64)
        moved[..., 0] -= moved[..., 3] * by[0]
        moved[..., 1] -= moved[..., 4] * by[1]
        return moved

    def basis(self, nonlinear: Floats, x: Floats) -> Floats:
        """N^-alpha, D^-beta and one: what A, B and E multiply."""
        with np.errstate(over="ignore"):  # a search may look far out
            return np.column_stack([np.exp(-nonlinear * x), np.ones(len(x))])

    def loss(self, theta: Floats, variables: Variables) -> Floats:
        """E + A/N^alpha + B/D^beta, each term as one exponential so that a huge A is no overflow."""
        ln_a, ln_b, ln_e, alpha, beta = np.moveaxis(theta, -1, 0)
        log_n, log_d = np.log(variables["N"]), np.log(variables["D"])
        with np.errstate(over="ignore"):  # a resample that ran away predicts an infinite loss
            return np.exp(ln_e) + np.exp(ln_a - alpha * log_n) + np.exp(ln_b - beta * log_d)

    def optimal_log_n(self, theta: Floats, log_nd: Floats | float, held: Variables | None = None) -> Floats:
        """N = G (ND)^a with G = (alpha A / beta B)^(1/(alpha+beta)), a = beta/(alpha+beta): their eq. 4."""
        ln_a, ln_b, _, alpha, beta = np.moveaxis(theta, -1, 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            log_ratio = np.log(alpha) + ln_a - np.log(beta) - ln_b
            return (log_ratio + beta * log_nd) / (alpha + beta)


FORMS = (Chinchilla(),)

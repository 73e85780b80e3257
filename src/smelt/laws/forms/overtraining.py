"""Loss of models trained for longer than is optimal for their training compute alone.

L = E + (a M^eta + b M^-eta) C^-eta,  M = D/N, C = 6ND         (Gadre et al. 2024, eq. 4)

A model to be served is made smaller and trained for longer: M, the tokens a parameter, far above 20. At any M the law
falls with the same exponent eta; M only shifts it. Written in N and D it is a 6^-eta N^(-2 eta) + b 6^-eta D^(-2 eta):
Chinchilla's form with both exponents equal, and so with four parameters instead of five.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

from smelt.laws.forms.form import Floats, Form, Variables
from smelt.laws.forms.starts import typical_terms

LN_6 = math.log(6)
"""Of C = 6ND."""


def over_training_log_loss(theta: Floats, x: Floats, log_loss: Floats, jacobian: Floats) -> None:
    """ln L as a log-sum-exp of three terms, with its gradient (see `Form.log_loss`); x is ln N, ln D."""
    ln_a, ln_b, ln_e, eta = theta[0], theta[1], theta[2], theta[3]
    for i in range(x.shape[0]):
        log_size, log_data = LN_6 + 2.0 * x[i, 0], LN_6 + 2.0 * x[i, 1]  # ln of C/M and of C M
        size, data = ln_a - eta * log_size, ln_b - eta * log_data
        largest = max(size, data, ln_e)
        exp_size, exp_data = math.exp(size - largest), math.exp(data - largest)
        exp_floor = math.exp(ln_e - largest)
        total = exp_size + exp_data + exp_floor
        log_loss[i] = largest + math.log(total)
        jacobian[i, 0] = exp_size / total
        jacobian[i, 1] = exp_data / total
        jacobian[i, 2] = exp_floor / total
        jacobian[i, 3] = -(log_size * exp_size + log_data * exp_data) / total


class OverTraining(Form):
    """L = E + (a M^eta + b M^-eta) C^-eta with M = D/N tokens a parameter.

    Gadre et al. 2024, "Language models scale reliably with over-training and on downstream tasks", eq. 4. Their code
    fits alpha N^b + beta 6^(b/2) (MN)^b + E, the same law with b = -2 eta, alpha = a 6^-eta, beta = b.
    """

    name = "over-training"
    formula = "L(N, D) = E + (a M^eta + b M^-eta) C^-eta, M = D/N, C = 6ND"
    source = "Gadre et al. 2024, eq. 4"
    fails = (
        "It gives size and data one exponent, so its optimal D/N is the same at every budget, right or wrong; repeated "
        "data count as fresh; four parameters on the few small runs it is meant for leave next to nothing to check "
        "them by."
    )
    variables = ("N", "D")
    parameters = ("ln_a", "ln_b", "ln_E", "eta")
    judged = ("E", "eta")  # a and b follow the exponent
    nonlinear = ("eta",)
    log_loss = staticmethod(over_training_log_loss)

    def starts(self, x: Floats, log_loss: Floats) -> Floats:
        """Nine splits of the loss of the run in the middle, times six exponents."""
        log_size, log_data = LN_6 + 2 * x.mean(axis=0)
        return np.array(
            [
                (size + eta * log_size, data + eta * log_data, floor, eta)
                for (floor, size, data), eta in itertools.product(
                    typical_terms(log_loss), (0.03, 0.07, 0.12, 0.18, 0.25, 0.4)
                )
            ]
        )

    def centre(self, x: Floats) -> Floats:
        """The mean of x: ln a, ln b and eta are all but collinear without."""
        return x.mean(axis=0)

    def shift(self, theta: Floats, by: Floats) -> Floats:
        """ln a - 2 eta x = (ln a - 2 eta s) - 2 eta (x - s): only ln a and ln b move."""
        moved = np.array(theta, dtype=np.float64)
        moved[..., 0] -= 2 * moved[..., 3] * by[0]
        moved[..., 1] -= 2 * moved[..., 3] * by[1]
        return moved

    def basis(self, nonlinear: Floats, x: Floats) -> Floats:
        """(C/M)^-eta, (C M)^-eta and one: what a, b and E multiply."""
        with np.errstate(over="ignore"):  # a search may look far out
            return np.column_stack([np.exp(-nonlinear[0] * (LN_6 + 2 * x)), np.ones(len(x))])

    def loss(self, theta: Floats, variables: Variables) -> Floats:
        """E + (a M^eta + b M^-eta) C^-eta."""
        ln_a, ln_b, ln_e, eta = np.moveaxis(theta, -1, 0)
        log_n, log_d = np.log(variables["N"]), np.log(variables["D"])
        with np.errstate(over="ignore"):  # a resample that ran away predicts an infinite loss
            return np.exp(ln_e) + np.exp(ln_a - eta * (LN_6 + 2 * log_n)) + np.exp(ln_b - eta * (LN_6 + 2 * log_d))

    def optimal_log_n(self, theta: Floats, log_nd: Floats | float, held: Variables | None = None) -> Floats:
        """N* = sqrt(ND/M*): M* = (b/a)^(1/(2 eta)) tokens a parameter at every budget."""
        ln_a, ln_b, _, eta = np.moveaxis(theta, -1, 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            log_m = (ln_b - ln_a) / (2 * eta)
            return np.where(eta > 0, (log_nd - log_m) / 2, np.nan)


FORMS = (OverTraining(),)

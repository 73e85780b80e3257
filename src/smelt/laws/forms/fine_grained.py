"""Loss of mixtures of many small experts by size, data and granularity.

L(N, D, G) = c + (g/G^gamma + a)/N^alpha + b/D^beta                      (Krajewski et al. 2024, eq. 9)

Granularity G is how many times smaller an expert is than the feed-forward layer it stands for (d_ff/d_expert); G times
as many of them see each token, so that compute but for the router's stays the same. G = 1 is the usual mixture.

Published (their table 1, 64 times as many parameters as are active): a 18.1, alpha .115, b 30.8, beta .147, g 2.1,
gamma .58, c .47, with N *all* parameters but embeddings. Here N is what the table of runs says, active parameters as a
rule; at one ratio of the two the law is the same with other a and g.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

from smelt.laws.forms.form import Floats, Form, Variables
from smelt.laws.forms.starts import typical_terms


def fine_grained_log_loss(theta: Floats, x: Floats, log_loss: Floats, jacobian: Floats) -> None:
    """ln L as a log-sum-exp of four terms, with its gradient (see `Form.log_loss`); x is ln N, ln D, ln G."""
    ln_a, ln_g, ln_b, ln_c, alpha, beta, gamma = theta[0], theta[1], theta[2], theta[3], theta[4], theta[5], theta[6]
    for i in range(x.shape[0]):
        size = ln_a - alpha * x[i, 0]
        grain = ln_g - alpha * x[i, 0] - gamma * x[i, 2]
        data = ln_b - beta * x[i, 1]
        largest = max(max(size, grain), max(data, ln_c))
        exp_size, exp_grain = math.exp(size - largest), math.exp(grain - largest)
        exp_data, exp_floor = math.exp(data - largest), math.exp(ln_c - largest)
        total = exp_size + exp_grain + exp_data + exp_floor
        log_loss[i] = largest + math.log(total)
        jacobian[i, 0] = exp_size / total
        jacobian[i, 1] = exp_grain / total
        jacobian[i, 2] = exp_data / total
        jacobian[i, 3] = exp_floor / total
        jacobian[i, 4] = -x[i, 0] * (exp_size + exp_grain) / total
        jacobian[i, 5] = -x[i, 1] * exp_data / total
        jacobian[i, 6] = -x[i, 2] * exp_grain / total


class FineGrained(Form):
    """L = c + (g/G^gamma + a)/N^alpha + b/D^beta: finer experts make a model worth a larger one.

    Krajewski et al. 2024, "Scaling laws for fine-grained mixture of experts", eq. 9.
    """

    name = "fine-grained"
    formula = "L(N, D, G) = c + (g/G^gamma + a)/N^alpha + b/D^beta"
    source = "Krajewski et al. 2024, eq. 9"
    fails = (
        "It holds at one ratio of all parameters to active ones; finer experts always help it, since what routing to "
        "many of them costs is not in it; with a short range of N and D floor and exponents are not identified."
    )
    variables = ("N", "D", "G")
    parameters = ("ln_a", "ln_g", "ln_b", "ln_c", "alpha", "beta", "gamma")
    judged = ("c", "alpha", "beta", "gamma")  # a, g and b follow their exponents
    nonlinear = ("alpha", "beta", "gamma")
    log_loss = staticmethod(fine_grained_log_loss)

    def starts(self, x: Floats, log_loss: Floats) -> Floats:
        """Nine splits of the loss of the run in the middle, nine pairs of exponents, four shares that G can save."""
        (log_n, log_d, log_g), exponents = x.mean(axis=0), (0.1, 0.25, 0.5)
        return np.array(
            [
                (
                    math.log(1 - saved) + size + alpha * log_n,
                    math.log(saved) + size + alpha * log_n + gamma * log_g,
                    data + beta * log_d,
                    floor,
                    alpha,
                    beta,
                    gamma,
                )
                for (floor, size, data), alpha, beta, saved, gamma in itertools.product(
                    typical_terms(log_loss), exponents, exponents, (0.1, 0.4), (0.3, 1.0)
                )
            ]
        )

    def centre(self, x: Floats) -> Floats:
        """The mean of x."""
        return x.mean(axis=0)

    def shift(self, theta: Floats, by: Floats) -> Floats:
        """As Chinchilla's: ln a, ln g and ln b move."""
        moved = np.array(theta, dtype=np.float64)
        moved[..., 0] -= moved[..., 4] * by[0]
        moved[..., 1] -= moved[..., 4] * by[0] + moved[..., 6] * by[2]
        moved[..., 2] -= moved[..., 5] * by[1]
        return moved

    def basis(self, nonlinear: Floats, x: Floats) -> Floats:
        """N^-alpha, G^-gamma N^-alpha, D^-beta and one: what a, g, b and c multiply."""
        alpha, beta, gamma = nonlinear
        with np.errstate(over="ignore"):  # a search may look far out
            size, data, grain = np.exp(-alpha * x[:, 0]), np.exp(-beta * x[:, 1]), np.exp(-gamma * x[:, 2])
            return np.column_stack([size, size * grain, data, np.ones(len(x))])

    def loss(self, theta: Floats, variables: Variables) -> Floats:
        """c + (g/G^gamma + a)/N^alpha + b/D^beta."""
        _, _, ln_b, ln_c, alpha, beta, _ = np.moveaxis(theta, -1, 0)
        ln_size = _ln_size(theta, variables["G"])
        with np.errstate(over="ignore"):  # a resample that ran away predicts an infinite loss
            size = np.exp(ln_size - alpha * np.log(variables["N"]))
            return np.exp(ln_c) + size + np.exp(ln_b - beta * np.log(variables["D"]))

    def optimal_log_n(self, theta: Floats, log_nd: Floats | float, held: Variables | None = None) -> Floats:
        """Chinchilla's, with A = g/G^gamma + a; without G in `held`, of experts as large as a feed-forward layer."""
        _, _, ln_b, _, alpha, beta, _ = np.moveaxis(theta, -1, 0)
        ln_size = _ln_size(theta, (held or {}).get("G", 1.0))
        with np.errstate(divide="ignore", invalid="ignore"):
            log_ratio = np.log(alpha) + ln_size - np.log(beta) - ln_b
            return (log_ratio + beta * log_nd) / (alpha + beta)


def _ln_size(theta: Floats, granularity: Floats | float) -> Floats:
    """ln(g/G^gamma + a): Chinchilla's ln A at that granularity."""
    return np.logaddexp(theta[..., 1] - theta[..., 6] * np.log(granularity), theta[..., 0])


FORMS = (FineGrained(),)

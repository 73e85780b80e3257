"""Loss of routed (mixture-of-experts) models by size and number of experts.

    log10 L = a log10 N + b log10 E^ + c log10 N log10 E^ + d            (Clark et al. 2022, eq. 1)
    1/E^ = 1/(E - 1 + 1/(1/E_start - 1/E_max)) + 1/E_max                 (the same)

N are the parameters that a token meets, E the experts of a routed layer, one of them active; E^ saturates, from E_start
for a dense model (E = 1) to E_max. With c > 0 routing helps less the larger the model, and not at all from
N = 10^(-b/c) on. Every run of theirs saw 130B tokens, so the law says nothing about data.

Published (table 3): S-Base a -.082, b -.108, c .009, d 1.104, E_start 1.847, E_max 314.478; RL-R -.083, -.126, .012,
1.111, 1.880, 469.982; Hash -.087, -.136, .012, 1.157, 4.175, 477.741.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

from smelt.laws.forms.form import Floats, Form, Variables

LN_10 = math.log(10)
LEAST_GAP = 1e-12
"""Of 1/E_start - 1/E_max: where a fit tries E_start beyond E_max, experts have no effect."""


def routed_log_loss(theta: Floats, x: Floats, log_loss: Floats, jacobian: Floats) -> None:
    """ln L with its gradient (see `Form.log_loss`); x is ln N, ln E."""
    a, b, c, d = theta[0], theta[1], theta[2], theta[3]
    inverse_start, inverse_max = math.exp(-theta[4]), math.exp(-theta[5])
    offset = 1.0 / max(inverse_start - inverse_max, LEAST_GAP)
    for i in range(x.shape[0]):
        experts = math.exp(x[i, 1]) - 1.0 + offset
        effective = 1.0 / (1.0 / experts + inverse_max)
        log_e = math.log(effective)
        by_log_e = b + c * x[i, 0] / LN_10
        moved = effective * (offset / experts) ** 2  # of ln E^ with 1/E_start
        log_loss[i] = a * x[i, 0] + by_log_e * log_e + d * LN_10
        jacobian[i, 0] = x[i, 0]
        jacobian[i, 1] = log_e
        jacobian[i, 2] = x[i, 0] * log_e / LN_10
        jacobian[i, 3] = LN_10
        jacobian[i, 4] = by_log_e * moved * inverse_start
        jacobian[i, 5] = by_log_e * (effective - moved) * inverse_max


class Routed(Form):
    """log10 L = a log10 N + b log10 E^ + c log10 N log10 E^ + d, a plane with a twist in logarithms.

    Clark et al. 2022, "Unified scaling laws for routed language models", eq. 1. Logarithms are to base 10, as there.
    """

    name = "routed"
    formula = (
        "log10 L(N, E) = a log10 N + b log10 E^ + c log10 N log10 E^ + d, "
        "1/E^ = 1/(E - 1 + 1/(1/E_start - 1/E_max)) + 1/E_max"
    )
    source = "Clark et al. 2022, eq. 1"
    fails = (
        "It knows no tokens: it has no optimal split of a budget, runs on different numbers of tokens do not belong in "
        "one fit, and that routing stops helping large models is an artefact of that (Krajewski et al. 2024). It has "
        "no floor."
    )
    variables = ("N", "experts")
    parameters = ("a", "b", "c", "d", "ln_E_start", "ln_E_max")
    judged = ("a", "b", "c")
    log_loss = staticmethod(routed_log_loss)

    def starts(self, x: Floats, log_loss: Floats) -> Floats:
        """Twelve pairs of E_start and E_max, each with the a, b, c and d of least squares."""
        pairs = itertools.product((1.2, 2.0, 4.0), (30.0, 100.0, 300.0, 1000.0))
        return np.array([self._least_squares(x, log_loss, start, most) for start, most in pairs])

    def _least_squares(self, x: Floats, log_loss: Floats, e_start: float, e_max: float) -> Floats:
        log_n, log_e = x[:, 0] / LN_10, _log_effective(np.exp(x[:, 1]), math.log(e_start), math.log(e_max)) / LN_10
        columns = np.stack([log_n, log_e, log_n * log_e, np.ones_like(log_n)], axis=-1)
        linear = np.linalg.lstsq(columns, log_loss / LN_10, rcond=None)[0]
        return np.array([*linear, math.log(e_start), math.log(e_max)])

    def centre(self, x: Floats) -> Floats:
        """The mean of ln N; experts are counted from one on."""
        return np.array([x[:, 0].mean(), 0.0])

    def shift(self, theta: Floats, by: Floats) -> Floats:
        """a x = a s + a (x - s), and so for c: d and b move."""
        moved = np.array(theta, dtype=np.float64)
        moved[..., 3] += moved[..., 0] * by[0] / LN_10
        moved[..., 1] += moved[..., 2] * by[0] / LN_10
        return moved

    def loss(self, theta: Floats, variables: Variables) -> Floats:
        """The formula."""
        a, b, c, d, ln_e_start, ln_e_max = np.moveaxis(theta, -1, 0)
        log_n = np.log10(variables["N"])
        log_e = _log_effective(variables["experts"], ln_e_start, ln_e_max) / LN_10
        with np.errstate(over="ignore"):  # a resample that ran away predicts an infinite loss
            return 10.0 ** (a * log_n + b * log_e + c * log_n * log_e + d)

    def dense_equivalent(self, theta: Floats, n_params: Floats | float, experts: Floats | float) -> Floats:
        """Parameters of the dense model with the same loss: their effective parameter count."""
        a, b, c, _, ln_e_start, ln_e_max = np.moveaxis(theta, -1, 0)
        log_start, log_n = ln_e_start / LN_10, np.log10(n_params)
        log_e = _log_effective(experts, ln_e_start, ln_e_max) / LN_10
        return 10.0 ** ((a * log_n + b * (log_e - log_start) + c * log_n * log_e) / (a + c * log_start))


def _log_effective(experts: Floats | float, ln_e_start: Floats | float, ln_e_max: Floats | float) -> Floats:
    """ln E^ of the number of experts."""
    inverse_max = np.exp(-np.asarray(ln_e_max, dtype=np.float64))
    offset = 1 / np.maximum(np.exp(-np.asarray(ln_e_start, dtype=np.float64)) - inverse_max, LEAST_GAP)
    return -np.log(1 / (np.asarray(experts, dtype=np.float64) - 1 + offset) + inverse_max)


FORMS = (Routed(),)

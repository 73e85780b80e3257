"""Loss of models that see their data more than once.

    L(N, D, U) = E + A/N'^alpha + B/D'^beta                                (Muennighoff et al. 2023, section 3)
    D' = U + U R_D* (1 - e^(-R_D/R_D*)),          R_D = D/U - 1          effective data: repeats, beyond the first epoch
    N' = U_N + U_N R_N* (1 - e^(-R_N/R_N*)),      R_N = N/U_N - 1        effective parameters: excess, beyond U_N

U are the unique tokens seen, at most D, and U_N the parameters that are compute-optimal for them by A, B, alpha and
beta. A repeat is worth e^(-1/R_D*) of the one before: after R_D* repeats most of what they can give is had. Where data
are seen once by a model no larger than U_N, the law is Chinchilla's.

The optimum of a budget is Chinchilla's where that needs no repeats. Else it has some: D > U, both terms are convex in
ln N at a given N D, and `optimal_log_n` finds where a little more size and a little more data are worth the same, since
there is no formula for it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Protocol

import numpy as np

from smelt.laws.forms.form import Floats, Form, Variables
from smelt.laws.forms.starts import typical_terms

C4 = {
    "A": math.exp(6.255414),
    "B": math.exp(7.3049974),
    "E": math.exp(0.6254804),
    "alpha": 0.3526596,
    "beta": 0.3526596,
    "R_D*": 15.387756,
    "R_N*": 5.309743,
}
"""On C4, as published with the code of Muennighoff et al. 2023: five from runs on fresh data, then R_D* and R_N*."""

MANY_EPOCHS = 4
"""Up to here repeated data are nearly as good as fresh (Muennighoff et al. 2023)."""

LARGEST_LOG_EXCESS = 300.0
"""N over U_N, or D over U, stops here: all that repeats can give is had long before, and e^300 times 0 is still 0."""
LEAST_EXPONENT = 1e-3
"""U_N is that of alpha and beta no less than this: where more of one would not help, nothing is compute-optimal."""
LARGEST_LOG_R = 50.0
"""R* between e^-50, where nothing but the first epoch counts, and e^50, where all do."""


def effective_data_fraction(epochs: Floats | float, r_d: float = C4["R_D*"]) -> Floats:
    """D'/D: what a token seen `epochs` times is worth a time, against fresh ones.

    >>> [round(float(effective_data_fraction(epochs)), 3) for epochs in (1, 4, 16)]
    [1.0, 0.931, 0.661]
    """
    repeats = np.maximum(np.asarray(epochs, dtype=np.float64) - 1, 0)
    return (1 - r_d * np.expm1(-repeats / r_d)) / (1 + repeats)


class _LogLoss(Protocol):
    def __call__(self, theta: Floats, x: Floats, log_loss: Floats, jacobian: Floats) -> None: ...


def _kernel(first_free: int) -> _LogLoss:
    """The form's `log_loss` with zero for the gradient of the parameters before `first_free`.

    Made rather than called: the fitter compiles one function, and a kernel cannot call another.
    """

    def repeated_log_loss(theta: Floats, x: Floats, log_loss: Floats, jacobian: Floats) -> None:
        """ln L, with its gradient; x is ln N, ln D, ln U."""
        ln_a, ln_b, ln_e, alpha, beta = theta[0], theta[1], theta[2], theta[3], theta[4]
        alpha_u, beta_u = max(alpha, LEAST_EXPONENT), max(beta, LEAST_EXPONENT)  # as U_N has them
        r_d = math.exp(min(max(theta[5], -LARGEST_LOG_R), LARGEST_LOG_R))
        r_n = math.exp(min(max(theta[6], -LARGEST_LOG_R), LARGEST_LOG_R))
        for i in range(x.shape[0]):
            # data: ln D' = ln U + ln(worth), and how ln D' moves with ln R_D*
            log_u = min(x[i, 1], x[i, 2])
            times = math.exp(min(x[i, 1] - log_u, LARGEST_LOG_EXCESS))
            q = (times - 1.0) / r_d
            worth = 1.0 - r_d * math.expm1(-q)
            data_log = log_u + math.log(worth)
            data_by_r = r_d * (-math.expm1(-q) - q * math.exp(-q)) / worth
            # size: the same about U_N, which itself moves with A, B, alpha and beta
            log_fitting = (math.log(alpha_u / beta_u) + ln_a - ln_b + beta_u * log_u) / alpha_u
            log_base = min(x[i, 0], log_fitting)
            times = math.exp(min(x[i, 0] - log_base, LARGEST_LOG_EXCESS))
            q = (times - 1.0) / r_n
            worth = 1.0 - r_n * math.expm1(-q)
            size_log = log_base + math.log(worth)
            size_by_r = r_n * (-math.expm1(-q) - q * math.exp(-q)) / worth
            size_by_fitting = 1.0 - times * math.exp(-q) / worth if log_fitting < x[i, 0] else 0.0

            size, data = ln_a - alpha * size_log, ln_b - beta * data_log
            largest = max(size, data, ln_e)
            exp_size, exp_data = math.exp(size - largest), math.exp(data - largest)
            exp_floor = math.exp(ln_e - largest)
            total = exp_size + exp_data + exp_floor
            size_share, data_share = exp_size / total, exp_data / total
            pull = alpha / alpha_u * size_share * size_by_fitting  # of ln U_N on ln L, times -1/alpha_u
            log_loss[i] = largest + math.log(total)
            jacobian[i, 0] = size_share - pull
            jacobian[i, 1] = data_share + pull
            jacobian[i, 2] = exp_floor / total
            jacobian[i, 3] = -size_share * size_log
            jacobian[i, 4] = -data_share * data_log
            if alpha > LEAST_EXPONENT:
                jacobian[i, 3] -= pull * (1.0 / alpha - log_fitting)
            if beta > LEAST_EXPONENT:
                jacobian[i, 4] -= pull * (log_u - 1.0 / beta)
            jacobian[i, 5] = -data_share * beta * data_by_r
            jacobian[i, 6] = -size_share * alpha * size_by_r
            jacobian[i, :first_free] = 0.0

    return repeated_log_loss


class RepeatedData(Form):
    """L = E + A/N'^alpha + B/D'^beta of effective parameters and effective data.

    Muennighoff et al. 2023, "Scaling data-constrained language models", section 3. All but the gradient is vectors:
    theta (..., 7).
    """

    name = "repeated"
    formula = "L(N, D, U) = E + A/N'^alpha + B/D'^beta, D' = U + U R_D* (1 - exp((1 - D/U)/R_D*)), N' likewise of U_N"
    source = "Muennighoff et al. 2023, section 3"
    fails = (
        "R_D* and R_N* trade against each other, and few sets of runs tell them apart; a loss that rises again with "
        "many epochs is beyond it; it takes repeats as whole epochs over one set of tokens."
    )
    variables = ("N", "D", "U")
    parameters = ("ln_A", "ln_B", "ln_E", "alpha", "beta", "ln_R_D*", "ln_R_N*")
    judged = ("E", "alpha", "beta", "R_D*", "R_N*")
    log_loss = staticmethod(_kernel(0))

    def starts(self, x: Floats, log_loss: Floats) -> Floats:
        """Nine splits of the loss of the run in the middle, four pairs of exponents, four of R*."""
        (log_n, log_d, _), exponents = x.mean(axis=0), (0.2, 0.5)
        return np.array(
            [
                (size + a * log_n, data + b * log_d, floor, a, b, math.log(r_d), math.log(r_n))
                for (floor, size, data), a, b, r_d, r_n in itertools.product(
                    typical_terms(log_loss), exponents, exponents, (5.0, 50.0), (2.0, 8.0)
                )
            ]
        )

    def centre(self, x: Floats) -> Floats:
        """The means of ln N and ln D; ln U moves with ln D, since only their difference matters."""
        log_n, log_d, _ = x.mean(axis=0)
        return np.array([log_n, log_d, log_d])

    def shift(self, theta: Floats, by: Floats) -> Floats:
        """As Chinchilla's: U_N is in the unit of N, so only ln A and ln B move."""
        moved = np.array(theta, dtype=np.float64)
        moved[..., 0] -= moved[..., 3] * by[0]
        moved[..., 1] -= moved[..., 4] * by[1]
        return moved

    def loss(self, theta: Floats, variables: Variables) -> Floats:
        """E + A/N'^alpha + B/D'^beta; U beyond D, infinite even, is D: what was not seen does not count."""
        ln_a, ln_b, ln_e, alpha, beta, ln_r_d, ln_r_n = np.moveaxis(theta, -1, 0)
        log_n, log_d, log_at_hand = (np.log(variables[name]) for name in self.variables)
        log_u = np.minimum(log_d, log_at_hand)
        size, _ = _effective(log_n, self.fitting_log_n(theta, log_u), ln_r_n)
        data, _ = _effective(log_d, log_u, ln_r_d)
        with np.errstate(over="ignore"):  # a resample that ran away predicts an infinite loss
            return np.exp(ln_e) + np.exp(ln_a - alpha * size) + np.exp(ln_b - beta * data)

    def fitting_log_n(self, theta: Floats, log_u: Floats | float) -> Floats:
        """ln U_N: of the parameters that are compute-optimal for U fresh tokens (their section 3)."""
        ln_a, ln_b = theta[..., 0], theta[..., 1]
        alpha, beta = (np.maximum(theta[..., i], LEAST_EXPONENT) for i in (3, 4))
        return (np.log(alpha / beta) + ln_a - ln_b + beta * log_u) / alpha

    def optimal_log_n(self, theta: Floats, log_nd: Floats | float, held: Variables | None = None) -> Floats:
        """Where what a little more size saves is what a little more data saves: by bisection, both being monotone.

        Without U in `held`, that of data without end: Chinchilla's. NaN where an exponent is not positive.
        """
        ln_a, ln_b, _, alpha, beta, ln_r_d, ln_r_n = np.moveaxis(theta, -1, 0)
        log_u = np.log((held or {}).get("U", np.inf))
        fitting = self.fitting_log_n(theta, log_u)

        def advantage_of_size(log_n: Floats) -> Floats:
            size, by_size = _effective(log_n, fitting, ln_r_n)
            data, by_data = _effective(log_nd - log_n, log_u, ln_r_d)
            with np.errstate(divide="ignore", invalid="ignore"):  # more of what does not help is worth nothing
                return (np.log(alpha) + ln_a - alpha * size + by_size) - (np.log(beta) + ln_b - beta * data + by_data)

        shape = np.broadcast_shapes(theta.shape[:-1], np.shape(log_nd), np.shape(log_u))
        return _root(advantage_of_size, np.broadcast_to(np.asarray(log_nd, dtype=np.float64), shape))


class RepeatedOnly(RepeatedData):
    """The same with A, B, E, alpha and beta held, as the paper fits it: only R_D* and R_N* are left to find."""

    name = "repeated-only"
    fails = (
        "It is only as good as the five constants it is given, C4's by default: for other data, tokenizers or counts "
        "of N they are wrong; R_D* and R_N* still trade against each other."
    )
    fixed = RepeatedData.parameters[:5]
    judged = ("R_D*", "R_N*")
    log_loss = staticmethod(_kernel(5))

    def __init__(self, base: dict[str, float] | None = None) -> None:
        self.base = self.theta({**C4, **(base or {})})[:5]

    def starts(self, x: Floats, log_loss: Floats) -> Floats:
        """R_D* and R_N* from 1 to 200: there are several optima, and the published one is not the best of them."""
        logs = np.log(np.geomspace(1, 200, 7))
        return np.array([(*self.base, r_d, r_n) for r_d, r_n in itertools.product(logs, logs)])


def _effective(log_all: Floats | float, log_base: Floats | float, ln_r: Floats) -> tuple[Floats, Floats]:
    """ln of what is effective of `all`, beyond `base` by the constant R*; and ln of d of that by d ln `all`."""
    base = np.minimum(log_all, log_base)
    excess = np.minimum(log_all - base, LARGEST_LOG_EXCESS)
    r = np.exp(np.clip(ln_r, -LARGEST_LOG_R, LARGEST_LOG_R))
    q = np.expm1(excess) / r
    log_worth = np.log1p(-r * np.expm1(-q))
    return base + log_worth, excess - q - log_worth


BEYOND = 100.0
"""How far in ln N the bracket reaches beyond one parameter and one token."""
HALVINGS = 60
"""Of some 300 in ln N: down to what a float can tell."""


def _root(decreasing: Callable[[Floats], Floats], log_nd: Floats) -> Floats:
    """The ln N at which a decreasing function is zero; NaN where it is no finite number."""
    low, high = np.minimum(log_nd, 0) - BEYOND, np.maximum(log_nd, 0) + BEYOND
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        is_right = decreasing(middle) > 0
        low, high = np.where(is_right, middle, low), np.where(is_right, high, middle)
    found = (low + high) / 2
    return np.where(np.isfinite(decreasing(found)), found, np.nan)


FORMS = (RepeatedData(), RepeatedOnly())

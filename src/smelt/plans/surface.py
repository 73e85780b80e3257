"""Loss anywhere on a law's surface, with data that run out, and the cheapest point that a wish leaves.

Repeated data (Muennighoff et al. 2023, equations 5 and 6): of D tokens with U unique, R_D = D/U - 1 repeats count as
D' = U + U R_D* (1 - e^(-R_D / R_D*)); likewise N beyond U_N, the best size for U tokens.
Use of the model (Sardana et al. 2023): all FLOPs = 6 N D + 2 N D_use.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from smelt.errors import InputError
from smelt.laws.findings import Interval
from smelt.laws.forms import FORMS, Floats, Form
from smelt.laws.law import ScalingLaw

REPEATS = (15.387756, 5.309743)
"""R_D* and R_N* as published; the runs leave R_D* anywhere from 15 to 200."""
LOG_TOKENS = (math.log(1e3), math.log(1e22))
LOG_SIZES = (math.log(1e3), math.log(1e17))
GRID, ROUNDS = 400, 5
"""A grid drawn in around its best point: ln N to 1e-8."""


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """L(N, D) of a law's form, N as the fits count it."""

    form: Form
    theta: Floats
    draws: Floats
    unique: float | None
    unique_size: float | None
    """The best N for all unique tokens."""

    @classmethod
    def of(cls, law: ScalingLaw, unique_tokens: float | None = None) -> Surface:
        """InputError where the law is only a line through optima."""
        fitted = law.findings.parametric
        if fitted is None:
            raise InputError(
                where="the law",
                what="is a line through optima: it knows no loss away from them",
                do="Take a law with a form, such as chinchilla-besiroglu-2024, or ask for a budget alone.",
            )
        form = FORMS[fitted.form]
        theta = np.array([fitted.theta[name] for name in form.parameters])
        known = set(form.parameters) <= set(law.draws.columns)
        draws = law.draws.select(form.parameters).to_numpy() if known else np.empty((0, len(theta)))
        best = _best_size_for(form, theta, unique_tokens) if unique_tokens else None
        return cls(form, theta, draws, unique_tokens, best)

    def loss(self, size: Floats | float, tokens: Floats | float, theta: Floats | None = None) -> Floats:
        """Nats a token."""
        theta = self.theta if theta is None else theta
        if self.unique is not None and "U" not in self.form.variables:
            size, tokens = self._effective(size, tokens)
        values = {"N": size, "D": tokens, "C": 6 * np.asarray(size) * tokens, "U": self.unique or tokens}
        return self.form.loss(theta, values)

    def interval(self, size: float, tokens: float) -> Interval:
        """The loss of a point with the interval of the law's draws."""
        return Interval.of(float(self.loss(size, tokens)), self.loss(size, tokens, self.draws))

    def tokens_for(self, size: Floats, loss: float) -> Floats:
        """The fewest tokens that bring a size to a loss; infinite where none do."""
        low, high = np.full_like(size, LOG_TOKENS[0]), np.full_like(size, LOG_TOKENS[1])
        for _ in range(80):
            middle = (low + high) / 2
            reached = self.loss(size, np.exp(middle)) <= loss
            low, high = np.where(reached, low, middle), np.where(reached, middle, high)
        tokens = np.exp(high)
        return np.where(self.loss(size, tokens) <= loss * (1 + 1e-9), tokens, np.inf)

    def _effective(self, size: Floats | float, tokens: Floats | float) -> tuple[Floats, Floats]:
        assert self.unique is not None, "repeats need unique tokens"
        assert self.unique_size is not None, "set with them"
        return _worth(size, self.unique_size, REPEATS[1]), _worth(tokens, self.unique, REPEATS[0])


def cheapest(surface: Surface, *, loss: float, use: float, size: float | None) -> tuple[float, float]:
    """N and D that reach a loss for the fewest FLOPs of training and use."""

    def cost(log_size: Floats) -> Floats:
        n = np.exp(log_size)
        return 6 * n * surface.tokens_for(n, loss) + 2 * n * use

    n = size if size is not None else math.exp(least(cost, *LOG_SIZES))
    tokens = float(surface.tokens_for(np.array([n]), loss)[0])
    if not math.isfinite(tokens) or tokens > math.exp(LOG_TOKENS[1] - 1):
        raise InputError(where="--target-loss", what=f"{loss:g} nats is below what the law can reach with these terms")
    return n, tokens


def best_of(surface: Surface, *, flops: float, use: float) -> tuple[float, float]:
    """N and D of the least loss that a budget pays for, training and use together."""

    def tokens(log_size: Floats) -> Floats:
        return flops / 6 / np.exp(log_size) - use / 3

    def loss(log_size: Floats) -> Floats:
        left = tokens(log_size)
        return np.where(left > 1, surface.loss(np.exp(log_size), np.maximum(left, 1.0)), np.inf)

    log_n = least(loss, *LOG_SIZES)
    return math.exp(log_n), float(tokens(np.array(log_n)))


def least(function: Callable[[Floats], Floats], low: float, high: float) -> float:
    """Where a function with one minimum is least."""
    found = low
    for _ in range(ROUNDS):
        grid = np.linspace(low, high, GRID)
        with np.errstate(all="ignore"):
            values = np.nan_to_num(function(grid), nan=np.inf)
        at = int(np.argmin(values))
        found, low, high = float(grid[at]), float(grid[max(at - 1, 0)]), float(grid[min(at + 1, GRID - 1)])
    return found


def _worth(amount: Floats | float, unique: float, decay: float) -> Floats:
    """What an amount counts for of which only `unique` is new."""
    repeats = np.maximum(np.asarray(amount) / unique - 1, 0.0)
    return np.minimum(amount, unique) - unique * decay * np.expm1(-repeats / decay)


def _best_size_for(form: Form, theta: Floats, tokens: float) -> float:
    """The N whose optimal D is `tokens`."""
    low, high = math.log(tokens), math.log(tokens) + LOG_SIZES[1]
    for _ in range(100):
        middle = (low + high) / 2
        is_less = middle - float(form.optimal_log_n(theta, middle)) < math.log(tokens)
        low, high = (middle, high) if is_less else (low, middle)
    return math.exp(low - math.log(tokens))

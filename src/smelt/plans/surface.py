"""Loss anywhere on a law's surface, with data that run out, and the cheapest point that a wish leaves.

Repeated data: a law of Chinchilla's form is continued by the decay of Muennighoff et al. 2023 (forms/repeated.py).
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
from smelt.laws.forms.repeated import C4
from smelt.laws.law import ScalingLaw

REPEATED = FORMS["repeated"]
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
    """Tokens at hand; None where they do not run out."""

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
        if unique_tokens is not None and form.name == "chinchilla":
            form, theta, draws = REPEATED, _repeated(theta), _repeated(draws)
        return cls(form, theta, draws, unique_tokens)

    def loss(self, size: Floats | float, tokens: Floats | float, theta: Floats | None = None) -> Floats:
        """Nats a token."""
        theta = self.theta if theta is None else theta
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


def _repeated(theta: Floats) -> Floats:
    """Chinchilla's theta (..., 5) with the published decay of repeats, (..., 7)."""
    with np.errstate(invalid="ignore", divide="ignore"):  # a resample that ran away has no positive exponents
        exponents = np.log(theta[..., 3:])
    decay = np.broadcast_to(np.log([C4["R_D*"], C4["R_N*"]]), (*theta.shape[:-1], 2))
    return np.concatenate([theta[..., :3], exponents, decay], axis=-1)

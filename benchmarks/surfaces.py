"""Loss as published papers say it goes with N and D: ladders simulated on them, whose best sizes are known.

Besiroglu et al. 2024, Hoffmann et al. 2022     L = E + A/N^alpha + B/D^beta, refitted and as published
symmetric, asymmetric                           Hoffmann's levels with alpha = beta = .31, and with .465 and .155: the
                                                best and the worst case of a parabola among those of the literature
Gadre et al. 2024                               L = E + (a M^eta + b M^-eta) C^-eta, M = D/N; constants not
                                                    checked against the paper (within 7% of the loss on C4 of its
                                                    RedPajama runs, in the mean)
Llama 3 (Grattafiori et al. 2024)               parabolas in ln D about D* = .2994 C^.5368: just what approach 2
                                                assumes; level and bend are those of Besiroglu's surface
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from smelt.laws.forms import Floats
from smelt.laws.points import Points

NOISE = 0.0125
"""Nats: the robust standard deviation of what Epoch's 240 points of Hoffmann et al.'s runs leave of Besiroglu et al.'s
fit; and of one size trained with several seeds, .013, on ladders of 2e10 to 5e11 FLOPs (2026-11)."""
QUIET_NOISE = 0.0035
"""Nats: a quarter of it, as large runs of one recipe may have (assumption)."""


@dataclass(frozen=True, slots=True)
class Surface:
    """L(N, D) with C = 6ND, and where it is least for a budget."""

    name: str
    loss: Callable[[Floats, Floats], Floats]
    log_n_opt: Callable[[float], float]
    """ln N* of a budget."""

    def runs(self, budget_flops: Floats, n_params: Floats, *, noise: float, generator: np.random.Generator) -> Points:
        """Runs with normal noise in nats."""
        n_tokens = budget_flops / (6 * n_params)
        loss = self.loss(n_params, n_tokens) + noise * generator.standard_normal(len(n_params))
        columns = {"n_params": n_params, "n_tokens": n_tokens, "loss_nats": loss, "budget_flops": budget_flops}
        return Points.from_frame(pl.DataFrame(columns))[0]


def power_law(name: str, *, e: float, a: float, b: float, alpha: float, beta: float) -> Surface:
    """E + A/N^alpha + B/D^beta (Hoffmann et al. 2022, eq. 2 and 4)."""

    def loss(n: Floats, d: Floats) -> Floats:
        return e + a / n**alpha + b / d**beta

    def log_n_opt(flops: float) -> float:
        return float((np.log(alpha * a / (beta * b)) + beta * np.log(flops / 6)) / (alpha + beta))

    return Surface(name, loss, log_n_opt)


def overtraining(name: str, *, e: float, a: float, b: float, eta: float) -> Surface:
    """E + (a M^eta + b M^-eta) C^-eta with M = D/N (Gadre et al. 2024, eq. 4): least at M = (b/a)^(1/2 eta)."""

    def loss(n: Floats, d: Floats) -> Floats:
        ratio, flops = d / n, 6 * n * d
        return e + (a * ratio**eta + b * ratio**-eta) * flops**-eta

    def log_n_opt(flops: float) -> float:
        return float((np.log(flops / 6) - np.log(b / a) / (2 * eta)) / 2)

    return Surface(name, loss, log_n_opt)


def parabolic(name: str, *, factor: float, exponent: float, level: Surface) -> Surface:
    """Parabolas in ln D about D* = factor C^exponent; height and bend at the minimum are those of `level`."""

    def loss(n: Floats, d: Floats) -> Floats:
        log_c = np.log(6 * n * d)
        best = np.array([level.log_n_opt(float(flops)) for flops in np.exp(log_c)])
        least, side = (level.loss(np.exp(best + u), np.exp(log_c - best - u) / 6) for u in (0.0, 0.01))
        other = level.loss(np.exp(best - 0.01), np.exp(log_c - best + 0.01) / 6)
        bend = (side + other - 2 * least) / 2e-4
        return least + bend * (np.log(d) - np.log(factor) - exponent * log_c) ** 2

    def log_n_opt(flops: float) -> float:
        return float(np.log(flops / 6) - np.log(factor) - exponent * np.log(flops))

    return Surface(name, loss, log_n_opt)


BESIROGLU = power_law("Besiroglu 2024", e=1.8172, a=482.01, b=2085.43, alpha=0.3478, beta=0.3658)
SURFACES = (
    BESIROGLU,
    power_law("Hoffmann 2022", e=1.69, a=406.4, b=410.7, alpha=0.34, beta=0.28),
    power_law("symmetric", e=1.69, a=406.4, b=410.7, alpha=0.31, beta=0.31),
    power_law("asymmetric", e=1.69, a=406.4, b=410.7, alpha=0.465, beta=0.155),
    overtraining("Gadre 2024", e=1.84, a=212.0, b=367.0, eta=0.136),
    parabolic("Llama 3", factor=0.2994, exponent=0.5368, level=BESIROGLU),
)

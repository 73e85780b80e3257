"""Tables of runs made on known surfaces, so that a law's findings can be held against the truth."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np
import polars as pl

from smelt.laws.derive import Settings, derive_law
from smelt.laws.forms import Floats
from smelt.laws.forms.chinchilla import Chinchilla
from smelt.laws.law import ScalingLaw

Surface = Callable[[Floats, Floats], Floats]

A, B, E, ALPHA, BETA = 40.0, 120.0, 1.2, 0.25, 0.27
"""A surface whose optima at 2e10 to 5e11 FLOPs have some ten thousand parameters."""
EXPONENT = BETA / (ALPHA + BETA)
BUDGETS = (2e10, 6e10, 1.8e11, 5.4e11)


class FewStarts(Chinchilla):
    """Chinchilla's form with 75 of its 4,500 starts: laws of tests in a tenth of the time."""

    def starts(self, x: Floats, log_loss: Floats) -> Floats:
        return super().starts(x, log_loss)[::60]


LEANING = Chinchilla()
LEANING_THETA = LEANING.theta({"A": 2000, "B": 20, "E": 1.7, "alpha": 0.465, "beta": 0.155})
QUICK = Settings(form=FewStarts(), draws=300)


def surface(n_params: Floats, n_tokens: Floats) -> Floats:
    """E + A/N^alpha + B/D^beta."""
    return E + A / n_params**ALPHA + B / n_tokens**BETA


def best_size(flops: float) -> float:
    """N* of that surface at C = 6ND."""
    return (ALPHA * A / (BETA * B)) ** (1 / (ALPHA + BETA)) * (flops / 6) ** EXPONENT


def parabolic(n_params: Floats, n_tokens: Floats) -> Floats:
    """A surface whose IsoFLOP curves are parabolas about `best_size`."""
    product = n_params * n_tokens
    best = best_size(1.0) * (6 * product) ** EXPONENT
    return 8 * (product / 1e10) ** -0.07 + 0.1 * np.log(n_params / best) ** 2


def ladder(
    budgets: Sequence[float] = BUDGETS,
    *,
    sizes: int = 5,
    half_width: float = 1.2,
    offset: float = 0.0,
    noise: float = 0.005,
    seed: int = 0,
    loss: Surface = surface,
    overhead: Callable[[Floats], Floats] = np.ones_like,
) -> pl.DataFrame:
    """IsoFLOP runs: `sizes` sizes from -half_width to half_width in ln N about N* times e^offset.

    `noise` is relative; `overhead` gives exact FLOPs over 6ND as a function of N.
    """
    generator = np.random.default_rng(seed)
    frames: list[pl.DataFrame] = []
    for budget in budgets:
        n_params = best_size(budget) * np.exp(offset + np.linspace(-half_width, half_width, sizes))
        n_tokens = budget / (6 * n_params * overhead(n_params))
        loss_nats = loss(n_params, n_tokens) * np.exp(noise * generator.standard_normal(sizes))
        columns = {"n_params": n_params, "n_tokens": n_tokens, "loss_nats": loss_nats, "bpb": loss_nats / np.log(2) / 4}
        frames.append(pl.DataFrame(columns).with_columns(flops=budget, budget_flops=budget, epochs=n_tokens / 1e7))
    return pl.concat(frames).with_row_index("number").with_columns(run=pl.format("run-{}", "number")).drop("number")


def leaning_ladder(noise: float = 0.002, seed: int = 0) -> pl.DataFrame:
    """Seven budgets of seven sizes within a factor of 4 of N*, on a surface whose curves are far from symmetric.

    Parabolas put N* at 1.08 x the true one, which `leaning_best_size` gives.
    """
    generator = np.random.default_rng(seed)
    flops = np.repeat(np.geomspace(1e18, 1e21, 7), 7)
    n_params = leaning_best_size(flops) * np.tile(np.geomspace(0.25, 4, 7), 7)
    n_tokens = flops / 6 / n_params
    loss = LEANING.loss(LEANING_THETA, {"N": n_params, "D": n_tokens}) * np.exp(
        noise * generator.normal(size=len(flops))
    )
    columns = {"n_params": n_params, "n_tokens": n_tokens, "loss_nats": loss, "flops": flops, "budget_flops": flops}
    return pl.DataFrame(columns)


def leaning_best_size(flops: Floats) -> Floats:
    """N* there."""
    return np.exp(LEANING.optimal_log_n(LEANING_THETA, np.log(flops / 6)))


@functools.cache
def planted_law() -> ScalingLaw:
    """The law of the default ladder."""
    return derive_law(ladder(), QUICK)

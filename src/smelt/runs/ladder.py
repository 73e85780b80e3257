"""Which runs make an IsoFLOP ladder (Hoffmann et al. 2022, approach 2): for each budget some widths around the expected
optimum, each trained on as many tokens as the budget pays for.

A parabola finds its minimum only among the sizes it is given, so these must span it. The expected optimum is the size
whose tokens are `tokens_per_param` times its weights (matrices and head). 10 is what nanochat finds under this count,
at far larger budgets; on text like the quickstart's it was 6.6, 7.3, 8.2 and 9.5 at 2e10, 6e10, 1.8e11 and 5.4e11
FLOPs (2026-11), and 20 is Hoffmann et al.'s for all parameters. Sizes are spread evenly in ln N, a factor `span` to
either side: more than the guess of N* is wrong (1.4 for a factor of two in `tokens_per_param`), and less than where the
curve stops being a parabola.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

import numpy as np

from smelt.errors import InputError
from smelt.models.config import ModelConfig
from smelt.models.flops import flops_per_token, n_weights
from smelt.models.sizes import Family, widths


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One run of a ladder, before it is run."""

    budget_flops: float
    config: ModelConfig
    n_tokens: int
    """What the budget pays for."""
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How a ladder chooses its sizes."""

    sizes: int
    """Per budget."""
    span: float
    """The largest size over the expected optimum, and that over the smallest."""
    tokens_per_param: float
    """Of the expected optimum."""


def rungs(family: Family, spread: Spread, *, vocab: int, budgets: Sequence[float], seeds: int) -> list[Rung]:
    """The runs of a ladder, dearest budget first, narrowest first within it."""
    return [
        Rung(budget_flops=budget, config=config, n_tokens=affordable_tokens(config, budget), seed=seed)
        for budget in sorted(set(budgets), reverse=True)
        for config in sizes(family, spread, vocab=vocab, budget=budget)
        for seed in range(seeds)
    ]


def sizes(family: Family, spread: Spread, *, vocab: int, budget: float) -> list[ModelConfig]:
    """The shapes for a budget, ascending: distinct widths of one depth around `expected_optimum`."""
    centre = expected_optimum(family, vocab=vocab, budget=budget, tokens_per_param=spread.tokens_per_param)
    candidates = shapes_about(family, centre, reach=2 * spread.span)
    if len(candidates) < spread.sizes:
        raise InputError(
            where="ladder",
            what=f"{spread.sizes} sizes do not fit around the {n_weights(centre)} weights that {budget:g} FLOPs suit",
            expected=f"at most {len(candidates)}",
            do="take larger budgets (flops), fewer sizes_per_budget, or a smaller vocabulary",
        )
    chosen: list[ModelConfig] = []
    for target in n_weights(centre) * np.geomspace(1 / spread.span, spread.span, spread.sizes):
        free = [shape for shape in candidates if shape not in chosen]
        chosen.append(min(free, key=lambda shape: abs(math.log(n_weights(shape) / target))))
    return sorted(chosen, key=lambda shape: shape.d_model)


def shapes_about(family: Family, centre: ModelConfig, *, reach: float) -> list[ModelConfig]:
    """All shapes of the depth of `centre`, ascending, up to `reach` times its weights."""
    at_depth = (family.shape(vocab=centre.vocab, d_model=width, n_layers=centre.n_layers) for width in widths())
    most = reach * n_weights(centre)
    return list(takewhile(lambda shape: n_weights(shape) <= most, at_depth))


def expected_optimum(family: Family, *, vocab: int, budget: float, tokens_per_param: float) -> ModelConfig:
    """The narrowest shape for which a budget pays at most `tokens_per_param` tokens a weight."""
    shapes = (family.shape(vocab=vocab, d_model=width) for width in widths())
    return next(shape for shape in shapes if affordable_tokens(shape, budget) <= tokens_per_param * n_weights(shape))


def affordable_tokens(config: ModelConfig, budget: float) -> int:
    """Tokens that a budget of training FLOPs pays for."""
    return math.floor(budget / flops_per_token(config))


def expected_seconds(config: ModelConfig, n_tokens: float) -> float:
    """Of training on one core; what puts the longest run first, and what `explain` shows."""
    return seconds_for(n_tokens * flops_per_token(config), n_tokens)


def seconds_for(flops: float, n_tokens: float) -> float:
    """Of training FLOPs on one core.

    42 GFLOP/s, and 19 microseconds a token for all that is not a matrix product: within a fifth of what widths 8 to 80
    took from 6e10 FLOPs on (one core of 2.5 GHz with AVX2, vocabulary 1024, 2026-11).
    """
    return flops / 42e9 + n_tokens * 19e-6

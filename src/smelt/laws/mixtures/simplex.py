"""The best point among mixtures, by sampling: shares that are not negative and add up to one.

As RegMix does it (Liu et al. 2024, section 3.4): Dirichlet samples about a prior, predicted by the fitted law, and the
mean of the best hundred, since the single best of many is the one whose error flatters it most. Where the law is
smooth, further rounds sample ever more narrowly about that mean (the cross-entropy method, Rubinstein 1999): in 17
domains a hundred thousand samples alone do not come near the optimum.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from smelt.laws.forms import Floats

TOP = 0.005
"""Share of the samples whose mean is taken: RegMix's best 100 (Liu et al. 2024, section 3.4) of 20,000."""
SPREAD = (1.0, 100.0)
"""Sums of Dirichlet's parameters in the first round, evenly in logarithms: from one domain to nearly the prior."""
NARROW, NARROWING = 10.0, 2.0
"""The same sum in the first further round, and its factor from round to round: in faster steps corners are missed."""


def best_mixture(
    loss: Callable[[Floats], Floats],
    prior: Floats,
    most: Floats,
    *,
    samples: int,
    rounds: int,
    generator: np.random.Generator,
) -> Floats:
    """Shares (M,) of about the least `loss`, a function from shares (n, M) to (n).

    `prior` (M,) are the shares about which to look, `most` (M,) the greatest that each may be; those add up to one or
    more. `rounds` are the further ones.
    """
    spread = np.exp(generator.uniform(*np.log(SPREAD), size=(samples, 1)))
    best = _mean_of_best(loss, _sample(spread * prior, most, generator))
    least = float(loss(best[None])[0])
    for i in range(rounds):
        concentrations = np.full((samples, 1), NARROW * NARROWING**i) * best
        found = _mean_of_best(loss, _sample(concentrations, most, generator))
        reached = float(loss(found[None])[0])
        if reached < least:
            best, least = found, reached
    return best


def within(shares: Floats, most: Floats) -> Floats:
    """`shares` (n, M) cut to `most` (M,); what is cut goes to the others in proportion to their shares.

    Where those have none, by the room that they have.
    """
    for _ in range(len(most)):  # each pass fills one share at least
        cut = np.minimum(shares, most)
        excess = 1 - cut.sum(axis=1, keepdims=True)
        if excess.max() < 1e-12:
            break
        takers = np.where(cut < most, cut, 0.0)
        takers = np.where(takers.sum(axis=1, keepdims=True) > 0, takers, most - cut)
        shares = cut + np.maximum(excess, 0.0) * takers / np.maximum(takers.sum(axis=1, keepdims=True), 1e-300)
    return np.minimum(shares, most)


def _mean_of_best(loss: Callable[[Floats], Floats], candidates: Floats) -> Floats:
    best = np.argsort(loss(candidates), kind="stable")[: round(TOP * len(candidates))]
    return candidates[best].mean(axis=0)


def _sample(concentrations: Floats, most: Floats, generator: np.random.Generator) -> Floats:
    """A mixture a row of Dirichlet's `concentrations` (n, M): gamma variates over their sum."""
    drawn = generator.standard_gamma(concentrations)
    drawn += 1e-300  # all of a row can be zero where concentrations are small
    return within(drawn / drawn.sum(axis=1, keepdims=True), most)

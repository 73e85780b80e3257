"""The noise of a ladder's runs about their curves: how it falls with compute, and noise drawn anew.

    sd(C) = s C^-g

Dear runs are the quieter ones: fourfold to eightfold over a factor 1,700 of compute in Llama 3's curves, twofold from
2e10 to 5e11 FLOPs in smelt's own. A single budget has too few residuals to say so, all of them together have enough
for one exponent. How well they know it goes into the draws: g has its posterior about 0, no fall at all, under a
reference prior of s (Box & Tiao 1973, chapter 2), and with g left at 0 the draws are those of noise that is the same
everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from smelt.laws.forms import Floats

OWN_NOISE = 10
"""Runs from which a budget's noise is judged by its own residuals: no law of noise holds to the last, but with few runs
one cannot tell, and sharing costs less than guessing."""
SHARED_DEGREES = 7
"""Residual degrees of freedom below which small budgets judge their noise together with the large ones."""
EXPONENT_SD = 0.25
"""Of g before any run is seen: noise that falls faster than C^-.5, as a mean over C tokens would, is unlikely
(assumption; the ladders above have .25 to .3)."""
EXPONENTS = np.linspace(-1, 1, 201)
"""Values of g: four such deviations either way."""


@dataclass(frozen=True, slots=True, eq=False)
class Residuals:
    """What a smooth curve through one budget's runs leaves: values for new noise to be drawn from."""

    budget_flops: float
    values: Floats
    """Divided by sqrt(1 - leverage), since a curve passes closer to its own runs than to new ones."""
    squares: float
    """Sum of the squared residuals themselves."""
    n_runs: int
    degrees: int
    """Degrees of freedom: runs less coefficients."""

    @classmethod
    def of(cls, basis: Floats, y: Floats, budget_flops: float) -> Self:
        """Residuals of the least-squares fit of `basis` (runs, coefficients) to y."""
        inverse = np.linalg.pinv(basis)
        leverage = np.einsum("ij,ji->i", basis, inverse)
        informative = leverage < 1 - 1e-9
        left = (y - basis @ (inverse @ y))[informative]
        return cls(
            budget_flops=budget_flops,
            values=left / np.sqrt(1 - leverage[informative]),
            squares=float(left @ left),
            n_runs=len(y),
            degrees=len(y) - basis.shape[1],
        )


@dataclass(frozen=True, slots=True, eq=False)
class NoiseLaw:
    """sd(C) = s (C / C0)^-g as residuals have it, C0 their geometric mean weighed by degrees of freedom."""

    log_centre: float
    """ln C0."""
    probabilities: Floats
    """Of `EXPONENTS`."""
    sds: Floats
    """s for each of them."""

    @classmethod
    def of(cls, budgets: Sequence[Residuals]) -> Self:
        """The law of residuals that have a degree of freedom between them."""
        log_flops = np.log([found.budget_flops for found in budgets])
        degrees = np.array([found.degrees for found in budgets])
        centre = float(np.average(log_flops, weights=degrees))
        squares = np.array([found.squares for found in budgets]) @ np.exp(2 * np.outer(log_flops - centre, EXPONENTS))
        prior = -0.5 * (EXPONENTS / EXPONENT_SD) ** 2
        # With s integrated out; residuals that are all zero leave the prior.
        log_posterior = prior - degrees.sum() / 2 * np.log(squares) if squares.all() else prior
        likely = np.exp(log_posterior - log_posterior.max())
        return cls(centre, likely / likely.sum(), np.sqrt(squares / degrees.sum()))

    @property
    def exponent(self) -> float:
        """g: its posterior mean."""
        return float(self.probabilities @ EXPONENTS)

    def sd(self, flops: float) -> float:
        """Noise of a run of a budget."""
        s = float(np.interp(self.exponent, EXPONENTS, self.sds))
        return s * float(np.exp(-self.exponent * (np.log(flops) - self.log_centre)))

    def relative(self, flops: float) -> Floats:
        """Noise at a budget over s at the mean exponent, for each of `EXPONENTS`."""
        s = float(np.interp(self.exponent, EXPONENTS, self.sds))
        ratio = self.sds / s if s > 0 else np.ones(len(EXPONENTS))
        return ratio * np.exp(-EXPONENTS * (np.log(flops) - self.log_centre))


def noise(budgets: Sequence[Residuals], *, draws: int, seed: int) -> Iterator[tuple[int, Floats]]:
    """Noise for each budget's runs, drawn anew: its place and (draws, runs); (0, runs) where nothing tells of noise.

    A residual bootstrap, since resampling five runs of five would often leave too few sizes for a curve. Budgets of few
    runs share their residuals, scaled by the law of their noise, and each draw is scaled by sqrt(dof / chi2), which
    makes intervals as wide as Student's t (at 8 degrees of freedom a plain bootstrap is 15% too narrow). One budget at
    a time: 100,000 runs make 800 MB.
    """
    generator = np.random.RandomState(seed)  # its stream is frozen: see fit.resample
    for together in _sharing(budgets):
        degrees = sum(budgets[i].degrees for i in together)
        if not degrees:
            yield from ((i, np.empty((0, budgets[i].n_runs))) for i in together)
            continue
        law = NoiseLaw.of([budgets[i] for i in together])
        pool = np.concatenate([_standardised(budgets[i], law) for i in together])
        pool -= pool.mean()
        widths = np.sqrt(degrees / generator.chisquare(degrees, size=(draws, 1)))
        exponents = _drawn_exponents(law, generator, draws) if len(together) > 1 else None
        for i in together:
            flops = budgets[i].budget_flops
            scales = widths * law.relative(flops)[exponents] if exponents is not None else widths
            yield i, scales * pool[generator.randint(len(pool), size=(draws, budgets[i].n_runs))]


def _standardised(found: Residuals, law: NoiseLaw) -> Floats:
    """Residuals as they would be at the law's centre."""
    return found.values * np.exp(law.exponent * (np.log(found.budget_flops) - law.log_centre))


def _drawn_exponents(
    law: NoiseLaw, generator: np.random.RandomState, draws: int
) -> np.ndarray[tuple[int, int], np.dtype[np.intp]]:
    """Places in `EXPONENTS`: (draws, 1)."""
    cumulative = np.cumsum(law.probabilities)
    return np.searchsorted(cumulative / cumulative[-1], generator.uniform(size=(draws, 1)))


def _sharing(budgets: Sequence[Residuals]) -> list[list[int]]:
    """Which budgets judge their noise together: the small ones, or all where those have too few residuals."""
    small = [i for i, found in enumerate(budgets) if found.n_runs < OWN_NOISE]
    if small and sum(budgets[i].degrees for i in small) < SHARED_DEGREES:
        return [list(range(len(budgets)))]
    large = [[i] for i, found in enumerate(budgets) if found.n_runs >= OWN_NOISE]
    return [small, *large] if small else large

"""How runs are drawn anew for a bootstrap, as weights: how often each run counts in each draw.

    residuals losses redrawn about the fit (redraw.py): where runs are few and N and D were chosen
    runs      every run for itself, with replacement: what the published intervals do. It takes runs for independent
              and for a sample of all (N, D) that might have been tried.
    seeds     runs of equal variables among themselves: the design stays, and the interval says what other seeds would
              have given. Of a cell of k runs k - 1 are drawn and weighed by k / (k - 1), without which the spread is
              too small by that factor (Rao & Wu 1988, "Resampling inference with complex survey data"): a plain
              bootstrap of three seeds is a third too narrow in variance. A run without a twin always counts once.
    budgets   whole budgets: for runs of one budget that err together (one data order, one learning rate).

The legacy generator on purpose: numpy freezes its stream for good (NEP 19), so a law is the same in every version,
and it is the one behind the published intervals of Besiroglu et al. 2024.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from smelt.errors import InputError
from smelt.laws.forms import Floats
from smelt.laws.points import Observations

Resampling = Literal["residuals", "runs", "seeds", "budgets"]

FEW = 100
"""Runs below which residuals are redrawn unless told otherwise: resampling 49 runs gave intervals that hold the truth
98 times of 100 where the noise is above Huber's delta, and 93 where it is below."""

BUDGETS = 3
"""Fewer cannot be resampled: half of the draws of two are one budget twice."""


def usual(n_runs: int) -> Resampling:
    """How intervals are had where nothing else is asked for."""
    return "residuals" if n_runs < FEW else "runs"


def resample(seen: Observations, *, draws: int, seed: int, by: Resampling = "runs") -> Iterator[Floats]:
    """Weights (runs) of one draw after the other. Raises InputError where the runs cannot be drawn so."""
    generator = np.random.RandomState(seed)
    if by == "seeds":
        cells = _cells(seen)
        return (_within(cells, generator) for _ in range(draws))
    blocks = np.arange(len(seen)) if by == "runs" else _budgets(seen)
    return (_whole(blocks, generator) for _ in range(draws))


def in_words(by: Resampling) -> str:
    """For a checklist."""
    return {
        "residuals": "residuals redrawn",
        "runs": "runs resampled",
        "seeds": "seeds resampled among runs of equal variables",
        "budgets": "whole budgets resampled",
    }[by]


def _whole(blocks: NDArray[np.intp], generator: np.random.RandomState) -> Floats:
    """How often the block of each run is drawn."""
    n_blocks = int(blocks.max()) + 1
    drawn = generator.choice(n_blocks, size=n_blocks)
    return np.bincount(drawn, minlength=n_blocks)[blocks].astype(np.float64)


def _within(cells: list[NDArray[np.intp]], generator: np.random.RandomState) -> Floats:
    """Weights that redraw the runs of each cell among themselves."""
    weights = np.ones(sum(len(cell) for cell in cells))
    for cell in cells:
        k = len(cell)
        if k > 1:
            drawn = generator.randint(k, size=k - 1)
            weights[cell] = np.bincount(drawn, minlength=k) * (k / (k - 1))
    return weights


def _cells(seen: Observations) -> list[NDArray[np.intp]]:
    """The runs of each cell."""
    cells = seen.cells
    if len(cells) == len(seen):
        raise InputError(
            where="the bootstrap over seeds",
            what=f"finds no two of {len(seen)} runs with equal variables",
            expected="runs repeated with other seeds",
            do='repeat some runs, or resample by "runs"',
        )
    return cells


def _budgets(seen: Observations) -> NDArray[np.intp]:
    budgets = np.full(len(seen), np.nan) if seen.budget is None else seen.budget
    distinct, blocks = np.unique(budgets, return_inverse=True)
    known = int(np.isfinite(distinct).sum())
    if known < BUDGETS or known < len(distinct):
        raise InputError(
            where="the bootstrap over budgets",
            what=f"finds {known} budgets, and {int(np.isnan(budgets).sum())} of {len(seen)} runs without one",
            expected=f"at least {BUDGETS} budgets, and one for each run (budget_flops)",
            do='resample by "runs"',
        )
    return blocks

"""How much of each group a mixture takes: shares, budgets, and what happens when a group runs out.

    available n_i, weights, temperature  ->  shares p_i      sum 1
    shares, budget B, epochs k           ->  amounts a_i     a_i <= k n_i
    amount, sizes by key                 ->  draws           whole passes, and the key up to which one more is taken

Natural shares go as n_i^(1/T) (Arivazhagan et al. 2019; Conneau et al. 2020): T = 1 is the data as it is, and the
larger T, the nearer all groups come to one size. Up to four epochs a repeated token is worth nearly a new one, and
beyond some sixteen nothing (Muennighoff et al. 2023).

Which documents are drawn is decided by a key each, a hash of its id and the seed: those with the smallest keys. So the
choice depends neither on shards nor on order, and what a small share draws, a larger one draws too.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from math import floor, fsum
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from smelt.errors import InputError

WhenShort = Literal["spill", "stop", "shrink"]
NEARLY_FREE = 4
"""Epochs (Muennighoff et al. 2023, section 6)."""
TOLERANCE = 1e-9
"""By which shares may miss a sum of one: 0.1 + 0.2 + 0.7 does."""


@dataclass(frozen=True, slots=True)
class Draw:
    """What is taken of a group: every document `passes` times, and once more those with keys up to `last_key`."""

    passes: int
    last_key: int | None = None
    """None: no document more."""

    @property
    def most(self) -> int:
        """How often a document is taken at most."""
        return self.passes + (self.last_key is not None)


def shares_of(
    available: Mapping[str, int], weights: Mapping[str, float], *, temperature: float = 1.0
) -> dict[str, float]:
    """The share of each group: its weight, or what the weights leave of one, by n^(1/T) among all others.

    >>> shares_of({"zh/law": 10, "en/news": 60, "zh/news": 20}, {"zh/law": 0.2})
    {'en/news': 0.6000000000000001, 'zh/law': 0.2, 'zh/news': 0.2}
    """
    _check_weights(available, weights)
    left = max(1.0 - fsum(weights.values()), 0.0)
    natural = {group: n ** (1.0 / temperature) for group, n in available.items() if group not in weights and n}
    if left > TOLERANCE and not natural:
        raise InputError(
            where="weights",
            what=f"add up to {1 - left:g}, and there is no group without one to take the rest",
            expected="weights that add up to 1",
        )
    total = fsum(natural.values())
    rest = {group: left * part / total if left > TOLERANCE else 0.0 for group, part in natural.items()}
    return {group: weights.get(group, rest.get(group, 0.0)) for group in sorted(available)}


def amounts_of(
    available: Mapping[str, int],
    shares: Mapping[str, float],
    *,
    budget: float | None,
    epochs: int,
    when_short: WhenShort = "spill",
) -> dict[str, float]:
    """How much of each group is taken: its share of the budget, as far as `epochs` passes over it go.

    Without a budget, as much as keeps all shares. Where a group runs out, its rest goes to the others by their shares
    ("spill"), is left out ("stop"), or all are cut so that the shares hold ("shrink").
    """
    limits = {group: float(epochs * n) for group, n in available.items()}
    wanted = {group: share for group, share in shares.items() if share > 0}
    largest = min((limits[group] / share for group, share in wanted.items()), default=0.0)
    total = largest if budget is None else min(budget, largest) if when_short == "shrink" else budget
    taken = dict.fromkeys(available, 0.0)
    while wanted:
        weight = fsum(wanted.values())
        full = {group for group, share in wanted.items() if total * share / weight >= limits[group]}
        if when_short != "spill" or budget is None or not full:
            return taken | {group: min(total * share / weight, limits[group]) for group, share in wanted.items()}
        taken |= {group: limits[group] for group in full}
        total -= fsum(limits[group] for group in full)
        wanted = {group: share for group, share in wanted.items() if group not in full}
    return taken


def whole_passes(amount: float, available: int) -> tuple[int, float]:
    """How often all of a group is taken, and how much beyond that."""
    passes = floor(amount / available) if available else 0
    return passes, max(amount - passes * available, 0.0)


def last_key(keys: NDArray[np.uint64], sizes: NDArray[np.int64], amount: float) -> int | None:
    """The key of the last document that belongs to `amount`, in ascending order of keys; None if none does.

    A document belongs to it if at least half of it fits: the amount is missed by half a document at most.
    """
    before = np.cumsum(sizes) - sizes
    taken = int(np.searchsorted(before + sizes / 2, amount, side="right")) if amount > 0 else 0
    return int(keys[taken - 1]) if taken else None


def _check_weights(available: Mapping[str, int], weights: Mapping[str, float]) -> None:
    for group, weight in weights.items():
        if weight > 0 and not available.get(group):
            close = difflib.get_close_matches(group, list(available), n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            known = ", ".join(sorted(available)[:20])
            raise InputError(
                where="weights",
                what=f"there is nothing to draw in a group {group!r}{hint}",
                expected=f"one of: {known}",
            )
    total = fsum(weights.values())
    if total > 1 + TOLERANCE:
        raise InputError(where="weights", what=f"add up to {total:g}", expected="shares of one, such as en=0.7,zh=0.3")

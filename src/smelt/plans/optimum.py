"""How a law splits a budget: which method is followed, what the others say, and the loss to expect.

Each method's N* and D* come from the law: lines through the optima of budgets, or the parametric form in closed form,
N = G (C/6)^a with G = (alpha A / beta B)^(1/(alpha+beta)) (Hoffmann et al. 2022, eq. 4). Here one is chosen, by the
rule of `laws.law.trusted_method` or by name, and never mixed with the others.
"""

from __future__ import annotations

from dataclasses import dataclass

from smelt.errors import InputError
from smelt.laws.findings import Interval
from smelt.laws.law import Method, Optimum, ScalingLaw

ORDINARY = 10
"""Up to this many times the largest run, an extrapolation is ordinary: taste."""


@dataclass(frozen=True, slots=True)
class Allocation:
    """N, D and the loss to expect of a budget, with what each method says on its own."""

    method: Method
    """The one followed."""
    n_params: Interval
    n_tokens: Interval
    loss_nats: Interval
    optima: dict[Method, Optimum]
    beyond: float
    """The budget over the largest run's FLOPs."""

    @property
    def factor(self) -> float:
        """The larger N* of the methods over the smaller."""
        sizes = [optimum.n_params.mid for optimum in self.optima.values()]
        return max(sizes) / min(sizes)

    @property
    def agree(self) -> bool:
        """The methods' intervals of N* overlap."""
        first, *others = (optimum.n_params for optimum in self.optima.values())
        return all(first.overlaps(other) for other in others)


def allocate(law: ScalingLaw, flops: float) -> Allocation:
    """The compute-optimal model of a budget; InputError where the law gives none."""
    optima = law.optimum(flops)
    method = law.trusted if law.trusted in optima else next(iter(optima), None)
    if method is None:
        raise InputError(
            where="the law",
            what="gives no optimum: its runs identify neither minima nor exponents",
            do="add budgets, or widen the sizes at each, until minima lie inside them",
        )
    beyond = flops / law.findings.data.flops.greatest
    return Allocation(
        method=method,
        n_params=optima[method].n_params,
        n_tokens=optima[method].n_tokens,
        loss_nats=expected_loss(optima, method, beyond=beyond),
        optima=optima,
        beyond=beyond,
    )


def expected_loss(optima: dict[Method, Optimum], method: Method, *, beyond: float) -> Interval:
    """The loss to expect, nats per token.

    Up to `ORDINARY` times the runs it is that of the method followed. Farther out it is the parametric form's, where
    there is one, since a line through minima has no floor and falls for ever. Anywhere beyond the runs the interval
    spans all methods', since which of them is wrong cannot be known from the runs.
    """
    followed = optima[method].loss_nats
    if beyond <= 1 or len(optima) == 1:
        return followed
    losses = [optimum.loss_nats for optimum in optima.values()]
    lows, highs = [loss.low for loss in losses], [loss.high for loss in losses]
    return Interval(
        mid=followed.mid if beyond <= ORDINARY else optima.get("parametric", optima[method]).loss_nats.mid,
        low=None if None in lows else min(low for low in lows if low is not None),
        high=None if None in highs else max(high for high in highs if high is not None),
    )

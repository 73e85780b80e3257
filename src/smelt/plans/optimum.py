"""How a law splits a budget: which method is followed, what the others say, and the loss to expect.

Each method's N* and D* come from the law: lines through the optima of budgets, or the parametric form in closed form,
N = G (C/6)^a with G = (alpha A / beta B)^(1/(alpha+beta)) (Hoffmann et al. 2022, eq. 4). Here one is chosen, by the
rule of `laws.law.trusted_method` or by name, and never mixed with the others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from smelt.errors import InputError
from smelt.laws.findings import Interval
from smelt.laws.law import Method, Optimum, ScalingLaw
from smelt.plans.surface import LOG_SIZES, Surface, best_of, cheapest
from smelt.plans.wishes import Wishes

ORDINARY = 10
"""Up to this many times the largest run, an extrapolation is ordinary: taste."""


@dataclass(frozen=True, slots=True)
class Allocation:
    """N, D and the loss to expect of a budget, with what each method says on its own."""

    method: Method
    """The one followed."""
    n_params: Interval
    n_tokens: Interval
    loss_nats: Interval | None
    """None where the law knows no losses."""
    flops: float
    """Of training."""
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


def plan_for(law: ScalingLaw, flops: float | None, wishes: Wishes) -> Allocation:
    """The model that budget (None: open) and wishes leave; InputError where the law cannot say.

    Data that do not run out, and nothing asked but a budget, leave the law's own optimum with its intervals.
    """
    unique, fitted = wishes.unique_tokens, law.findings.parametric
    if wishes.is_plain and flops is not None:
        plain = allocate(law, flops, unique_tokens=unique)
        if unique is None or plain.n_tokens.mid <= unique or fitted is None or not fitted.usable:
            return plain
    if fitted is None and flops is not None and _settles_all(wishes):
        return _without_loss(law, *_settled(law, flops, wishes), flops)
    surface = Surface.of(law, unique)
    size, tokens = _point(law, surface, flops, wishes)
    spent = 6 * size * tokens
    return Allocation(
        method="parametric",
        n_params=Interval(mid=float(law.overhead.n_params_of(size))),
        n_tokens=Interval(mid=tokens),
        loss_nats=surface.interval(size, tokens),
        flops=spent,
        optima=law.optimum(spent, **held_by(law, unique)),
        beyond=spent / law.findings.data.flops.greatest,
    )


def _point(law: ScalingLaw, surface: Surface, flops: float | None, wishes: Wishes) -> tuple[float, float]:
    """N as fits count it, and D."""
    use = wishes.inference_tokens or 0.0
    if _settles_all(wishes):
        return _settled(law, flops, wishes)
    if wishes.target_loss is None:
        assert flops is not None, "check_goal lets through a budget or a target"
        return best_of(surface, flops=flops, use=use)
    if wishes.fixed_d is not None:
        return _size_for(surface, wishes.fixed_d, wishes.target_loss), wishes.fixed_d
    size = None if wishes.fixed_n is None else float(law.overhead.size(wishes.fixed_n))
    return cheapest(surface, loss=wishes.target_loss, use=use, size=size)


def _settles_all(wishes: Wishes) -> bool:
    """N or D is settled and the budget gives the other."""
    return wishes.target_loss is None and not (wishes.fixed_n is None and wishes.fixed_d is None)


def _settled(law: ScalingLaw, flops: float | None, wishes: Wishes) -> tuple[float, float]:
    use = wishes.inference_tokens or 0.0
    if wishes.fixed_n is None and wishes.fixed_d is not None and flops is not None:
        return flops / (6 * wishes.fixed_d + 2 * use), wishes.fixed_d
    assert wishes.fixed_n is not None, "one of them is settled"
    size = float(law.overhead.size(wishes.fixed_n))
    tokens = wishes.fixed_d or ((flops or 0.0) / size - 2 * use) / 6
    if tokens <= 0:
        raise InputError(where="the plan", what="leaves nothing to train on: the use of the model takes the budget")
    return size, tokens


def _without_loss(law: ScalingLaw, size: float, tokens: float, flops: float) -> Allocation:
    return Allocation(
        method=law.trusted,
        n_params=Interval(mid=float(law.overhead.n_params_of(size))),
        n_tokens=Interval(mid=tokens),
        loss_nats=None,
        flops=6 * size * tokens,
        optima=law.optimum(flops, **held_by(law, None)),
        beyond=flops / law.findings.data.flops.greatest,
    )


def _size_for(surface: Surface, tokens: float, loss: float) -> float:
    """The smallest N that reaches a loss on `tokens`."""
    low, high = LOG_SIZES
    if float(surface.loss(math.exp(high), tokens)) > loss:
        raise InputError(where="--target-loss", what=f"no model reaches {loss:g} nats on so few tokens, by this law")
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (low, middle) if float(surface.loss(math.exp(middle), tokens)) <= loss else (middle, high)
    return math.exp(high)


def held_by(law: ScalingLaw, unique_tokens: float | None) -> dict[str, float]:
    """What else the law's form depends on: the unique tokens at hand, and what was typical of its runs."""
    at_hand = unique_tokens or law.findings.data.unique_tokens or math.inf
    known = {**law.findings.data.typical, "unique_tokens": at_hand}
    return {name: known[name] for name in law.further}


def allocate(law: ScalingLaw, flops: float, *, unique_tokens: float | None = None) -> Allocation:
    """The compute-optimal model of a budget; InputError where the law gives none."""
    optima = law.optimum(flops, **held_by(law, unique_tokens))
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
        loss_nats=expected_loss(optima, method, beyond=beyond, floored=has_floor(law)),
        flops=flops,
        optima=optima,
        beyond=beyond,
    )


def has_floor(law: ScalingLaw) -> bool:
    """The runs identify the floor that the law's form approaches."""
    return law.findings.parametric is not None and law.findings.parametric.usable


def expected_loss(
    optima: dict[Method, Optimum], method: Method, *, beyond: float, floored: bool = False
) -> Interval | None:
    """The loss to expect, nats per token.

    Up to `ORDINARY` times the runs it is that of the method followed. Farther out it is the parametric form's, where
    there is one, since a line through minima has no floor and falls for ever. Anywhere beyond the runs the interval
    spans all methods', since which of them is wrong cannot be known from the runs; but far beyond them the form's alone
    where the runs identify its floor (`floored`), for the lines are then known to be wrong.
    """
    followed = optima[method].loss_nats
    if beyond <= 1 or len(optima) == 1:
        return followed
    losses = [optimum.loss_nats for optimum in optima.values() if optimum.loss_nats is not None]
    lows, highs = [loss.low for loss in losses], [loss.high for loss in losses]
    by_form = optima["parametric"].loss_nats if "parametric" in optima else followed
    if followed is None or by_form is None or (floored and beyond > ORDINARY):
        return by_form
    return Interval(
        mid=followed.mid if beyond <= ORDINARY else by_form.mid,
        low=None if None in lows else min(low for low in lows if low is not None),
        high=None if None in highs else max(high for high in highs if high is not None),
    )

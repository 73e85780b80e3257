"""What one method says, whichever it is, in one shape: exponents with intervals, and the optimum at each budget.

    smelt fit --method isoflop | akima | envelope | parametric

Plain records, made of law.json and the draws; nothing is fitted here.
"""

from __future__ import annotations

import math

from smelt.errors import InputError
from smelt.laws.findings import (
    METHOD_NAMES,
    CurveMinimum,
    Envelope,
    Estimate,
    Holder,
    Interval,
    Method,
    Parametric,
    Record,
)
from smelt.laws.law import ScalingLaw


class BudgetOptimum(Record):
    """The best model of one budget, by one method."""

    flops: float
    n_params: Interval | None
    """Null where the method finds no minimum."""
    n_tokens: Interval | None
    loss_nats: Interval | None
    run: str | None = None
    """The run that holds the envelope here; null by other methods."""
    left_out: str | None = None
    """Why it does not count towards the exponents: at the edge, flat, no minimum; null where it does."""


class MethodFindings(Record):
    """What one method found."""

    method: Method
    name: str
    """In words."""
    usable: bool
    """Whether it may be trusted at all."""
    exponents: dict[str, Estimate]
    """a of N* ~ C^a and b of D* ~ C^b; empty where there is no line."""
    budgets: list[BudgetOptimum]
    """By ascending FLOPs."""
    fails: str
    """When not to believe it."""


def findings_of(law: ScalingLaw, method: Method) -> MethodFindings:
    """What `method` says of the law's runs; InputError where these allow it nothing at all."""
    found = law.findings.by(method)
    if found is None:
        raise InputError(
            where="the run table",
            what=f"says nothing by the {METHOD_NAMES[method]}",
            expected=NEEDED[method],
        )
    if isinstance(found, Parametric):
        budgets = _by_form(law)
    elif isinstance(found, Envelope):
        budgets = [_held(holder) for holder in found.holders]
    else:
        isoflop, akima = law.findings.isoflop, law.findings.akima
        curves = (isoflop.budgets if isoflop else []) if method == "isoflop" else (akima.budgets if akima else [])
        budgets = [_minimum(minimum) for minimum in curves]
    return MethodFindings(
        method=method,
        name=METHOD_NAMES[method],
        usable=found.usable,
        exponents=found.exponents,
        budgets=budgets,
        fails=found.fails,
    )


NEEDED: dict[Method, str] = {
    "isoflop": "two budgets of three sizes with their minima inside",
    "akima": "two budgets of three sizes with their minima inside",
    "envelope": "two runs that are the best of their FLOPs, neither the smallest nor the largest size there",
    "parametric": "more runs than the form has parameters",
}
"""What runs must have for a method to give an optimum."""


def _minimum(minimum: CurveMinimum) -> BudgetOptimum:
    reason = "no minimum" if minimum.n_opt is None else "at the edge" if not minimum.interior else "flat"
    return BudgetOptimum(
        flops=minimum.budget_flops,
        n_params=minimum.n_opt,
        n_tokens=minimum.d_opt,
        loss_nats=minimum.loss_opt,
        left_out=None if minimum.in_line else reason,
    )


def _held(holder: Holder) -> BudgetOptimum:
    """A stretch of the envelope at its middle; one run has no interval."""
    middle = (math.sqrt(span.least * span.greatest) for span in (holder.flops, holder.n_tokens, holder.loss_nats))
    flops, n_tokens, loss = middle
    return BudgetOptimum(
        flops=flops,
        n_params=Interval(mid=holder.n_params),
        n_tokens=Interval(mid=n_tokens),
        loss_nats=Interval(mid=loss),
        run=holder.run,
    )


def _by_form(law: ScalingLaw) -> list[BudgetOptimum]:
    """At the runs' budgets, or at their least and greatest FLOPs; none where the form has no optimum."""
    data = law.findings.data
    budgets = data.budgets or [data.flops.least, data.flops.greatest]
    optima = [law.optimum(flops, **data.typical).get("parametric") for flops in budgets]
    return [
        BudgetOptimum(flops=one.flops, n_params=one.n_params, n_tokens=one.n_tokens, loss_nats=one.loss_nats)
        for one in optima
        if one is not None
    ]

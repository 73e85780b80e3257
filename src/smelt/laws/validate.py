"""How far a law can be believed: its error on the largest runs, held out, and all its methods side by side."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping

import numpy as np

from smelt.laws import isoflop
from smelt.laws.findings import METHOD_NAMES, Agreement, HeldOut, Interval, Method
from smelt.laws.fit import held_out_error
from smelt.laws.forms import Form
from smelt.laws.law import ScalingLaw
from smelt.laws.minima import fit_minima
from smelt.laws.objective import Objective
from smelt.laws.points import Points


def held_out(points: Points, form: Form, *, objective: Objective) -> HeldOut | None:
    """The runs of the largest budget (of the largest tenth of FLOPs, without budgets) predicted from the others."""
    budgets = points.budgets
    if len(budgets) == 1:
        return None
    level = budgets[-1] if len(budgets) else np.quantile(points.flops, 0.9)
    measure = points.budget_flops if len(budgets) else points.flops
    train, test = points.where(~(measure >= level)), points.where(measure >= level)
    loss, n_opt = _held_out_minimum(points)
    enough = len(train) > len(form.parameters)
    return HeldOut(
        flops=float(level),
        n=len(test),
        parametric=held_out_error(form, train=train.observations, test=test.observations, objective=objective)
        if enough
        else None,
        isoflop_loss=loss,
        isoflop_n_opt=n_opt,
    )


def _held_out_minimum(points: Points) -> tuple[float | None, float | None]:
    """Relative errors of the loss and of N* at the largest budget, by the line through the other minima."""
    curves = isoflop.fit_curves(points, draws=0, seed=0, degree=isoflop.chosen_degree(points))
    usable = tuple(curve for curve in curves if curve.usable)
    others = fit_minima([curve for curve in usable if curve is not curves[-1]])
    if others is None or not curves[-1].usable:
        return None, None
    last = curves[-1]
    loss = np.expm1(others.log_loss.at(last.budget_flops) - np.log(last.loss_opt))
    return float(abs(loss)), float(
        abs(np.expm1(float(last.log_d(last.log_n_opt)) - others.log_d.at(last.budget_flops)))
    )


def agreement(law: ScalingLaw) -> Agreement | None:
    """All methods at the largest budget of the runs; None with fewer than two."""
    findings = law.findings
    flops = findings.data.budgets[-1] if findings.data.budgets else findings.data.flops.greatest
    optima = law.optimum(flops)
    if len(optima) < 2:
        return None
    exponents: dict[Method, Interval] = {}
    usable: list[Method] = []
    for method in optima:
        found = findings.by(method)
        if found is None:
            continue
        if found.exponents:
            exponents[method] = found.exponents["a"].interval
        if found.usable or method == findings.trusted:
            usable.append(method)
    return compare(
        flops=flops,
        n_opt={method: optimum.n_params for method, optimum in optima.items()},
        d_opt={method: optimum.n_tokens for method, optimum in optima.items()},
        exponents=exponents,
        judged=usable if len(usable) > 1 else optima,
    )


def compare(
    *,
    flops: float,
    n_opt: Mapping[Method, Interval],
    d_opt: Mapping[Method, Interval],
    exponents: Mapping[Method, Interval],
    judged: Iterable[Method],
) -> Agreement:
    """Which of the methods `judged` disagree: the intervals of N* or those of the exponent do not overlap."""
    voices: list[Method] = [method for method in METHOD_NAMES if method in set(judged)]
    pairs: list[tuple[Method, Method]] = [
        (one, other)
        for one, other in itertools.combinations(voices, 2)
        if not all(_overlap(values, one, other) for values in (n_opt, exponents))
    ]
    sizes = [n_opt[method].mid for method in voices if method in n_opt]
    return Agreement(
        flops=flops,
        n_opt=dict(n_opt),
        d_opt=dict(d_opt),
        exponents=dict(exponents),
        judged=voices,
        disagreeing=pairs,
        factor=max(sizes) / min(sizes),
        agree=not pairs,
    )


def _overlap(values: Mapping[Method, Interval], one: Method, other: Method) -> bool:
    """A method without a value has none to disagree with."""
    return one not in values or other not in values or values[one].overlaps(values[other])

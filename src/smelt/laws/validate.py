"""How far a law can be believed: its error on the largest runs, held out, and its two methods side by side."""

from __future__ import annotations

import numpy as np

from smelt.laws import isoflop
from smelt.laws.findings import Agreement, HeldOut
from smelt.laws.fit import held_out_error
from smelt.laws.forms import Form
from smelt.laws.law import ScalingLaw
from smelt.laws.objective import Objective
from smelt.laws.points import Points


def held_out(points: Points, form: Form, *, objective: Objective, test: Points | None = None) -> HeldOut | None:
    """The runs of `test` predicted from the others: if not given, those of the largest budget (of the largest tenth of
    FLOPs, without budgets)."""
    test = _largest(points) if test is None else test
    if test is None:
        return None
    train = points.where(~np.isin(points.run, test.run))
    loss, n_opt = _held_out_minimum(points)
    enough = len(train) > len(form.parameters)
    return HeldOut(
        flops=float(test.flops.min()),
        n=len(test),
        parametric=held_out_error(form, train=train.observations, test=test.observations, objective=objective)
        if enough
        else None,
        isoflop_loss=loss,
        isoflop_n_opt=n_opt,
    )


def _largest(points: Points) -> Points | None:
    budgets = points.budgets
    if len(budgets) == 1:
        return None
    if len(budgets):
        return points.where(points.budget_flops >= budgets[-1])
    return points.where(points.flops >= np.quantile(points.flops, 0.9))


def _held_out_minimum(points: Points) -> tuple[float | None, float | None]:
    """Relative errors of the loss and of N* at the largest budget, by the line through the other minima."""
    curves = isoflop.fit_curves(points, draws=0, seed=0)
    usable = tuple(curve for curve in curves if curve.usable)
    others = isoflop.fit_minima(tuple(curve for curve in usable if curve is not curves[-1]))
    if others is None or not curves[-1].usable:
        return None, None
    last = curves[-1]
    loss = np.expm1(others.log_loss.at(last.budget_flops) - np.log(last.loss_opt))
    return float(abs(loss)), float(
        abs(np.expm1(float(last.log_d(last.log_n_opt)) - others.log_d.at(last.budget_flops)))
    )


def agreement(law: ScalingLaw, points: Points) -> Agreement | None:
    """The two methods at the largest budget of the runs; None with one method."""
    flops = float(points.budgets[-1] if len(points.budgets) else points.flops.max())
    optima = law.optimum(flops)
    findings = law.findings
    if len(optima) < 2 or findings.isoflop is None or findings.parametric is None:
        return None
    parabolas, form = optima["isoflop"].n_params, optima["parametric"].n_params
    exponents = findings.isoflop.exponents["a"].interval, findings.parametric.exponents["a"].interval
    return Agreement(
        flops=flops,
        n_opt={"isoflop": parabolas, "parametric": form},
        factor=max(parabolas.mid, form.mid) / min(parabolas.mid, form.mid),
        agree=parabolas.overlaps(form) and exponents[0].overlaps(exponents[1]),
    )

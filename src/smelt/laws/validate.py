"""How far a law can be believed: its error on runs held out, and all its methods side by side."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from smelt.errors import InputError
from smelt.laws.curves import isoflop
from smelt.laws.curves.minima import fit_minima
from smelt.laws.findings import LEVEL, METHOD_NAMES, Agreement, HeldOut, Interval, Largest, Method, Predicted
from smelt.laws.fitting.fit import Fit, bootstrap, fit
from smelt.laws.fitting.objective import Objective
from smelt.laws.fitting.resampling import usual
from smelt.laws.forms import Floats, Form
from smelt.laws.law import ScalingLaw
from smelt.laws.points import Observations, Points
from smelt.units import format_count

TENTH = 0.1
"""Share of the runs that is held out where no budget or size says which."""
DRAWS = 400
"""Of the interval of a run held out."""
LISTED = 100
"""Runs held out that are listed one by one."""


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Runs to fit to, and runs to be predicted."""

    train: Points
    test: Points
    what: str
    """What the test is, in words."""
    minimum: tuple[float | None, float | None] = (None, None)
    """Relative errors of the least loss and of N* at a budget held out, by the parabolas of the others."""


def largest(points: Points, *, by: Largest) -> Split | None:
    """The runs of the largest budget, or of the largest N; None where nothing would be left to fit to.

    Where runs have no budgets, or all of them another N, it is the largest tenth.
    """
    budgets, sizes = points.budgets, np.unique(points.n_params)
    if by == "flops":
        measure = points.budget_flops if len(budgets) else points.flops
        level = budgets[-1] if len(budgets) else np.quantile(points.flops, 1 - TENTH)
        what = f"the largest budget, {level:.2g} FLOPs" if len(budgets) else f"{level:.2g} FLOPs and more"
    else:
        measure = points.n_params
        level = min(sizes[-1], np.quantile(points.n_params, 1 - TENTH))
        what = f"models of {format_count(level)} parameters and more"
    test = measure >= level
    if np.all(test):
        return None
    minimum = _held_out_minimum(points.alike) if by == "flops" and len(budgets) else (None, None)
    return Split(points.where(~test), points.where(test), what, minimum)


def split(runs: pl.DataFrame, held_out: NDArray[np.bool_], *, other: Sequence[str] = ()) -> Split:
    """The runs of a table at which `held_out` holds, and the others. Raises InputError where either are none."""
    if held_out.shape != (runs.height,) or np.all(held_out) or not np.any(held_out):
        raise InputError(
            where="the runs to hold out",
            what=f"are {int(held_out.sum())} of {runs.height}",
            expected="some runs to hold out, and some to fit to",
        )
    train, _ = Points.from_frame(runs.filter(~held_out), other=other)
    test, _ = Points.from_frame(runs.filter(held_out), other=other)
    return Split(train, test, f"{len(test)} runs of {test.flops.min():.2g} to {test.flops.max():.2g} FLOPs")


def validate(held: Split, form: Form, *, objective: Objective, seed: int) -> HeldOut:
    """How well the form, fitted to the one part, predicts the other."""
    runs, error, covered = list[Predicted](), None, None
    if len(held.train) > len(form.parameters):
        train, test = held.train.observations, held.test.observations
        found = fit(form, train, objective=objective)
        draws = _predictions(found, train, test, objective, seed)
        error = float(np.mean(np.abs(np.expm1(-found.residuals(test)))))
        low, high = np.percentile(draws, LEVEL, axis=0)
        covered = float(np.mean((low <= test.loss) & (test.loss <= high)))
        runs = _predicted(held.test, form.loss(found.theta, test.variables), draws)
    return HeldOut(
        flops=float(held.test.flops.min()),
        n=len(held.test),
        parametric=error,
        isoflop_loss=held.minimum[0],
        isoflop_n_opt=held.minimum[1],
        what=held.what,
        runs=runs,
        covered=covered,
    )


def _predictions(found: Fit, train: Observations, test: Observations, objective: Objective, seed: int) -> Floats:
    """Losses (draws, runs) that runs of the test might have had: by a bootstrap, with the scatter of those fitted to.

    Residuals are widened by sqrt(n / (n - P)): a form passes closer to its own runs than to new ones.
    """
    theta = bootstrap(found, train, draws=DRAWS, seed=seed, objective=objective, by=usual(len(train)))
    residuals = found.residuals(train) * np.sqrt(len(train) / (len(train) - len(found.theta)))
    scatter = np.random.RandomState(seed).choice(residuals, size=(DRAWS, len(test)))
    with np.errstate(over="ignore"):  # resamples may have run away
        return np.nan_to_num(found.form.loss(theta[:, None], test.variables) * np.exp(scatter), nan=np.inf)


def _predicted(test: Points, loss: Floats, draws: Floats) -> list[Predicted]:
    """Of the runs with the most FLOPs."""
    listed = np.sort(np.argsort(-test.flops, kind="stable")[:LISTED])
    return [
        Predicted(
            run=test.run[i],
            n_params=float(test.n_params[i]),
            n_tokens=float(test.n_tokens[i]),
            loss_nats=float(test.loss_nats[i]),
            predicted=Interval.of(float(loss[i]), draws[:, i]),
        )
        for i in listed
    ]


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
    optima = law.optimum(flops, **findings.data.typical)
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

"""Which mixture of domains to train on: losses as functions of shares, from runs on different mixtures.

    shares of domains, a run a row  ->  one law a validation loss  ->  the loss of any mixture, the best mixture

Three methods, of which the held-out error says which to believe:

    mixture   L(r) = c + k exp(sum_j t_j r_j)  (Ye et al. 2024): few parameters, extrapolates
    linear    L(r) = sum_j w_j r_j             (RegMix, Liu et al. 2024): the yardstick
    trees     gradient-boosted trees           (RegMix): the best ranking where there are hundreds of runs; never
                                               beyond them, for trees are constant there

The runs are small and of one size. What carries over to a large model is the ranking of mixtures, not the loss.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import polars as pl
from scipy.stats import rankdata

from smelt.errors import InputError
from smelt.laws.findings import Estimate, Span
from smelt.laws.fitting.fit import bootstrap, fit
from smelt.laws.fitting.objective import Objective
from smelt.laws.forms import Floats
from smelt.laws.mixtures.law import PARAMETRIC, HeldOut, LossLaw, Method, MixtureLaw, variables_of
from smelt.laws.mixtures.trees import boosted_trees, predicted_by
from smelt.laws.points import Observations
from smelt.laws.tables import arrays

DRAWS: dict[Method, int] = {"mixture": 200, "linear": 200, "trees": 0}
"""Bootstrap draws unless told otherwise; each of trees is another fit of trees."""
SQUARES = Objective(huber_delta=1e3)
"""Of the linear regression: residuals of losses never reach where Huber's loss is not square."""
FOLDS = 5
RANKED = 0.7
"""Rank correlation on runs left out below which a law is doubted: taste."""


def fit_mixture(
    frame: pl.DataFrame,
    *,
    shares: Sequence[str],
    losses: Sequence[str],
    method: Method = "mixture",
    draws: int | None = None,
    seed: int = 0,
    folds: int = FOLDS,
) -> MixtureLaw:
    """The law of each of the `losses` by the `shares`, both columns of `frame`, a row a run.

    Shares are those of all domains and add up to one. `draws` of a bootstrap over runs, the same runs for all losses;
    `folds` of the held-out error, 0 for none. Raises InputError for columns that are missing, shares that do not add
    up, losses that are not positive, and fewer runs than parameters.
    """
    if len(shares) < 2 or not losses:
        what = f"has {len(shares)} columns of shares and {len(losses)} of losses"
        raise InputError(where="a law of mixtures", what=what, expected="2 or more, and 1 or more")
    x = arrays.shares(frame, shares)
    if len(x) <= len(shares) + 1:
        what = f"holds {len(x)} runs of {len(shares)} domains"
        raise InputError(where="the run table", what=what, expected=f"at least {len(shares) + 2} runs")
    y = {name: arrays.numbers(frame, name, positive=True) for name in losses}
    n_draws = DRAWS[method] if draws is None else draws
    laws = {name: _fit_one(x, y[name], shares, method, n_draws, seed=seed, folds=folds) for name in losses}
    formula, source, fails = _said(method)
    return MixtureLaw(
        domains=tuple(shares),
        method=method,
        formula=formula,
        source=source,
        fails=fails,
        n_runs=len(x),
        seen={name: Span.of(x[:, j]) for j, name in enumerate(shares)},
        shares=x.tolist(),
        observed={name: values.tolist() for name, values in y.items()},
        losses=laws,
        warnings=_doubts(len(x), len(shares), method, laws),
    )


def _fit_one(
    x: Floats, y: Floats, domains: Sequence[str], method: Method, draws: int, *, seed: int, folds: int
) -> LossLaw:
    held_out = _held_out(x, y, domains, method, min(folds, len(y)), seed=seed) if folds else None
    if method == "trees":
        rows = np.random.RandomState(seed).randint(len(y), size=(draws, len(y)))
        trees = [boosted_trees(x, y), *(boosted_trees(x[drawn], y[drawn]) for drawn in rows)]
        return LossLaw(
            domains=tuple(domains), method=method, params={}, theta=[], draws=[], trees=trees, held_out=held_out
        )
    form, objective = PARAMETRIC[method](domains), _objective(method)
    found = fit(form, seen := _seen(domains, x, y), objective=objective)
    thetas = (
        bootstrap(found, seen, draws=draws, seed=seed, objective=objective)
        if draws
        else np.empty((0, len(found.theta)))
    )
    named, named_draws = form.named(found.theta), form.named(thetas)
    return LossLaw(
        domains=tuple(domains),
        method=method,
        params={name: Estimate.of(float(value), named_draws[name]) for name, value in named.items()},
        theta=found.theta.tolist(),
        draws=thetas.tolist(),
        trees=[],
        held_out=held_out,
    )


def _held_out(x: Floats, y: Floats, domains: Sequence[str], method: Method, folds: int, *, seed: int) -> HeldOut:
    """Each fold predicted from the others."""
    fold = np.random.RandomState(seed).permutation(len(y)) % folds
    predicted = np.empty_like(y)
    for i in range(folds):
        predict = _predictor(x[fold != i], y[fold != i], domains, method)
        predicted[fold == i] = predict(x[fold == i])
    return HeldOut(
        mean_rel_err=float(np.mean(np.abs(predicted / y - 1))),
        spearman=_rank_correlation(predicted, y),
        n=len(y),
        folds=folds,
    )


def _rank_correlation(predicted: Floats, y: Floats) -> float:
    """Spearman's, 0 where all are predicted alike (as trees of a dozen runs do) or are alike."""
    if np.ptp(predicted) == 0 or np.ptp(y) == 0:
        return 0.0
    return float(np.corrcoef(rankdata(predicted), rankdata(y))[0, 1])


def _predictor(x: Floats, y: Floats, domains: Sequence[str], method: Method) -> Callable[[Floats], Floats]:
    if method == "trees":
        trees = boosted_trees(x, y)
        return lambda shares: predicted_by(trees, shares)
    form = PARAMETRIC[method](domains)
    theta = fit(form, _seen(domains, x, y), objective=_objective(method)).theta
    return lambda shares: form.loss(theta, variables_of(domains, shares))


def _objective(method: Method) -> Objective:
    return SQUARES if method == "linear" else Objective()


def _seen(domains: Sequence[str], x: Floats, y: Floats) -> Observations:
    return Observations(run=tuple(str(i) for i in range(len(y))), variables=variables_of(domains, x), loss=y)


def _said(method: Method) -> tuple[str, str, str]:
    """Formula, source and when not to believe it."""
    if method == "trees":
        fails = "Constant beyond the runs, and no better than they are many: from some hundred runs on."
        return "gradient-boosted trees", "Liu et al. 2024, section 3.3", fails
    form = PARAMETRIC[method]
    return form.formula, form.source, form.fails


def _doubts(n_runs: int, n_domains: int, method: Method, laws: Mapping[str, LossLaw]) -> list[str]:
    said: list[str] = []
    if n_runs < 2 * (n_domains + 1):
        said.append(f"{n_runs} runs for {n_domains + 1} parameters a loss: believe the held-out error only")
    if method == "trees" and n_runs < 100:
        said.append(f"{n_runs} runs are few for trees: compare the held-out error with that of 'mixture'")
    for name, law in laws.items():
        if law.held_out is not None and not law.held_out.spearman > RANKED:
            said.append(f"{name}: runs left out are ranked badly (rank correlation {law.held_out.spearman:.2f})")
    return said

"""Learning rate and batch: the best of sweeps, laws fitted to them, and what following a law costs.

    runs of (N, D, lr, batch, loss)  ->  the best settings of each (N, D), a cell  ->  lr = c N^p D^q, B = c D^r

Losses near their optimum are flat: which run of a cell happens to be the least is mostly noise. So a cell's settings
are the geometric means of all its runs within .2% of the least. On the Step Law's 17 dense cells that leaves a regret
of .095% where each cell is left out in turn, for .124% with the least run alone and .131% with those within .5%
(`python -m benchmarks law-forms`).

Regret is what a law is judged by: the loss of the run nearest to what it says, over the least of its cell, less one.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl

from smelt.errors import InputError
from smelt.laws.findings import Estimate, Record
from smelt.laws.fitting.fit import bootstrap, fit
from smelt.laws.fitting.objective import Objective
from smelt.laws.forms import Floats, Form
from smelt.laws.forms.hyperparameters import BATCH, LEARNING_RATE, STEP_LAW
from smelt.laws.points import Observations
from smelt.laws.tables import arrays

Rule = Callable[[float, float], tuple[float, float]]
"""From n_params and n_tokens to a learning rate and a batch in tokens."""

COLUMNS = ("n_params", "n_tokens", "lr", "batch_tokens", "loss_nats")
FLAT = 0.002
"""Runs within this share of a cell's least loss are as good as it."""
SQUARES = Objective(huber_delta=1e3)
"""Ordinary least squares of the logarithms, as Li et al. 2025."""
LOOSE = 0.005
"""A regret beyond which a law is doubted: about the gain of 5% more compute at these sizes."""


class SweepLaw(Record):
    """The laws of a sweep."""

    lr: dict[str, Estimate]
    """c, p and q of lr = c N^p D^q."""
    batch_tokens: dict[str, Estimate]
    """c and r of B = c D^r."""
    lr_theta: list[float]
    batch_theta: list[float]
    n_cells: int
    n_runs: int
    mean_regret: float
    max_regret: float
    held_out_regret: float
    """Mean over the cells, each by laws of the others."""
    warnings: list[str]

    def settings(self, n_params: float, n_tokens: float) -> tuple[float, float]:
        """Learning rate and batch in tokens: a `Rule`."""
        return _rule(np.array(self.lr_theta), np.array(self.batch_theta))(n_params, n_tokens)


def step_law(n_params: float, n_tokens: float) -> tuple[float, float]:
    """The published `Rule` of Li et al. 2025: 1.79 N^-.713 D^.307 and .58 D^.571 tokens."""
    return _rule(*STEP_LAW)(n_params, n_tokens)


def best_settings(sweep: pl.DataFrame, *, flat: float = FLAT) -> pl.DataFrame:
    """Each cell's best, a row: n_params, n_tokens, runs, lr, batch_tokens, loss_nats (its least), at_edge.

    `at_edge` is the column whose least or greatest value the best run has, if any: the optimum may lie beyond.
    """
    rows = [_best(cell, flat) for cell in _cells(sweep)]
    return pl.DataFrame(rows, schema_overrides={"at_edge": pl.String})


def fit_sweeps(sweep: pl.DataFrame, *, flat: float = FLAT, draws: int = 1000, seed: int = 0) -> SweepLaw:
    """The laws of the best settings (columns as in `COLUMNS`), intervals by a bootstrap over cells.

    Raises InputError for missing columns and for fewer than five cells.
    """
    best = best_settings(sweep, flat=flat)
    if best.height < len(LEARNING_RATE.parameters) + 2 or best["n_params"].n_unique() < 2:
        raise InputError(
            where="the sweep",
            what=f"holds {best.height} (n_params, n_tokens) of {best['n_params'].n_unique()} sizes",
            expected="at least 5, of 2 sizes or more",
        )
    lr_theta, batch_theta = _thetas(best)
    regrets = regret(sweep, _rule(lr_theta, batch_theta))["regret"]
    held_out = [_held_out(sweep, best, i) for i in range(best.height)]
    return SweepLaw(
        lr=_estimates(LEARNING_RATE, best, "lr", draws, seed=seed),
        batch_tokens=_estimates(BATCH, best, "batch_tokens", draws, seed=seed),
        lr_theta=lr_theta.tolist(),
        batch_theta=batch_theta.tolist(),
        n_cells=best.height,
        n_runs=sweep.height,
        mean_regret=float(np.mean(regrets.to_numpy())),
        max_regret=float(np.max(regrets.to_numpy())),
        held_out_regret=float(np.mean(held_out)),
        warnings=_doubts(best, float(np.mean(held_out))),
    )


def regret(sweep: pl.DataFrame, rule: Rule) -> pl.DataFrame:
    """What following `rule` costs in each cell: n_params, n_tokens, lr, batch_tokens as it says, regret, outside.

    `outside` says that the rule's settings lie beyond all of the cell's runs: the nearest of those flatters it.
    """
    return pl.DataFrame([_regret(cell, rule) for cell in _cells(sweep)])


def _cells(sweep: pl.DataFrame) -> list[pl.DataFrame]:
    """The runs of each (n_params, n_tokens), ascending."""
    runs = pl.DataFrame({name: arrays.numbers(sweep, name, positive=True) for name in COLUMNS})
    return runs.sort("n_params", "n_tokens").partition_by("n_params", "n_tokens", maintain_order=True)


def _best(cell: pl.DataFrame, flat: float) -> dict[str, float | int | str | None]:
    loss = cell["loss_nats"].to_numpy()
    good, least = (
        cell.filter(pl.col("loss_nats") <= loss.min() * (1 + flat)),
        cell.row(int(np.argmin(loss)), named=True),
    )
    edges = [name for name in ("lr", "batch_tokens") if least[name] in (cell[name].min(), cell[name].max())]
    return {
        "n_params": least["n_params"],
        "n_tokens": least["n_tokens"],
        "runs": cell.height,
        "lr": float(np.exp(np.log(good["lr"].to_numpy()).mean())),
        "batch_tokens": float(np.exp(np.log(good["batch_tokens"].to_numpy()).mean())),
        "loss_nats": least["loss_nats"],
        "at_edge": ", ".join(edges) or None,
    }


def _regret(cell: pl.DataFrame, rule: Rule) -> dict[str, float | bool]:
    n_params, n_tokens = float(cell["n_params"][0]), float(cell["n_tokens"][0])
    lr, batch = rule(n_params, n_tokens)
    tried = np.log(cell.select("lr", "batch_tokens").to_numpy())
    said, loss = np.log([lr, batch]), cell["loss_nats"].to_numpy()
    nearest = int(np.argmin(np.sum((tried - said) ** 2, axis=1)))
    outside = bool(np.any(said < tried.min(axis=0)) or np.any(said > tried.max(axis=0)))
    cost = float(loss[nearest] / loss.min() - 1)
    sizes = {"n_params": n_params, "n_tokens": n_tokens, "lr": lr, "batch_tokens": batch}
    return {**sizes, "regret": cost, "outside": outside}


def _held_out(sweep: pl.DataFrame, best: pl.DataFrame, i: int) -> float:
    """The regret in cell i of the laws of the others."""
    rule = _rule(*_thetas(best.filter(pl.int_range(pl.len()) != i)))
    return float(_regret(_cells(sweep)[i], rule)["regret"])


def _thetas(best: pl.DataFrame) -> tuple[Floats, Floats]:
    fits = (fit(form, _seen(form, best, name), objective=SQUARES) for form, name in _LAWS)
    lr, batch = (found.theta for found in fits)
    return lr, batch


_LAWS = ((LEARNING_RATE, "lr"), (BATCH, "batch_tokens"))


def _estimates(form: Form, best: pl.DataFrame, name: str, draws: int, *, seed: int) -> dict[str, Estimate]:
    seen = _seen(form, best, name)
    found = fit(form, seen, objective=SQUARES)
    named = form.named(bootstrap(found, seen, draws=draws, seed=seed, objective=SQUARES))
    return {key: Estimate.of(float(value), named[key]) for key, value in form.named(found.theta).items()}


def _seen(form: Form, best: pl.DataFrame, name: str) -> Observations:
    """The best settings as what a form is fitted to."""
    sizes = {"N": best["n_params"].to_numpy(), "D": best["n_tokens"].to_numpy()}
    variables = {key: sizes[key] for key in form.variables}
    return Observations(tuple(str(i) for i in range(best.height)), variables, best[name].to_numpy())


def _rule(lr: Floats, batch: Floats) -> Rule:
    def settings(n_params: float, n_tokens: float) -> tuple[float, float]:
        sizes = {"N": n_params, "D": n_tokens}
        return float(LEARNING_RATE.loss(lr, sizes)), float(BATCH.loss(batch, sizes))

    return settings


def _doubts(best: pl.DataFrame, held_out: float) -> list[str]:
    said: list[str] = []
    at_edge = best.filter(pl.col("at_edge").is_not_null()).height
    if at_edge:
        said.append(f"in {at_edge} of {best.height} cells the best run is at an edge of its grid: widen it there")
    if held_out > LOOSE:
        said.append(f"the laws cost {held_out:.2%} of the loss in cells left out: they are not followed by the sweep")
    return said

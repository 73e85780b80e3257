"""How well the largest runs of public data are predicted from the smaller ones, by smelt and by the paper's own method.

Each data set is one function that yields figures, named in `DATA_SETS`; nothing of one that is not at hand.
Errors are relative, of the largest budgets, which neither method sees. What they are held against is what the held-out
runs themselves say: for N* and D* the paper's published optimum where there is one, else the minimum of that budget's
own curve by the paper's method; for the loss the least of that curve.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.figures import Figure
from benchmarks.heldout_losses import measure_epoch, measure_gadre, measure_misfitting, measure_olmo
from smelt.laws import akima, isoflop
from smelt.laws.minima import Minima, fit_minima
from smelt.laws.points import Points

SCALING = Path(__file__).parents[1] / "../shared/data/scaling"
NO_WORSE = "<= paper"
HELD_OUT = (2, 3, 4)
"""How many of the largest budgets are held out in turn: budgets lie a factor 2 apart."""


def measure_heldout() -> Iterator[Figure]:
    """Relative errors of the largest runs, smelt's and the paper's."""
    for measure in DATA_SETS:
        yield from measure()


def measure_porian() -> Iterator[Figure]:
    """Porian et al. 2024, ten stages of RefinedWeb: their Akima minima and least squares against smelt's curves.

    Held against their published optima (medians over their noise), and their Akima minimum's loss.
    """
    folder = SCALING / "porian"
    if not folder.exists():
        return
    runs = pl.read_csv(folder / "isoflop_points.csv")
    published = pl.read_csv(folder / "published_optimal_pairs.csv").drop_nulls()
    ours: list[Errors] = []
    theirs: list[Errors] = []
    for stage in runs["stage"].unique(maintain_order=True):
        points = _points(runs.filter(pl.col("stage") == stage), budget="flops", n="N", d="D", loss="loss")
        losses = {curve.budget_flops: curve.loss_opt for curve in akima.fit_interpolants(points, draws=0, seed=0)}
        optima = [
            Optimum(flops, n, d, losses[flops])
            for of, flops, n, d in published.select("stage", "flops", "N_star", "D_star").iter_rows()
            if of == stage
        ]
        for count in HELD_OUT:
            first = points.budgets[-count]
            train, truth = points.where(points.budget_flops < first), [one for one in optima if one.flops >= first]
            ours += errors(smelts(train), truth)
            theirs += errors(_line(akima.fit_interpolants(train, draws=0, seed=0)), truth)
    yield from compared(f"Porian et al., {HELD_OUT} largest budgets of ten stages", ours, theirs)


def measure_llama_3() -> Iterator[Figure]:
    """Llama 3's IsoFLOP curves (Dubey et al. 2024): a line through parabolas' minima, the largest budget held out."""
    file = SCALING / "isoflops/llama3_isoflops_points.csv"
    if not file.exists():
        return
    runs = pl.read_csv(file).with_columns(n=pl.col("compute_budget") / 6 / pl.col("training_tokens"))
    points = _points(runs, budget="compute_budget", n="n", d="training_tokens", loss="validation_loss")
    train = points.where(points.budget_flops < points.budgets[-1])
    last = isoflop.fit_curves(points, draws=0, seed=0)[-1]
    n, d = float(np.exp(last.log_n_opt)), float(np.exp(last.log_d(last.log_n_opt)))
    truth = [Optimum(last.budget_flops, n, d, last.loss_opt)]
    theirs = errors(_line(isoflop.fit_curves(train, draws=0, seed=0)), truth)
    yield from compared("Llama 3, largest budget", errors(smelts(train), truth), theirs)


DATA_SETS: Sequence[Callable[[], Iterator[Figure]]] = (
    measure_porian,
    measure_llama_3,
    measure_epoch,
    measure_gadre,
    measure_olmo,
    measure_misfitting,
)


@dataclass(frozen=True, slots=True)
class Optimum:
    """What held-out runs say of one budget."""

    flops: float
    n_params: float
    n_tokens: float
    loss: float


@dataclass(frozen=True, slots=True)
class Errors:
    """|predicted / seen - 1| of one budget."""

    n_params: float
    n_tokens: float
    loss: float


def smelts(train: Points) -> Minima:
    """The lines that a law of these runs would follow."""
    return _line(isoflop.fit_curves(train, draws=200, seed=0, degree=isoflop.chosen_degree(train)))


def errors(lines: Minima, truth: Sequence[Optimum]) -> list[Errors]:
    """Of what the lines say at each budget."""
    return [
        Errors(
            n_params=abs(float(np.expm1(np.log(one.flops / 6) - lines.log_d.at(one.flops) - np.log(one.n_params)))),
            n_tokens=abs(float(np.expm1(lines.log_d.at(one.flops) - np.log(one.n_tokens)))),
            loss=abs(float(np.expm1(lines.log_loss.at(one.flops) - np.log(one.loss)))),
        )
        for one in truth
    ]


def compared(what: str, ours: Sequence[Errors], theirs: Sequence[Errors]) -> Iterator[Figure]:
    """Mean errors, smelt's with the paper's beside it."""
    for name, quantity in (("N*", "n_params"), ("D*", "n_tokens"), ("least loss", "loss")):
        own, papers = (100 * float(np.mean([getattr(one, quantity) for one in found])) for found in (ours, theirs))
        yield Figure(f"{what}: {name}", own, "%", NO_WORSE, {"paper": papers})


def _line(curves: Sequence[isoflop.Smooth] | Sequence[akima.Interpolant]) -> Minima:
    minima = fit_minima([curve for curve in curves if curve.usable])
    assert minima is not None  # of public data that were looked at
    return minima


def _points(runs: pl.DataFrame, *, budget: str, n: str, d: str, loss: str) -> Points:
    named = runs.select(budget_flops=budget, flops=budget, n_params=n, n_tokens=d, loss_nats=loss)
    return Points.from_frame(named)[0]

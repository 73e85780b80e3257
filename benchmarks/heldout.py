"""How well the largest runs of public data are predicted from the smaller ones, by smelt and by the paper's own method.

Each data set is one function that yields figures, named in `DATA_SETS`; nothing of one that is not at hand.
Errors are relative, of the largest budgets, which neither method sees. What they are held against is what the held-out
runs themselves say: for N* and D* the paper's published optimum where there is one, else the minimum of that budget's
own curve by the paper's method; for the loss the least of that curve.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.figures import Figure
from benchmarks.heldout_losses import measure_epoch, measure_gadre, measure_misfitting, measure_olmo
from smelt.laws.curves import akima, isoflop
from smelt.laws.curves.minima import Minima, fit_minima
from smelt.laws.derive import Settings, derive_law
from smelt.laws.law import Optimum as LawOptimum
from smelt.laws.points import Points

SCALING = Path(__file__).parents[1] / "../shared/data/scaling"
NO_WORSE = "<= paper"
DRAWS = 200
HELD_OUT = (2, 3, 4)
"""How many of the largest budgets are held out in turn: budgets lie a factor 2 apart."""


def measure_heldout() -> Iterator[Figure]:
    """Relative errors of the largest runs, smelt's and the paper's."""
    for measure in DATA_SETS:
        yield from measure()


def measure_porian() -> Iterator[Figure]:
    """Porian et al. 2024, ten stages of RefinedWeb: their Akima minima and least squares against what laws follow.

    Held against their published optima (medians over their noise), and their Akima minimum's loss.
    """
    folder = SCALING / "porian"
    if not folder.exists():
        return
    runs = pl.read_csv(folder / "isoflop_points.csv")
    published = pl.read_csv(folder / "published_optimal_pairs.csv").drop_nulls()
    found = Compared()
    for stage in runs["stage"].unique(maintain_order=True):
        table = _table(runs.filter(pl.col("stage") == stage), budget="flops", n="N", d="D", loss="loss")
        points, _ = Points.from_frame(table)
        losses = {curve.budget_flops: curve.loss_opt for curve in akima.fit_interpolants(points, draws=0, seed=0)}
        optima = [
            Optimum(flops, n, d, losses[flops])
            for of, flops, n, d in published.select("stage", "flops", "N_star", "D_star").iter_rows()
            if of == stage
        ]
        for count in HELD_OUT:
            first = points.budgets[-count]
            paper = _line(akima.fit_interpolants(points.where(points.budget_flops < first), draws=0, seed=0))
            truth = [one for one in optima if one.flops >= first]
            found.add(table.filter(pl.col("budget_flops") < first), paper, truth)
    yield from found.figures(f"Porian et al., {HELD_OUT} largest budgets of ten stages")


def measure_llama_3() -> Iterator[Figure]:
    """Llama 3's IsoFLOP curves (Dubey et al. 2024): a line through parabolas' minima, the largest budget held out."""
    file = SCALING / "isoflops/llama3_isoflops_points.csv"
    if not file.exists():
        return
    runs = pl.read_csv(file).with_columns(n=pl.col("compute_budget") / 6 / pl.col("training_tokens"))
    table = _table(runs, budget="compute_budget", n="n", d="training_tokens", loss="validation_loss")
    points, _ = Points.from_frame(table)
    last = isoflop.fit_curves(points, draws=0, seed=0)[-1]
    n, d = float(np.exp(last.log_n_opt)), float(np.exp(last.log_d(last.log_n_opt)))
    paper = _line(isoflop.fit_curves(points.where(points.budget_flops < last.budget_flops), draws=0, seed=0))
    train, truth = (
        table.filter(pl.col("budget_flops") < last.budget_flops),
        Optimum(last.budget_flops, n, d, last.loss_opt),
    )
    found = Compared()
    found.add(train, paper, [truth])
    yield from found.figures("Llama 3, largest budget")


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


@dataclass(slots=True)
class Compared:
    """Errors of the same budgets by what a law follows, by its parametric form alone, and by the paper's lines."""

    smelt: list[Errors] = field(default_factory=list[Errors])
    form: list[Errors] = field(default_factory=list[Errors])
    paper: list[Errors] = field(default_factory=list[Errors])

    def add(self, train: pl.DataFrame, paper: Minima, truth: Sequence[Optimum]) -> None:
        """The errors of a law of `train`, and of the paper's lines through the same runs."""
        law = derive_law(train, Settings(draws=DRAWS))
        for one in truth:
            optima = law.optimum(one.flops)
            self.smelt.append(_errors(_said(optima[law.trusted]), one))
            if "parametric" in optima:
                self.form.append(_errors(_said(optima["parametric"]), one))
            log_d, log_loss = paper.log_d.at(one.flops), paper.log_loss.at(one.flops)
            self.paper.append(_errors((one.flops / 6 / np.exp(log_d), np.exp(log_d), np.exp(log_loss)), one))

    def figures(self, what: str) -> Iterator[Figure]:
        """Mean errors, smelt's with the paper's beside it."""
        for name, quantity in (("N*", "n_params"), ("D*", "n_tokens"), ("least loss", "loss")):
            own, form, paper = (
                100 * float(np.mean([getattr(one, quantity) for one in errors]))
                for errors in (self.smelt, self.form, self.paper)
            )
            yield Figure(f"{what}: {name}", own, "%", NO_WORSE, {"paper": paper, "form alone": form})


def _said(optimum: LawOptimum) -> tuple[float, float, float]:
    loss = optimum.loss_nats.mid if optimum.loss_nats else np.nan
    return optimum.n_params.mid, optimum.n_tokens.mid, loss


def _errors(said: tuple[float, float, float], truth: Optimum) -> Errors:
    seen = truth.n_params, truth.n_tokens, truth.loss
    return Errors(*(abs(float(own / value - 1)) for own, value in zip(said, seen, strict=True)))


def _line(curves: Sequence[isoflop.Smooth] | Sequence[akima.Interpolant]) -> Minima:
    minima = fit_minima([curve for curve in curves if curve.usable])
    assert minima is not None  # of public data that were looked at
    return minima


def _table(runs: pl.DataFrame, *, budget: str, n: str, d: str, loss: str) -> pl.DataFrame:
    return runs.select(budget_flops=budget, flops=budget, n_params=n, n_tokens=d, loss_nats=loss)

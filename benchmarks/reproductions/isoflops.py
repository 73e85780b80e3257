"""Minima at equal compute: Porian et al.'s exponents, Llama 3's line, and what a parabola is off by without noise."""

from __future__ import annotations

import numpy as np
import polars as pl

from benchmarks.reproductions.study import Row, Study, table
from smelt.laws.curves.akima import fit_interpolants
from smelt.laws.curves.isoflop import bias, fit_curves
from smelt.laws.curves.minima import Minima, fit_minima
from smelt.laws.forms.chinchilla import Chinchilla
from smelt.laws.points import Points

STAGES = {
    "rw|base|long|kaplan|kaplan|train": "as Kaplan et al. count and train",
    "rw|base|long|kaplan|standard|val": "the head counted",
    "rw|base|short|kaplan|standard|val": "and the warm-up short",
    "rw|base|short|chinchilla|standard|val": "and the decay as long as the run",
    "rw|tuned|short|const|standard|val": "a constant rate, and the optimiser tuned",
}
SURFACES = {
    "alpha = beta = .31": (406.4, 410.7, 0.31, 0.31),
    "Chinchilla's, .34 and .28": (406.4, 410.7, 0.34, 0.28),
    "alpha .465, beta .155": (406.4, 410.7, 0.465, 0.155),
}
"""A, B, alpha, beta; E is 1.69."""
TOKENS, PARAMS, LLAMA = 16.55, 402, 3.8e25

MINIMA = """
Their recipe, minima of Akima splines in ln N and ln loss and a line through those within the grid. Weighed, ours
differ more: they weigh a budget by the noise between seeds that they know of, smelt by the scatter about its curve.
"""
LINE = """
Cut after two digits, not rounded, exponent and factor are the printed ones. Two digits are too few to extrapolate by:
the printed constants, taken at their word, give the last row's tokens, not the printed ones. The printed size and
tokens come to 3.99e25 FLOPs by 6ND, 5% above the budget; and the points were read off a figure.
"""
LEAN = """
No paper's figures: these are surfaces without noise, 15 sizes at each of five budgets from 1e17 to 1e21. The factor
is the same at every budget, so that the exponent is unbiased and the line of optima is not. It grows with the width
of the grid and with the difference of both exponents. `smelt fit` computes it for the user's own grid.
"""


def porian() -> Study:
    """The five stages from Kaplan's exponent to Chinchilla's."""
    frame = table("porian/isoflop_points.csv")
    published = {row["stage"]: row for row in table("porian/published_exponents.csv").iter_rows(named=True)}
    rows: list[Row] = []
    for weighted, column in ((False, "n_exp_basic"), (True, "n_exp_weighted")):
        for stage, said in STAGES.items():
            slope = _interpolated(frame.filter(pl.col("stage") == stage), weighted=weighted).log_d.slope
            what = f"a, {said}" + (", weighted" if weighted else "")
            rows.append(Row(what, published[stage][column], 1 - slope, ".4f"))
    return Study(
        "Porian et al. 2024, figure 1, with the digits of the results that they released; N* ~ C^a on RefinedWeb",
        "porian/isoflop_points.csv",
        rows,
        MINIMA,
    )


def llama_3() -> Study:
    """D* = A C^b."""
    frame = table("isoflops/llama3_isoflops_points.csv").select(
        budget_flops="compute_budget", n_tokens="training_tokens", loss_nats="validation_loss"
    )
    size = pl.col("budget_flops") / 6 / pl.col("n_tokens")
    points, _ = Points.from_frame(frame.with_columns(n_params=size, flops="budget_flops"))
    line = _line(fit_minima(fit_curves(points, draws=0, seed=0))).log_d
    tokens = float(np.exp(line.at(LLAMA)))
    rows = [
        Row("b of D* = A C^b", 0.53, line.slope, ".4g"),
        Row("A", 0.29, float(np.exp(line.intercept)), ".4g"),
        Row("D* at 3.8e25 FLOPs, trillions", TOKENS, tokens / 1e12, ".2f"),
        Row("N* there, C / 6 D*, billions", PARAMS, LLAMA / 6 / tokens / 1e9, ".0f"),
        Row("D* there by .29 C^.53, trillions", None, 0.29 * LLAMA**0.53 / 1e12, ".2f"),
    ]
    return Study(
        "Dubey et al. 2024, section 3.2.1",
        f"isoflops/llama3_isoflops_points.csv, {len(points)} points at 10 budgets, read off their figure 2",
        rows,
        LINE,
    )


def noise_free() -> Study:
    """N* by parabolas over the true one."""
    form, budgets, rows, off = Chinchilla(), np.geomspace(1e17, 1e21, 5), list[Row](), list[float]()
    for name, (a, b, alpha, beta) in SURFACES.items():
        theta = np.array([np.log(a), np.log(b), np.log(1.69), alpha, beta])
        best = np.exp(form.optimal_log_n(theta, np.log(budgets / 6)))
        for width in (4, 8):
            factors = bias(form, theta, budgets, [n * np.geomspace(1 / width, width, 15) for n in best])
            rows.append(Row(f"N* over the true N*, {name}, {width}x either side", None, float(factors.mean()), ".3f"))
            off.append(abs(float(np.polyfit(np.log(budgets), np.log(factors), 1)[0])))
    rows.append(Row("largest error of the exponent", None, max(off), ".0e"))
    return Study("Computed", "none: surfaces of the form itself", rows, LEAN)


def _interpolated(runs: pl.DataFrame, *, weighted: bool) -> Minima:
    """Budgets whose minimum lies within; weighing needs the noise, and so draws."""
    columns = {"n_params": "N", "n_tokens": "D", "loss_nats": "loss", "budget_flops": "flops", "flops": "flops"}
    points, _ = Points.from_frame(runs.select(**columns))
    curves = fit_interpolants(points, draws=300 if weighted else 0, seed=0)
    return _line(fit_minima([curve for curve in curves if curve.usable], weighted=weighted))


def _line(minima: Minima | None) -> Minima:
    if minima is None:
        raise ValueError("the published curves have minima")
    return minima

"""Chinchilla's approach 3 on the runs that Besiroglu et al. 2024 read off Hoffmann et al.'s figure 4."""

from __future__ import annotations

from functools import cache

import numpy as np
import polars as pl

from benchmarks.reproductions.study import Row, Study, observations, relative, table
from smelt.laws.fitting.fit import Fit, bootstrap, fit, held_out_error
from smelt.laws.fitting.objective import Objective
from smelt.laws.forms.chinchilla import Chinchilla
from smelt.laws.points import Observations

FORM = Chinchilla()
HEADLINE = {"A": 482.01, "B": 2085.43, "E": 1.8172, "alpha": 0.3478, "beta": 0.3658}
"""Besiroglu et al. 2024, table 1."""
ERRORS = {"A": 124.58, "B": 1293.23, "E": 0.03, "alpha": 0.02, "beta": 0.02}
DATA = "epoch_chinchilla"
GOPHER = 5.76e23

OPTIMUM = """
The published headline is not the optimum of the objective that the paper states, 1.018274e-3 at the first five rows:
it is, within .02%, the optimum of the sum of absolute deviations (delta going to zero). Both lie in one flat valley:
each well within the standard errors of the other, and the losses that they give the runs apart by no more than the
last row says. The standard errors are those of 4,000 resamples by numpy's generator of seed 42 over the runs in the
order of the file; another seed or order moves that of B by a tenth. Those of E, alpha, beta and a are printed to one
digit.
"""
OUTLIERS = """
Five runs, small models on little data, move the data exponent by a fifth and a from .565 to .514; Hoffmann et al.
found .50 and .49 by their other approaches. `smelt fit --drop-largest K` does the same, and a law says by itself when
its largest losses move it by more than its standard error.
"""
SQUARES = """
Squares of L weigh the large losses of small models more than Huber's loss of ln L does: beta is a quarter larger on
the same runs. Which objective is meant is part of a law.
"""


@cache
def epoch(without: int = 5) -> Observations:
    """The 245 runs without those of the largest losses; D = C / 6N."""
    frame = table(f"{DATA}/svg_extracted_data.csv")
    size, flops = pl.col("Model Size"), pl.col("Training FLOP")
    kept = frame.filter(pl.col("loss").rank() <= frame.height - without)
    return observations(kept, "loss", N="Model Size", D=flops / 6 / size, C=flops)


@cache
def found(kind: str = "huber") -> Fit:
    """The optimum."""
    return fit(FORM, epoch(), objective=Objective("lad" if kind == "lad" else "huber"))


def chinchilla() -> Study:
    """The optimum, its errors, held-out losses, and the plan for Gopher's budget."""
    named, absolute = FORM.named(found().theta), FORM.named(found("lad").theta)
    draws = FORM.named(bootstrap(found(), epoch(), draws=4000, seed=42))
    draws["a"] = draws["beta"] / (draws["alpha"] + draws["beta"])
    rows = [Row(f"{name}, Huber, delta 1e-3", value, float(named[name]), ".6g") for name, value in HEADLINE.items()]
    rows += [
        Row(f"{name}, least absolute deviation", value, float(absolute[name]), ".6g")
        for name, value in HEADLINE.items()
    ]
    rows.append(Row("a of N* ~ C^a", 0.513, float(named["beta"] / (named["alpha"] + named["beta"])), ".4f"))
    rows += [
        Row(f"standard error of {name}", value, float(np.std(draws[name])), ".4g") for name, value in ERRORS.items()
    ]
    rows.append(Row("standard error of a", 0.02, float(np.std(draws["a"])), ".3f"))
    rows += [_held_out(below) for below in (1e20, 3e20, 1e21)]
    return Study(
        "Besiroglu et al. 2024, table 1 (standard errors in parentheses there), on 240 of Hoffmann et al. 2022's runs",
        f"{DATA}/svg_extracted_data.csv, without the five largest losses",
        [*rows, *_gopher(), _valley()],
        OPTIMUM,
    )


def hoffmanns_outliers() -> Study:
    """The exponents without the K largest losses."""
    rows: list[Row] = []
    for without in range(6):
        named = FORM.named(fit(FORM, epoch(without)).theta)
        rows.append(Row(f"beta without the {without} largest losses", None, float(named["beta"]), ".3f"))
        exponent = named["beta"] / (named["alpha"] + named["beta"])
        rows.append(Row(f"a without the {without} largest losses", None, float(exponent), ".3f"))
    return Study(
        "Besiroglu et al. 2024 leave out the five runs of the largest losses as outliers",
        f"{DATA}/svg_extracted_data.csv",
        rows,
        OUTLIERS,
    )


def squared_errors() -> Study:
    """Least squares of L by variable projection, of the runs below 1e21 FLOPs."""
    seen = epoch()
    seen = seen.where(seen.variables["C"] < 1e21)
    scaled = Observations(seen.run, {"N": seen.variables["N"] / 1e6, "D": seen.variables["D"] / 1e9}, seen.loss)
    named = FORM.named(fit(FORM, scaled, objective=Objective("mse")).theta)
    expected = {"E": 1.9051, "A": 4.0005, "B": 1.0509, "alpha": 0.3511, "beta": 0.4587}
    return Study(
        "Variable projection (Open-Athena's scaling-law analysis): E, A and B by linear least squares at each pair of "
        "exponents; N in millions, D in billions",
        f"{DATA}/svg_extracted_data.csv, the {len(seen)} runs below 1e21 FLOPs",
        [Row(name, value, float(named[name]), ".5g") for name, value in expected.items()],
        SQUARES,
    )


def _held_out(below: float) -> Row:
    seen = epoch()
    is_small = seen.variables["C"] < below
    error = held_out_error(FORM, train=seen.where(is_small), test=seen.where(~is_small))
    count = int(np.sum(~is_small))
    return Row(f"held out: mean relative error of {count} runs from {below:.0e} FLOPs, %", None, 100 * error, ".2f")


def _gopher() -> list[Row]:
    """N*, D* and the loss at Gopher's budget; published are those of approach 3's corrected constants."""
    theta = found().theta
    log_n = float(FORM.optimal_log_n(theta, np.log(GOPHER / 6)))
    n_params, n_tokens = np.exp(log_n), GOPHER / 6 / np.exp(log_n)
    loss = float(FORM.loss(theta, {"N": n_params, "D": n_tokens}))
    return [
        Row("N* at Gopher's 5.76e23 FLOPs, billions (Chinchilla has 70)", None, n_params / 1e9, ".2f"),
        Row("D* there, trillions (Chinchilla saw 1.4)", None, n_tokens / 1e12, ".4f"),
        Row("the loss there, nats", None, loss, ".5f"),
    ]


def _valley() -> Row:
    """How far the losses of both optima are apart."""
    losses = [FORM.loss(found(kind).theta, epoch().variables) for kind in ("huber", "lad")]
    return Row(
        "largest difference of a run's loss between both optima, %", None, 100 * float(np.max(relative(*losses))), ".3f"
    )

"""Draws that ship with published laws: python -m training.laws ../shared/data/scaling

Besiroglu et al. 2024 print standard errors without covariance. Their 240 runs are public, so that the bootstrap can be
had: 1,000 resamples of the runs (seed 42), each the optimum of absolute deviations, which is what their headline is,
moved in theta by the little that the headline is off that optimum (.02%).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import polars as pl

from smelt.laws.fitting.fit import bootstrap, fit
from smelt.laws.fitting.objective import Objective
from smelt.laws.forms.chinchilla import Chinchilla
from smelt.laws.points import Points
from smelt.laws.published import catalogue

NAME = "chinchilla-besiroglu-2024"
OUTLIERS = 5
DRAWS, SEED = 1000, 42
DIGITS = 6
SHIPPED = Path(__file__).parents[1] / f"src/smelt/laws/{NAME}.parquet"


def main() -> None:
    """Writes the draws into the package."""
    form, objective = Chinchilla(), Objective("lad")
    seen = _runs(Path(sys.argv[1])).observations
    found = fit(form, seen, objective=objective)
    draws = bootstrap(found, seen, draws=DRAWS, seed=SEED, objective=objective, by="runs")
    moved = draws + form.theta(catalogue()[NAME].params) - found.theta
    columns = {name: np.round(moved[:, i], DIGITS) for i, name in enumerate(form.parameters)}
    pl.DataFrame(columns).write_parquet(SHIPPED, compression="zstd")


def _runs(folder: Path) -> Points:
    frame = pl.read_csv(folder / "epoch_chinchilla/svg_extracted_data.csv")
    kept = frame.filter(pl.col("loss").rank() <= frame.height - OUTLIERS)
    named = kept.select(n_params="Model Size", flops="Training FLOP", loss_nats="loss")
    return Points.from_frame(named.with_columns(n_tokens=pl.col("flops") / 6 / pl.col("n_params")))[0]


if __name__ == "__main__":
    main()

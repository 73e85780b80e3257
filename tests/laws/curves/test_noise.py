"""Noise that falls with compute is told from residuals, as surely as they allow, and kept in the intervals."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from planted_runs import BUDGETS, best_size, ladder, parabolic
from smelt.laws.curves.isoflop import fit_curves
from smelt.laws.curves.minima import fit_minima
from smelt.laws.curves.noise import EXPONENT_SD, NoiseLaw, Residuals, noise
from smelt.laws.points import Points


def residuals(budget_flops: float, sd: float, degrees: int) -> Residuals:
    """Of just the size that noise of `sd` has in the mean."""
    values = np.resize([sd, -sd], degrees)
    return Residuals(budget_flops, values, squares=degrees * sd**2, n_runs=degrees + 3, degrees=degrees)


def test_an_exponent_is_found_where_residuals_are_many_and_left_near_zero_where_they_are_few() -> None:
    many, few = ([residuals(flops, 0.01 * (flops / 1e10) ** -0.3, n) for flops in BUDGETS] for n in (500, 1))
    assert NoiseLaw.of(many).exponent == pytest.approx(0.3, abs=0.01)
    assert NoiseLaw.of(many).sd(1e14) == pytest.approx(0.01 * 1e4**-0.3, rel=0.05)
    assert 0 < NoiseLaw.of(few).exponent < 0.2
    assert NoiseLaw.of(many[:1]).exponent == pytest.approx(0, abs=1e-12)


def test_the_posterior_is_that_of_normal_residuals_by_brute_force() -> None:
    found = [residuals(flops, sd, n) for flops, sd, n in [(1e10, 0.02, 4), (4e10, 0.01, 2), (3e11, 0.006, 5)]]
    log_s, g = np.linspace(-9, 0, 1500)[:, None], np.linspace(-1, 1, 801)[None, :]
    log_density = -0.5 * (g / EXPONENT_SD) ** 2
    for budget in found:
        log_sd = log_s - g * np.log(budget.budget_flops / 5e10)
        log_density = log_density - budget.degrees * log_sd - budget.squares / (2 * np.exp(2 * log_sd))
    density = np.exp(log_density - log_density.max())
    assert NoiseLaw.of(found).exponent == pytest.approx(float((density * g).sum() / density.sum()), abs=1e-3)


def test_noise_drawn_anew_falls_as_the_residuals_do() -> None:
    budgets = [residuals(flops, 0.01 * (flops / 1e10) ** -0.3, 6) for flops in BUDGETS]  # nine runs each
    drawn = [float(np.median(np.abs(errors))) for _, errors in noise(budgets, draws=4000, seed=0)]
    slope = np.polyfit(np.log(BUDGETS), np.log(drawn), 1)[0]
    assert slope == pytest.approx(-NoiseLaw.of(budgets).exponent, abs=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("fall", [0.0, 0.3])
def test_intervals_cover_where_noise_falls_with_compute_and_where_it_does_not(fall: float) -> None:
    """Of a far optimum, over 500 ladders of five sizes each."""
    far, covered = 100 * BUDGETS[-1], 0
    truth = np.log(far / 6 / best_size(far))
    generator = np.random.default_rng(0)
    for seed in range(500):
        runs = ladder(loss=parabolic, sizes=5, noise=0)
        sd = 0.004 * (runs["budget_flops"].to_numpy() / BUDGETS[0]) ** -fall
        errors = pl.Series(sd * generator.standard_normal(runs.height))
        points, _ = Points.from_frame(runs.with_columns(pl.col("loss_nats") + errors))
        line = fit_minima([curve for curve in fit_curves(points, draws=400, seed=seed) if curve.usable])
        assert line is not None
        low, high = np.percentile(line.log_d.draws @ [1.0, np.log(far)], [2.5, 97.5])
        covered += bool(low < truth < high)
    assert 0.92 < covered / 500 < 0.985

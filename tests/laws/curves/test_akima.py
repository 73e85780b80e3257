"""Interpolated minima are those of Porian et al. 2024, lean with the curves, and know their noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.interpolate import Akima1DInterpolator
from scipy.optimize import minimize_scalar

from planted_runs import BUDGETS, best_size, ladder, surface
from smelt.laws.curves.akima import fit_interpolants
from smelt.laws.curves.minima import Minima, fit_minima
from smelt.laws.forms import Floats
from smelt.laws.points import Points

PORIAN_BASIC = {
    "rw|base|long|kaplan|kaplan|train": 0.834,
    "rw|base|long|kaplan|standard|val": 0.701,
    "rw|base|short|kaplan|standard|val": 0.604,
    "rw|base|short|chinchilla|standard|val": 0.571,
    "rw|tuned|short|const|standard|val": 0.497,
}
"""Published exponents a of N* by ordinary least squares (Porian et al. 2024, figure 1)."""
PORIAN_WEIGHTED = dict(zip(PORIAN_BASIC, (0.8353, 0.7065, 0.6020, 0.5715, 0.4969), strict=True))


def porian(shared_data: Path, stage: str) -> Points:
    runs = pl.read_csv(shared_data / "scaling/porian/isoflop_points.csv").filter(pl.col("stage") == stage)
    columns = {"n_params": "N", "n_tokens": "D", "loss_nats": "loss", "budget_flops": "flops", "flops": "flops"}
    return Points.from_frame(runs.select(**columns))[0]


def lines(points: Points, *, draws: int = 0, weighted: bool = False) -> Minima:
    curves = fit_interpolants(points, draws=draws, seed=0)
    minima = fit_minima([curve for curve in curves if curve.usable], weighted=weighted)
    assert minima is not None
    return minima


@pytest.mark.parametrize("stage", PORIAN_BASIC)
def test_porians_exponents(shared_data: Path, stage: str) -> None:
    assert 1 - lines(porian(shared_data, stage)).log_d.slope == pytest.approx(PORIAN_BASIC[stage], abs=0.004)


def test_porians_exponents_weighed_by_the_noise_of_the_minima(shared_data: Path) -> None:
    """They know the noise from seeds and we from the curves, which weighs the budgets otherwise: within .015."""
    for stage, published in PORIAN_WEIGHTED.items():
        found = lines(porian(shared_data, stage), draws=300, weighted=True)
        assert 1 - found.log_d.slope == pytest.approx(published, abs=0.015), stage


def test_porians_intervals_hold_the_published_exponent(shared_data: Path) -> None:
    for stage, published in PORIAN_BASIC.items():
        slopes = 1 - lines(porian(shared_data, stage), draws=300).log_d.draws[:, 1]
        low, high = np.percentile(slopes, [2.5, 97.5])
        assert low < published < high, stage


def test_the_minimum_is_that_of_scipys_spline() -> None:
    points = Points.from_frame(ladder(BUDGETS[:1], sizes=9, noise=0.003, offset=0.2))[0]
    [curve] = fit_interpolants(points, draws=0, seed=0)
    spline = Akima1DInterpolator(np.log(points.n_params), np.log(points.loss_nats))
    found = minimize_scalar(spline, bounds=(curve.log_n_opt - 0.1, curve.log_n_opt + 0.1), method="bounded")
    assert curve.log_n_opt == pytest.approx(found.x, abs=0.01)  # a step of the grid is .012
    assert np.log(curve.loss_opt) == pytest.approx(found.fun, abs=1e-5)


def test_replicates_of_a_size_count_by_their_mean() -> None:
    runs = ladder(BUDGETS[:1], noise=0.003)
    apart = [
        runs.with_columns(loss_nats=pl.col("loss_nats") * by, run="run" + pl.lit(str(by))) for by in (0.98, 1 / 0.98)
    ]
    [alone] = fit_interpolants(Points.from_frame(runs)[0], draws=0, seed=0)
    [twice] = fit_interpolants(Points.from_frame(pl.concat(apart))[0], draws=0, seed=0)
    assert (twice.log_n_opt, twice.loss_opt) == pytest.approx((alone.log_n_opt, alone.loss_opt))


def test_sizes_all_but_equal_do_not_make_the_curve_swing() -> None:
    """Two runs .1% apart in size and 2% in loss: a spline through both would fall off a cliff."""
    runs = ladder(BUDGETS[:1], noise=0)
    twin = runs.with_columns(pl.col("n_params") * 1.001, pl.col("loss_nats") * 1.02, run="twin-" + pl.col("run"))
    [curve] = fit_interpolants(Points.from_frame(pl.concat([runs, twin]))[0], draws=0, seed=0)
    assert np.exp(curve.log_n_opt) == pytest.approx(best_size(BUDGETS[0]), rel=0.05)


def test_thousands_of_sizes_are_interpolated_too() -> None:
    points = Points.from_frame(ladder(BUDGETS[:1], sizes=5000, noise=0.001))[0]
    [curve] = fit_interpolants(points, draws=20, seed=0)
    assert np.exp(curve.log_n_opt) == pytest.approx(best_size(BUDGETS[0]), rel=0.3)


def test_curves_that_lean_do_not_bias_it() -> None:
    """Where parabolas through sizes 20 x either side are off by a factor."""

    def leaning(n_params: Floats, n_tokens: Floats) -> Floats:
        return surface(n_params, n_tokens) + 0.02 * np.log(n_params / best_size(BUDGETS[0])) ** 3

    truth = np.geomspace(0.2, 5, 20_001) * best_size(BUDGETS[0])
    best = truth[np.argmin(leaning(truth, BUDGETS[0] / 6 / truth))]
    runs = ladder(BUDGETS[:1], sizes=25, half_width=2, noise=0, loss=leaning)
    [curve] = fit_interpolants(Points.from_frame(runs)[0], draws=0, seed=0)
    assert np.exp(curve.log_n_opt) == pytest.approx(best, rel=0.01)


@pytest.mark.parametrize("offset", [2.0, -2.0])
def test_a_minimum_at_the_edge_is_none(offset: float) -> None:
    runs = ladder(BUDGETS[:1], offset=offset, noise=0)
    assert not fit_interpolants(Points.from_frame(runs)[0], draws=0, seed=0)[0].usable


def test_three_sizes_leave_no_interval() -> None:
    assert lines(Points.from_frame(ladder(sizes=3, noise=0.001))[0], draws=100).log_d.draws.shape == (0, 2)


def test_draws_are_repeated_to_the_bit() -> None:
    points = Points.from_frame(ladder(noise=0.001))[0]
    first, again = (lines(points, draws=50).log_d.draws for _ in range(2))
    np.testing.assert_array_equal(first, again)

"""Parabolas find planted minima, flag those that are none, and their intervals cover the truth."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from planted_runs import BUDGETS, EXPONENT, best_size, ladder, parabolic
from smelt.laws.forms import Floats
from smelt.laws.isoflop import Minima, fit_curves, fit_minima
from smelt.laws.points import Points


def minima_of(runs: pl.DataFrame, *, draws: int = 300, seed: int = 0) -> Minima:
    curves = fit_curves(Points.from_frame(runs)[0], draws=draws, seed=seed)
    minima = fit_minima(tuple(curve for curve in curves if curve.usable))
    assert minima is not None
    return minima


def test_planted_minima_and_exponents_are_found() -> None:
    minima = minima_of(ladder(loss=parabolic, noise=0, offset=0.4))
    found = [np.exp(curve.log_n_opt) for curve in minima.curves]
    np.testing.assert_allclose(found, [best_size(budget) for budget in BUDGETS], rtol=1e-6)
    assert minima.log_d.slope == pytest.approx(1 - EXPONENT, rel=1e-6)
    assert minima.log_loss.slope == pytest.approx(-0.07, rel=1e-6)


def test_a_curve_is_the_least_squares_parabola() -> None:
    runs = ladder(noise=0.01)
    for curve in fit_curves(Points.from_frame(runs)[0], draws=10, seed=0):
        group = runs.filter(pl.col("budget_flops") == curve.budget_flops)
        u = np.log(group["n_params"].to_numpy()) - curve.centre
        np.testing.assert_allclose(curve.coefficients[::-1], np.polyfit(u, group["loss_nats"].to_numpy(), 2), rtol=1e-9)


def test_d_is_what_the_budget_leaves_under_an_exact_count() -> None:
    def attention(n_params: Floats) -> Floats:
        return 1 + 3 * n_params**-0.25

    for curve in minima_of(ladder(overhead=attention)).curves:
        n_opt, d_opt = np.exp(curve.log_n_opt), float(np.exp(curve.log_d(curve.log_n_opt)))
        assert d_opt == pytest.approx(curve.budget_flops / (6 * n_opt * attention(n_opt)), rel=0.01)


@pytest.mark.parametrize(("offset", "side"), [(2.0, "below"), (-2.0, "above")])
def test_a_minimum_beyond_the_sizes_tried_is_flagged(offset: float, side: str) -> None:
    curve = fit_curves(Points.from_frame(ladder(BUDGETS[:1], offset=offset, noise=0))[0], draws=10, seed=0)[0]
    assert not curve.interior
    assert not curve.usable
    assert (curve.log_n_opt < curve.log_n.min()) == (side == "below")


def test_a_curve_that_bends_downwards_has_no_minimum() -> None:
    runs = ladder(BUDGETS[:1], noise=0, loss=lambda n, d: 20 - parabolic(n, d))
    curve = fit_curves(Points.from_frame(runs)[0], draws=10, seed=0)[0]
    assert np.isnan(curve.log_n_opt)
    assert not curve.usable


def test_a_curve_too_flat_for_its_noise_is_flagged() -> None:
    runs = ladder(BUDGETS[:1], sizes=12, half_width=0.3, noise=0.01)
    curve = fit_curves(Points.from_frame(runs)[0], draws=300, seed=0)[0]
    assert curve.flat


def test_a_clear_curve_is_not_flat() -> None:
    assert not any(curve.flat for curve in minima_of(ladder(noise=0.01)).curves)


def test_three_sizes_a_budget_leave_no_interval() -> None:
    minima = minima_of(ladder(sizes=3, noise=0.001))
    assert minima.log_d.draws.shape == (0, 2)
    assert minima.log_d.excess is None


def test_budgets_of_few_runs_do_not_judge_their_noise_by_a_residual_or_two() -> None:
    """Beside a budget of twelve runs, two of four: with two degrees of freedom, one is quiet by luck."""
    many, few = ladder(BUDGETS[:1], sizes=12, noise=0.01), ladder(BUDGETS[1:3], sizes=4, noise=0)
    curves = fit_curves(Points.from_frame(pl.concat([many, few]))[0], draws=300, seed=0)
    assert min(float(np.std(curve.draws[:, 0])) for curve in curves) > 0.005


def test_draws_are_repeated_to_the_bit_by_their_seed() -> None:
    first, again, other = (minima_of(ladder(), seed=seed).log_d.draws for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.any(first == other)


@pytest.mark.parametrize("sizes", [5, 12])
def test_intervals_cover_the_exponent_and_a_far_optimum_at_their_nominal_rate(sizes: int) -> None:
    """95% of 250 ladders, give or take three standard errors; a plain residual bootstrap covers 80% at five sizes."""
    far = 100 * BUDGETS[-1]
    covered, surprised = np.zeros(2), 0
    for seed in range(250):
        line = minima_of(ladder(loss=parabolic, sizes=sizes, noise=0.001, seed=seed), draws=400, seed=seed).log_d
        optima = line.draws[:, 0] + line.draws[:, 1] * np.log(far)
        for i, (draws, truth) in enumerate(
            [(line.draws[:, 1], 1 - EXPONENT), (optima, np.log(far / 6 / best_size(far)))]
        ):
            low, high = np.percentile(draws, [2.5, 97.5])
            covered[i] += low < truth < high
        surprised += line.excess is not None and line.excess < 0.05
    assert np.all(np.abs(covered / 250 - 0.95) < 0.041)
    assert abs(surprised / 250 - 0.05) < 0.041  # the test of the minima's scatter, too, errs as often as it says


def test_scatter_beyond_the_noise_of_the_runs_is_seen() -> None:
    """Something differs between budgets: every other minimum is shifted by 40%."""
    usual = ladder(BUDGETS[::2], loss=parabolic, noise=0.001, sizes=7)
    shifted = ladder(BUDGETS[1::2], loss=lambda n, d: parabolic(n / 1.4, d * 1.4), noise=0.001, sizes=7)
    excess = minima_of(pl.concat([usual, shifted])).log_d.excess
    assert excess is not None
    assert excess < 0.01

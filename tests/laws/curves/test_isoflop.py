"""Parabolas find planted minima, flag those that are none, and their intervals cover the truth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from planted_runs import BUDGETS, EXPONENT, QUICK, best_size, ladder, parabolic
from smelt.laws.curves.akima import fit_interpolants
from smelt.laws.curves.isoflop import asymmetry, bias, chosen_degree, fit_curves
from smelt.laws.curves.minima import Curve, Minima, fit_minima
from smelt.laws.derive import derive_law
from smelt.laws.forms import FORMS, Floats
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
    assert min(float(np.std(curve.loss_opt_draws)) for curve in curves) > 0.005


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


@pytest.mark.slow
@pytest.mark.parametrize(("fit", "covers"), [(fit_curves, (0.93, 0.97)), (fit_interpolants, (0.93, 0.99))])
@pytest.mark.parametrize(
    "design", [{"sizes": 5, "noise": 0.003}, {"sizes": 7, "noise": 0.008}, {"sizes": 12, "noise": 0.008}]
)
def test_intervals_cover_wherever_the_minimum_lies(
    fit: Callable[..., tuple[Curve, ...]], covers: tuple[float, float], design: dict[str, Any]
) -> None:
    """Exponent, optimum of the largest budget and of one 100 times larger, over 600 ladders centred at random."""
    flops, covered = np.array([1e6, BUDGETS[-1], 100 * BUDGETS[-1]]), np.zeros(3)
    generator = np.random.default_rng(0)
    for seed in range(600):
        runs = ladder(loss=parabolic, sizes=design["sizes"], noise=0, offset=generator.uniform(-0.3, 0.3))
        noise = pl.Series(design["noise"] * generator.standard_normal(runs.height))
        points, _ = Points.from_frame(runs.with_columns(pl.col("loss_nats") + noise))
        line = fit_minima([curve for curve in fit(points, draws=400, seed=seed) if curve.usable])
        assert line is not None
        drawn = [line.log_d.draws @ row for row in ((0, 1), *((1, np.log(far)) for far in flops[1:]))]
        truth = [1 - EXPONENT, *(np.log(far / 6 / best_size(far)) for far in flops[1:])]
        covered += [np.percentile(d, 2.5) < t < np.percentile(d, 97.5) for d, t in zip(drawn, truth, strict=True)]
    share = covered / 600
    assert np.all(share > covers[0] - 0.01), share  # a standard error is .009
    assert np.all(share < covers[1] + 0.01), share


SYMMETRIC, CHINCHILLA, STEEP = (406.4, 410.7, 0.31, 0.31), (406.4, 410.7, 0.34, 0.28), (406.4, 410.7, 0.465, 0.155)
"""A, B, alpha, beta."""


@pytest.mark.parametrize(
    ("surface", "width", "factor"),
    [
        (SYMMETRIC, 4, 1.000),
        (SYMMETRIC, 8, 1.000),
        (CHINCHILLA, 4, 1.013),
        (CHINCHILLA, 8, 1.030),
        (STEEP, 4, 1.070),
        (STEEP, 8, 1.162),
    ],
)
def test_the_bias_of_parabolas_on_asymmetric_surfaces(
    surface: tuple[float, float, float, float], width: float, factor: float
) -> None:
    a, b, alpha, beta = surface
    theta, budgets = np.array([np.log(a), np.log(b), np.log(1.69), alpha, beta]), np.geomspace(1e17, 1e21, 5)
    best = np.exp(FORMS["chinchilla"].optimal_log_n(theta, np.log(budgets / 6)))
    found = bias(FORMS["chinchilla"], theta, budgets, [n * np.geomspace(1 / width, width, 15) for n in best])
    np.testing.assert_allclose(found, factor, atol=6e-4)  # at every budget the same: the exponent is unbiased


def leaning(n_params: Floats, n_tokens: Floats) -> Floats:
    """`parabolic` with a cubic term: N* stays."""
    product = n_params * n_tokens
    u = np.log(n_params / (best_size(1.0) * (6 * product) ** EXPONENT))
    return parabolic(n_params, n_tokens) + 0.03 * u**3


def test_curves_that_lean_beyond_doubt_get_cubics_which_find_the_planted_minima() -> None:
    points, _ = Points.from_frame(ladder(loss=leaning, sizes=9, noise=0.0005, offset=0.2))
    lean = asymmetry(points)
    assert lean is not None
    assert lean.t > 5
    assert chosen_degree(points) == 3
    cubics, parabolas = (fit_curves(points, draws=0, seed=0, degree=degree) for degree in (3, 2))
    best = np.array([best_size(budget) for budget in BUDGETS])
    np.testing.assert_allclose([np.exp(curve.log_n_opt) for curve in cubics], best, rtol=0.04)
    assert lean.factor == pytest.approx(np.mean([np.exp(curve.log_n_opt) for curve in parabolas] / best), abs=0.02)
    assert lean.factor is not None
    assert abs(lean.factor - 1) > 0.04


def test_symmetric_curves_are_said_to_lean_as_often_as_p_says() -> None:
    ladders = (ladder(loss=parabolic, sizes=8, noise=0.002, seed=seed) for seed in range(400))
    p = np.array([found.p for runs in ladders if (found := asymmetry(Points.from_frame(runs)[0]))])
    assert len(p) == 400
    assert abs(np.mean(p < 0.05) - 0.05) < 0.033  # three standard errors


def test_a_law_says_how_biased_its_curves_are() -> None:
    """A surface steeper in N than in D: what is computed on the fitted form is what the curves are off by."""

    def steep(n: Floats, d: Floats) -> Floats:
        return 1.7 + 3000 / n**0.8 + 10 / d**0.25

    budgets = np.geomspace(1e11, 1e15, 6)
    law = derive_law(ladder(budgets, loss=steep, half_width=1.5, noise=1e-4), QUICK)
    found = law.findings.isoflop
    assert found is not None
    assert found.bias is not None
    last = [minimum for minimum in found.budgets if minimum.in_line][-1]
    assert last.n_opt is not None
    sizes = np.geomspace(1e2, 1e9, 200_001)
    truth = sizes[np.argmin(steep(sizes, last.budget_flops / 6 / sizes))]
    assert found.bias.factor == pytest.approx(last.n_opt.mid / truth, rel=0.01)
    assert found.bias.factor > 1.1
    assert any("biased on a surface like the fitted form" in warning for warning in law.warnings)


def test_runs_far_above_the_least_loss_are_not_fitted() -> None:
    """Loss that explodes for models too large for their tokens, as under a warm-up too long for them."""

    def exploding(n: Floats, d: Floats) -> Floats:
        return parabolic(n, d) * np.where(n > 3 * best_size(1.0) * (6 * n * d) ** EXPONENT, 2.5, 1.0)

    curves = fit_curves(Points.from_frame(ladder(loss=exploding, sizes=9, half_width=1.6, noise=0))[0], draws=0, seed=0)
    found = [np.exp(curve.log_n_opt) for curve in curves]
    np.testing.assert_allclose(found, [best_size(budget) for budget in BUDGETS], rtol=1e-6)
    assert all(len(curve.near) < len(curve.points) for curve in curves)


def test_scatter_beyond_the_noise_of_the_runs_widens_the_intervals() -> None:
    """Something differs between budgets: every other minimum is shifted by 40%."""
    usual = ladder(BUDGETS[::2], loss=parabolic, noise=0.001, sizes=7)
    shifted = ladder(BUDGETS[1::2], loss=lambda n, d: parabolic(n / 1.4, d * 1.4), noise=0.001, sizes=7)
    minima = minima_of(pl.concat([usual, shifted]))
    line, x = minima.log_d, np.log([curve.budget_flops for curve in minima.curves])
    assert line.excess is not None
    assert line.excess < 0.01
    log_d = np.array([curve.log_d(curve.log_n_opt_draws) for curve in minima.curves])
    plain = np.polyfit(x, log_d, 1)[0]
    assert line.scatter > 3
    assert line.draws[:, 1].std() == pytest.approx(line.scatter * plain.std())
    at_odds = np.array([curve.log_d(curve.log_n_opt) - line.at(curve.budget_flops) for curve in minima.curves])
    assert line.scatter == pytest.approx(np.sqrt(np.sum(at_odds**2 / log_d.var(axis=1)) / (len(x) - 2)))

"""The compiled fit finds the optimum, and its bootstrap is what it says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import huber

from planted_runs import ALPHA, BETA, A, B, E, FewStarts, ladder
from smelt.laws import bfgs
from smelt.laws.fit import Fit, bootstrap, fit, held_out_error, resample
from smelt.laws.forms import Floats
from smelt.laws.points import Observations, Points

FORM = FewStarts()
DELTA = 1e-3


def points_of(noise: float, seed: int = 0) -> Points:
    return Points.from_frame(ladder(noise=noise, seed=seed, sizes=8))[0]


def seen_of(noise: float, seed: int = 0) -> Observations:
    return points_of(noise, seed).observations


def scipy_objective(theta: Floats, points: Observations) -> float:
    residuals = np.log(FORM.loss(theta, points.variables)) - np.log(points.loss)
    return float(np.sum(huber(DELTA, residuals)))


def test_parameters_planted_without_noise_are_found() -> None:
    found = FORM.named(fit(FORM, seen_of(noise=0)).theta)
    for name, planted in {"A": A, "B": B, "E": E, "alpha": ALPHA, "beta": BETA}.items():
        assert float(found[name]) == pytest.approx(planted, rel=1e-3), name


@pytest.mark.parametrize("seed", [0, 1])
def test_the_optimum_is_that_of_scipy(seed: int) -> None:
    points = seen_of(noise=0.003, seed=seed)
    found = fit(FORM, points)
    assert found.objective == pytest.approx(scipy_objective(found.theta, points), rel=1e-9)
    generator = np.random.default_rng(seed)
    for _ in range(8):
        start = found.theta * (1 + 0.1 * generator.standard_normal(5))
        other = minimize(lambda theta: 1e3 * scipy_objective(theta, points), start, method="L-BFGS-B")
        assert found.objective <= 1e-3 * other.fun * (1 + 1e-6)


def test_the_result_does_not_depend_on_the_number_of_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    points = seen_of(noise=0.003)
    thetas: list[Floats] = []
    for cores in (1, 3):
        monkeypatch.setattr(bfgs.os, "cpu_count", lambda cores=cores: cores)
        thetas.append(fit(FORM, points).theta)
    np.testing.assert_array_equal(*thetas)


@pytest.fixture(scope="module")
def noisy() -> tuple[Fit, Observations]:
    points = seen_of(noise=0.003)
    return fit(FORM, points), points


def test_a_bootstrap_is_repeated_to_the_bit_by_its_seed(noisy: tuple[Fit, Observations]) -> None:
    found, points = noisy
    first, again, other = (bootstrap(found, points, draws=20, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.any(first == other)


def test_a_bootstrap_draw_is_the_fit_of_the_runs_drawn(noisy: tuple[Fit, Observations]) -> None:
    found, points = noisy
    counts = resample(len(points), draws=3, seed=1)
    assert np.all(counts.sum(axis=1) == len(points))
    for theta, drawn in zip(bootstrap(found, points, draws=3, seed=1), counts, strict=True):
        rows = np.repeat(np.arange(len(points)), drawn.astype(int))
        chosen = Points.from_frame(ladder(noise=0.003, sizes=8).drop("run")[rows])[0].observations
        assert scipy_objective(theta, chosen) <= fit(FORM, chosen).objective * (1 + 1e-4)


def test_runs_of_the_largest_budget_are_predicted_within_their_noise() -> None:
    points = points_of(noise=0.002)
    largest = points.budget_flops == points.budgets[-1]
    error = held_out_error(FORM, train=points.where(~largest).observations, test=points.where(largest).observations)
    assert 0 < error < 0.005

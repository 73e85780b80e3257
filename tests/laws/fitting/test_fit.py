"""The compiled fit finds the optimum, and its bootstrap is what it says."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy.optimize import minimize
from scipy.special import huber

from planted_runs import ALPHA, BETA, BUDGETS, A, B, E, FewStarts, ladder
from smelt.errors import InputError
from smelt.laws.fitting import bfgs
from smelt.laws.fitting.fit import Fit, bootstrap, fit, held_out_error
from smelt.laws.fitting.objective import Kind, Objective
from smelt.laws.fitting.resampling import Resampling, resample
from smelt.laws.forms import FORMS, Floats
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
    counts = np.stack(list(resample(points, draws=3, seed=1)))
    assert np.all(counts.sum(axis=1) == len(points))
    for theta, drawn in zip(bootstrap(found, points, draws=3, seed=1), counts, strict=True):
        rows = np.repeat(np.arange(len(points)), drawn.astype(int))
        chosen = Points.from_frame(ladder(noise=0.003, sizes=8).drop("run")[rows])[0].observations
        assert scipy_objective(theta, chosen) <= fit(FORM, chosen).objective * (1 + 1e-4)


def uncompilable_log_loss(theta: Floats, x: Floats, log_loss: Floats, jacobian: Floats) -> None:
    """Chinchilla's, by way of a set of strings and a lambda: more than Numba knows."""
    kernel = {"chinchilla": lambda: FewStarts.log_loss}["chinchilla"]()
    kernel(theta, x, log_loss, jacobian)


class Uncompilable(FewStarts):
    """The same form with a kernel for Python alone."""

    log_loss = staticmethod(uncompilable_log_loss)


def test_a_form_that_does_not_compile_is_fitted_by_scipy_and_says_why(noisy: tuple[Fit, Observations]) -> None:
    found, seen = noisy
    plain = fit(Uncompilable(), seen)
    assert not plain.compiled
    assert plain.why_not_compiled
    np.testing.assert_allclose(plain.theta, found.theta, rtol=1e-6)
    ours, theirs = (bootstrap(fitted, seen, draws=3, seed=1) for fitted in (found, plain))
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)


@pytest.mark.parametrize("kind", ["lad", "mse"])
def test_scipy_finds_the_optimum_of_every_objective(kind: Kind, noisy: tuple[Fit, Observations]) -> None:
    _, seen = noisy
    objective = Objective(kind)
    plain, compiled = (fit(FORM, seen, objective=objective, compiled=compiled) for compiled in (False, True))
    assert plain.objective == pytest.approx(compiled.objective, rel=1e-6)


def repeated(seeds: int, noise: float = 0.01) -> Observations:
    """A ladder of runs repeated with other seeds."""
    return Points.from_frame(pl.concat([ladder(noise=noise, seed=seed) for seed in range(seeds)]))[0].observations


def test_seeds_are_redrawn_among_runs_of_equal_variables() -> None:
    seen = repeated(3)
    cells = seen.cells
    assert [len(cell) for cell in cells] == [3] * 20
    for weights in resample(seen, draws=20, seed=0, by="seeds"):
        assert all(weights[cell].sum() == pytest.approx(3) for cell in cells)


def test_redrawn_seeds_scatter_as_means_of_so_many_seeds_do() -> None:
    """A cell's mean varies by s^2 / k over the draws, s^2 taken over k - 1; plain draws have (k - 1) / k of that."""
    seen = repeated(3)
    draws = np.stack(list(resample(seen, draws=4000, seed=0, by="seeds")))
    log_loss = np.log(seen.loss)
    spread = [np.var(draws[:, cell] @ log_loss[cell] / 3) / (np.var(log_loss[cell], ddof=1) / 3) for cell in seen.cells]
    assert np.mean(spread) == pytest.approx(1, abs=0.03)


def test_budgets_are_drawn_whole() -> None:
    seen = seen_of(noise=0.003)
    for weights in resample(seen, draws=20, seed=0, by="budgets"):
        by_budget = [set(weights[seen.budget == budget]) for budget in np.unique(seen.budget)]
        assert all(len(counts) == 1 for counts in by_budget)
        assert sum(counts.pop() for counts in by_budget) == 4


@pytest.mark.parametrize(("by", "complaint"), [("seeds", "no two of 20 runs"), ("budgets", "finds 2 budgets")])
def test_runs_that_cannot_be_redrawn_so_are_a_mistake_of_the_user(by: Resampling, complaint: str) -> None:
    seen = Points.from_frame(ladder(BUDGETS[:2], sizes=10))[0].observations
    with pytest.raises(InputError, match=complaint):
        resample(seen, draws=1, seed=0, by=by)


def test_many_runs_are_started_on_a_sample_and_fitted_to_all() -> None:
    many = Points.from_frame(pl.concat([ladder(noise=0.01, sizes=20, seed=seed) for seed in range(20)]))[0].observations
    found = fit(FORM, many)
    assert (len(many), found.n_sampled) == (1600, 500)
    reached = found.problem(many).solve(found.theta[None])[1]
    assert found.objective == pytest.approx(float(reached[0]), rel=1e-9)
    generator = np.random.default_rng(0)
    for _ in range(4):
        near = found.theta * (1 + 0.05 * generator.standard_normal(5))
        assert found.objective <= scipy_objective(near, many)
    planted = np.array([np.log(A), np.log(B), np.log(E), ALPHA, BETA])
    assert found.objective <= found.problem(many).solve(planted[None])[1][0] * (1 + 1e-6)


class Nowhere(FewStarts):
    """A form that does not know where to start."""

    def starts(self, x: Floats, log_loss: Floats) -> Floats:
        return np.full((3, 5), np.nan)


def test_a_form_that_is_finite_nowhere_is_refused() -> None:
    with pytest.raises(InputError, match="finite at none of its 3 starts"):
        fit(Nowhere(), seen_of(noise=0.003))


def test_a_bootstrap_in_batches_is_the_same(noisy: tuple[Fit, Observations], monkeypatch: pytest.MonkeyPatch) -> None:
    found, points = noisy
    whole = bootstrap(found, points, draws=7, seed=1)
    monkeypatch.setattr("smelt.laws.fitting.fit.AT_ONCE", 3 * len(points))
    np.testing.assert_array_equal(bootstrap(found, points, draws=7, seed=1), whole)


def test_runs_of_the_largest_budget_are_predicted_within_their_noise() -> None:
    points = points_of(noise=0.002)
    largest = points.budget_flops == points.budgets[-1]
    error = held_out_error(FORM, train=points.where(~largest).observations, test=points.where(largest).observations)
    assert 0 < error < 0.005


def test_a_start_at_which_a_kernel_divides_by_zero_is_one_that_fits_badly() -> None:
    found = fit(FORMS["kaplan"], seen_of(noise=0.003))
    assert np.isfinite(found.objective)
    assert np.all(np.isfinite(found.theta))

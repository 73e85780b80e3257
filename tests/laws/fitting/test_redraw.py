"""Noise drawn anew is as large as the noise that was there."""

from __future__ import annotations

import numpy as np
import pytest

from smelt.laws.fitting.redraw import redraw


def test_least_squares_residuals_give_back_the_variance_of_their_noise() -> None:
    """A fit of 5 parameters to 25 runs leaves residuals that are too small by sqrt(20/25)."""
    generator = np.random.default_rng(0)
    basis = generator.standard_normal((25, 5))
    hat = basis @ np.linalg.pinv(basis)
    variances: list[float] = []
    for seed in range(200):
        noise = generator.standard_normal(25)
        drawn = redraw(noise - hat @ noise, n_parameters=5, draws=200, seed=seed)
        variances.append(float(np.median(np.var(drawn, axis=1))))
    assert np.mean(variances) == pytest.approx(1.0, abs=0.1)


def test_runs_that_a_fit_passes_through_do_not_count() -> None:
    residuals = np.array([0.0, 0.0, 0.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0])
    near_zero = np.mean(np.abs(redraw(residuals, n_parameters=3, draws=500, seed=0)) < 0.1)
    assert near_zero < 0.1


def test_draws_are_repeated_by_their_seed_and_none_are_made_of_nothing() -> None:
    residuals = np.linspace(-1, 1, 12)
    first, again, other = (redraw(residuals, n_parameters=5, draws=7, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert first.shape == (7, 12)
    assert not np.any(first == other)
    assert redraw(residuals[:5], n_parameters=5, draws=7, seed=0).shape == (0, 5)

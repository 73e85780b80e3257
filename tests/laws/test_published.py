"""Published fits are reproduced: figures from the shared data, each with its tolerance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from planted_runs import FewStarts
from smelt.laws.curves.isoflop import fit_curves
from smelt.laws.curves.minima import fit_minima
from smelt.laws.fitting.fit import Fit, bootstrap, fit, held_out_error
from smelt.laws.fitting.influence import drop_in_turn
from smelt.laws.fitting.objective import Objective
from smelt.laws.forms import FORMS
from smelt.laws.points import Points

FORM = FORMS["chinchilla"]
QUICK_FORM = FewStarts()
"""Finds the same optima (the first test holds the whole grid against the figure) in a fraction of the time."""


@pytest.fixture(scope="module")
def all_epoch(shared_data: Path) -> Points:
    """Hoffmann et al.'s runs as Besiroglu et al. 2024 read them off a figure: 245, with D = C/6N."""
    frame = pl.read_csv(shared_data / "scaling/epoch_chinchilla/svg_extracted_data.csv").select(
        n_params="Model Size", flops="Training FLOP", loss_nats="loss"
    )
    return Points.from_frame(frame.with_columns(n_tokens=pl.col("flops") / 6 / pl.col("n_params")))[0]


def without_largest_losses(points: Points, count: int) -> Points:
    return points.where(np.argsort(np.argsort(points.loss_nats)) < len(points) - count)


@pytest.fixture(scope="module")
def epoch(all_epoch: Points) -> Points:
    return without_largest_losses(all_epoch, 5)


@pytest.fixture(scope="module")
def epoch_fit(epoch: Points) -> Fit:
    return fit(FORM, epoch.observations)


def test_the_optimum_of_besiroglus_objective(epoch: Points, epoch_fit: Fit) -> None:
    assert len(epoch) == 240
    assert epoch_fit.n_starts == 4500
    assert epoch_fit.objective <= 1.018275e-3
    found = {name: float(value) for name, value in FORM.named(epoch_fit.theta).items()}
    assert found["A"] == pytest.approx(477.826, abs=1)
    assert found["B"] == pytest.approx(2143.417, abs=5)
    assert found["E"] == pytest.approx(1.817218, abs=2e-4)
    assert found["alpha"] == pytest.approx(0.3473105, abs=2e-4)
    assert found["beta"] == pytest.approx(0.3671724, abs=2e-4)
    assert found["beta"] / (found["alpha"] + found["beta"]) == pytest.approx(0.51390, abs=2e-4)


def test_the_published_headline_is_the_least_absolute_deviation_optimum(epoch: Points) -> None:
    found = FORM.named(fit(QUICK_FORM, epoch.observations, objective=Objective("lad")).theta)
    expected = {"A": 481.93, "B": 2085.00, "E": 1.81684, "alpha": 0.34780, "beta": 0.36584}
    for name, value in expected.items():
        assert float(found[name]) == pytest.approx(value, rel=1e-4), name


def test_bootstrap_standard_errors(epoch: Points, epoch_fit: Fit) -> None:
    draws = FORM.named(bootstrap(epoch_fit, epoch.observations, draws=4000, seed=42))
    errors = {name: np.std(values) for name, values in draws.items()}
    errors["a"] = np.std(draws["beta"] / (draws["alpha"] + draws["beta"]))
    expected = {"A": 124.48, "B": 1293.0, "E": 0.02565, "alpha": 0.01540, "beta": 0.02059, "a": 0.01997}
    for name, value in expected.items():
        assert errors[name] == pytest.approx(value, rel=0.03), name


@pytest.mark.parametrize(("below", "n_test", "percent"), [(1e20, 104, 0.89), (3e20, 63, 1.00), (1e21, 23, 1.05)])
def test_held_out_error_of_the_larger_runs(epoch: Points, below: float, n_test: int, percent: float) -> None:
    train, test = epoch.where(epoch.flops < below), epoch.where(epoch.flops >= below)
    assert len(test) == n_test
    assert 100 * held_out_error(QUICK_FORM, train=train.observations, test=test.observations) == pytest.approx(
        percent, abs=0.05
    )


def test_allocation_of_gophers_budget(epoch_fit: Fit) -> None:
    log_nd = np.log(5.76e23 / 6)
    log_n = FORM.optimal_log_n(epoch_fit.theta, log_nd)
    n_params, n_tokens = np.exp(log_n), np.exp(log_nd - log_n)
    assert float(n_params) == pytest.approx(73.19e9, rel=0.005)
    assert float(n_tokens) == pytest.approx(1.3116e12, rel=0.005)
    assert float(FORM.loss(epoch_fit.theta, {"N": n_params, "D": n_tokens})) == pytest.approx(1.97391, rel=0.005)


def test_a_few_outliers_move_the_exponents(all_epoch: Points) -> None:
    seen = all_epoch.observations
    dropped = drop_in_turn(fit(QUICK_FORM, seen), seen, by="loss")
    betas, exponents = list(dropped.theta[:, 4]), list(dropped.exponent)
    assert betas == pytest.approx([0.453, 0.412, 0.403, 0.382, 0.371, 0.367], abs=6e-4)
    assert (exponents[0], exponents[-1]) == pytest.approx((0.565, 0.514), abs=6e-4)


def test_variable_projection_of_squared_errors(epoch: Points) -> None:
    points = epoch.where(epoch.flops < 1e21)
    assert len(points) == 217
    found = FORM.named(fit(FORM, points.observations, objective=Objective("mse")).theta)
    a, b, e, alpha, beta = (float(value) for value in found.values())
    assert (e, alpha, beta) == pytest.approx((1.9051, 0.3511, 0.4587), abs=1e-4)
    assert a / 1e6**alpha == pytest.approx(4.0005, abs=1e-4)  # N in millions, D in billions
    assert b / 1e9**beta == pytest.approx(1.0509, abs=1e-4)


def test_without_the_compiled_engine_the_optimum_is_the_same(epoch: Points, epoch_fit: Fit) -> None:
    plain = fit(FORM, epoch.observations, compiled=False)
    assert not plain.compiled
    np.testing.assert_allclose(plain.theta, epoch_fit.theta, rtol=1e-6)


def test_llama_3s_isoflop_curves(shared_data: Path) -> None:
    frame = pl.read_csv(shared_data / "scaling/isoflops/llama3_isoflops_points.csv").select(
        budget_flops="compute_budget", n_tokens="training_tokens", loss_nats="validation_loss"
    )
    size = pl.col("budget_flops") / 6 / pl.col("n_tokens")
    points, _ = Points.from_frame(frame.with_columns(n_params=size, flops="budget_flops"))
    curves = fit_curves(points, draws=0, seed=0)
    assert (len(curves), len(points)) == (10, 133)
    minima = fit_minima(curves)
    assert minima is not None
    assert np.exp(minima.log_d.intercept) == pytest.approx(0.2994, rel=0.005)
    assert minima.log_d.slope == pytest.approx(0.5368, abs=2e-4)
    assert np.exp(minima.log_d.at(3.8e25)) == pytest.approx(16.1e12, rel=0.005)


def test_6nd_of_published_models(shared_data: Path) -> None:
    models = pl.read_csv(shared_data / "scaling/reference_tables/models.csv")
    runs = models.select(run="model", n_params="params", n_tokens="tokens").with_columns(loss_nats=pl.lit(2.0))
    points, _ = Points.from_frame(runs)
    flops = dict(zip(points.run, points.flops, strict=True))
    expected = {"GPT-3": 3.15e23, "Gopher": 5.04e23, "Chinchilla": 5.88e23, "Llama3-405B": 3.79e25}
    assert {model: float(flops[model]) for model in expected} == pytest.approx(expected, rel=1e-3)

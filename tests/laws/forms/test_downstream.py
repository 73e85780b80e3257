"""From a loss to a score: the forms of the second step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from gradients import assert_gradient, kernel
from smelt.laws.fitting.fit import fit
from smelt.laws.fitting.objective import Objective
from smelt.laws.forms.downstream import ExponentialError, Sigmoid
from smelt.laws.points import Observations

BPB = np.linspace(0.7, 1.6, 20)
TOP, K, X0, LOW = 0.85, 9.0, 1.0, 0.26
THETA = np.array([np.log(TOP / (1 - TOP)), np.log(K), X0, LOW])


def test_the_sigmoid_is_the_papers_formula() -> None:
    a, b = LOW - TOP, TOP  # as the paper writes it
    expected = a / (1 + np.exp(-K * (BPB - X0))) + b
    np.testing.assert_allclose(kernel(Sigmoid(), THETA, BPB[:, None])[0], expected, rtol=1e-12)
    np.testing.assert_allclose(Sigmoid().loss(THETA, {"bpb": BPB}), expected, rtol=1e-12)
    fixed = Sigmoid(chance=True)
    np.testing.assert_allclose(fixed.loss(THETA[:3], {"bpb": BPB, "chance": LOW}), expected, rtol=1e-12)
    assert float(Sigmoid().named(THETA)["top"]) == pytest.approx(TOP)


@pytest.mark.parametrize("chance", [False, True])
def test_the_sigmoids_gradient_at_every_start_is_that_of_finite_differences(chance: bool) -> None:
    form = Sigmoid(chance=chance)
    x = form.encode({"bpb": BPB, "chance": LOW})
    for theta in form.starts(x, Sigmoid().loss(THETA, {"bpb": BPB})):
        assert np.all(np.isfinite(theta))
        assert_gradient(form, theta, x)


@pytest.mark.parametrize("chance", [False, True])
def test_a_planted_sigmoid_is_found_in_the_values_themselves(chance: bool) -> None:
    form, variables = Sigmoid(chance=chance), {"bpb": BPB, "chance": np.full_like(BPB, LOW)}
    runs = tuple(str(i) for i in range(len(BPB)))
    found = fit(form, Observations(runs, variables, Sigmoid().loss(THETA, {"bpb": BPB})))
    np.testing.assert_allclose(found.theta, THETA[: len(form.parameters)], rtol=1e-3)


def test_no_accuracy_is_above_one() -> None:
    rising = np.linspace(0.3, 0.9, len(BPB))[::-1]  # no sign of a top
    found = fit(Sigmoid(), Observations(tuple(map(str, BPB)), {"bpb": BPB}, rising))
    assert float(Sigmoid().loss(found.theta, {"bpb": 0.0})) <= 1


def test_residuals_of_an_accuracy_are_differences_and_not_ratios() -> None:
    accuracy = Sigmoid().loss(THETA, {"bpb": BPB})
    seen = Observations(tuple(map(str, BPB)), {"bpb": BPB}, accuracy)
    found = fit(Sigmoid(), seen)
    shifted = Observations(seen.run, seen.variables, accuracy + 0.01)
    np.testing.assert_allclose(found.residuals(shifted), 0.01, atol=1e-4)


def test_the_errors_gradient_and_planted_parameters() -> None:
    theta, x = np.array([0.85, np.log(2.0), np.log(0.9)]), np.linspace(2.0, 4.5, 15)
    error = ExponentialError().loss(theta, {"L": x})
    np.testing.assert_allclose(error, 0.85 - 2.0 * np.exp(-0.9 * x), rtol=1e-12)
    for start in ExponentialError().starts(x[:, None], error):
        assert_gradient(ExponentialError(), start, x[:, None])
    found = fit(ExponentialError(), Observations(tuple(map(str, x)), {"L": x}, error))
    np.testing.assert_allclose(found.theta, theta, rtol=1e-3)


def test_average_errors_of_over_trained_models_follow_their_loss(shared_data: Path) -> None:
    """Gadre et al. 2024, section 4: fitted to small models, the 17-task error of the large ones by their C4 loss."""
    runs = pl.read_csv(shared_data / "scaling/gadre_overtraining/runs_c4_rpj.csv").filter(
        pl.col("dataset") == "rpj", pl.col("err_avg17").is_not_null()
    )
    small, large = runs.filter(pl.col("N") < 1e9), runs.filter(pl.col("N") >= 1e9)
    loss, error = small["loss_c4_val"].to_numpy(), small["err_avg17"].to_numpy()
    seen = Observations(tuple(small["name"]), {"L": loss}, error)
    found = fit(ExponentialError(), seen, objective=Objective(huber_delta=1.0))
    predicted = ExponentialError().loss(found.theta, {"L": large["loss_c4_val"].to_numpy()})
    assert (
        np.max(np.abs(predicted / large["err_avg17"].to_numpy() - 1)) < 0.025
    )  # published, of the whole chain: at most 3.64%

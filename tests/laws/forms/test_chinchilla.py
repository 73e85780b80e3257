"""Hoffmann et al.'s form says its formula, and its optimum is the numeric one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from planted_runs import ladder
from smelt.laws.fitting.fit import fit
from smelt.laws.forms import Floats, Variables
from smelt.laws.forms.chinchilla import Chinchilla
from smelt.laws.points import Points

EPOCH = np.array([np.log(477.826), np.log(2143.417), np.log(1.817218), 0.3473105, 0.3671724])
"""ln A, ln B, ln E, alpha, beta of the Chinchilla data (Besiroglu et al. 2024's objective, at its optimum)."""
THETAS = [EPOCH, np.array([3.0, 8.0, -2.0, 0.1, 0.9]), np.array([0.5, 0.1, 1.0, 0.0, 0.0])]
FORM = Chinchilla()


def log_loss(theta: Floats, x: Floats) -> tuple[Floats, Floats]:
    values, jacobian = np.empty(len(x)), np.empty((len(x), len(theta)))
    FORM.log_loss(theta, x, values, jacobian)
    return values, jacobian


def some_runs() -> Floats:
    return np.random.default_rng(0).uniform([10, 14], [25, 28], size=(20, 2))


@pytest.mark.parametrize("theta", THETAS)
def test_the_compiled_logarithm_is_the_formula(theta: Floats) -> None:
    x = some_runs()
    a, b, e, alpha, beta = FORM.named(theta).values()
    expected = e + a / np.exp(x[:, 0]) ** alpha + b / np.exp(x[:, 1]) ** beta
    np.testing.assert_allclose(np.exp(log_loss(theta, x)[0]), expected, rtol=1e-12)
    np.testing.assert_allclose(FORM.loss(theta, {"N": np.exp(x[:, 0]), "D": np.exp(x[:, 1])}), expected, rtol=1e-12)


@pytest.mark.parametrize("flops", [1e17, 5.76e23])
def test_the_closed_form_optimum_is_the_numeric_minimum(flops: float) -> None:
    log_nd = np.log(flops / 6)
    found = minimize_scalar(
        lambda log_n: float(FORM.loss(EPOCH, {"N": np.exp(log_n), "D": np.exp(log_nd - log_n)})),
        bounds=(5, 40),
        method="bounded",
    )
    assert float(FORM.optimal_log_n(EPOCH, log_nd)) == pytest.approx(found.x, abs=1e-3)


def test_an_exponent_that_is_not_positive_has_no_optimum() -> None:
    assert np.isnan(FORM.optimal_log_n(np.array([1.0, 1.0, 0.0, -0.1, 0.3]), 40.0))


def floorless_log_loss(theta: Floats, x: Floats, log_loss: Floats, jacobian: Floats) -> None:
    """ln(A/N^alpha) alone."""
    for i in range(x.shape[0]):
        log_loss[i] = theta[0] - theta[1] * x[i, 0]
        jacobian[i, 0] = 1.0
        jacobian[i, 1] = -x[i, 0]


class Floorless(Chinchilla):
    """Another form: a power law in N."""

    parameters = ("ln_A", "alpha")
    log_loss = staticmethod(floorless_log_loss)

    def starts(self, x: Floats, log_loss: Floats) -> Floats:
        return np.array([[0.0, 0.0], [1.0, 1.0]])

    def shift(self, theta: Floats, by: Floats) -> Floats:
        return theta - np.stack([theta[..., 1] * by[0], np.zeros_like(theta[..., 1])], axis=-1)

    def loss(self, theta: Floats, variables: Variables) -> Floats:
        return np.exp(theta[..., 0] - theta[..., 1] * np.log(variables["N"]))


def test_a_new_form_is_one_class() -> None:
    runs = ladder(noise=0, loss=lambda n_params, _: 9.0 / n_params**0.3)
    points, _ = Points.from_frame(runs)
    np.testing.assert_allclose(fit(Floorless(), points.observations).theta, [np.log(9.0), 0.3], rtol=1e-6)

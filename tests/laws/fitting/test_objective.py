"""What is minimised is what it says, and squared errors have the optimum that others find."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from scipy.optimize import approx_fprime, curve_fit
from scipy.special import huber

from planted_runs import FewStarts, ladder
from smelt.laws.fitting.fit import fit
from smelt.laws.fitting.objective import Kind, Objective
from smelt.laws.forms import Floats, Form, Variables
from smelt.laws.points import Observations, Points

KINDS = get_args(Kind)
MSE = Objective("mse")


def seen_of(noise: float = 0.003, seed: int = 0) -> Observations:
    return Points.from_frame(ladder(noise=noise, seed=seed, sizes=8, half_width=2))[0].observations


def test_hubers_loss_is_that_of_scipy() -> None:
    residuals = np.linspace(-0.01, 0.01, 41)
    np.testing.assert_allclose(Objective().rho(residuals), huber(1e-3, residuals), rtol=1e-12)


def test_least_absolute_deviations_are_absolute_values() -> None:
    residuals = np.linspace(-0.01, 0.01, 40)
    np.testing.assert_allclose(Objective("lad").rho(residuals) / 1e-6, np.abs(residuals), rtol=1e-2)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("residual", [-0.02, -3e-4, 5e-4, 0.1])
def test_the_pull_of_a_run_is_the_slope_of_its_loss(kind: Kind, residual: float) -> None:
    objective = Objective(kind)
    slope = approx_fprime(np.array([residual]), lambda r: float(objective.rho(r)[0]), 1e-9)
    assert float(objective.psi(np.array([residual]))[0]) == pytest.approx(float(slope[0]), abs=1e-7)


@pytest.mark.parametrize("seed", [0, 1])
def test_squared_errors_have_the_optimum_of_scipys_curve_fit(seed: int) -> None:
    seen, form = seen_of(seed=seed), FewStarts()
    found = fit(form, seen, objective=MSE)

    def loss(_: Floats, *theta: float) -> Floats:
        return form.loss(np.array(theta), seen.variables)

    theirs, _ = curve_fit(loss, np.zeros(len(seen)), seen.loss, p0=found.theta * 1.02, xtol=1e-14, ftol=1e-14)
    np.testing.assert_allclose(found.theta, theirs, rtol=1e-5)
    assert found.objective == pytest.approx(float(np.sum((form.loss(theirs, seen.variables) - seen.loss) ** 2)))


class Unprojected(FewStarts):
    """The same form, said to be linear in nothing."""

    nonlinear = ()


def test_a_form_that_cannot_be_projected_is_fitted_from_all_its_starts_to_the_same_optimum() -> None:
    seen = seen_of()
    projected, plain = fit(FewStarts(), seen, objective=MSE), fit(Unprojected(), seen, objective=MSE)
    assert plain.n_starts == 75
    np.testing.assert_allclose(plain.theta, projected.theta, rtol=1e-6)


def with_offset_log_loss(theta: Floats, x: Floats, log_loss: Floats, jacobian: Floats) -> None:
    """ln(c + A/N^alpha), c of either sign."""
    for i in range(x.shape[0]):
        term = np.exp(theta[0] - theta[2] * x[i, 0])
        loss = max(theta[1] + term, 1e-9)
        log_loss[i] = np.log(loss)
        jacobian[i, 0] = term / loss
        jacobian[i, 1] = 1.0 / loss
        jacobian[i, 2] = -x[i, 0] * term / loss


class WithOffset(Form):
    """L = c + A/N^alpha: a linear parameter that may be negative."""

    name, formula, source, fails = "with-offset", "L(N) = c + A/N^alpha", "a test", ""
    variables, parameters, nonlinear = ("N",), ("ln_A", "c", "alpha"), ("alpha",)
    log_loss = staticmethod(with_offset_log_loss)

    def starts(self, x: Floats, log_loss: Floats) -> Floats:
        return np.array([[0.0, 0.0, alpha] for alpha in (0.05, 0.5, 1.0)])

    def basis(self, nonlinear: Floats, x: Floats) -> Floats:
        return np.column_stack([np.exp(-nonlinear[0] * x[:, 0]), np.ones(len(x))])

    def loss(self, theta: Floats, variables: Variables) -> Floats:
        ln_a, c, alpha = np.moveaxis(theta, -1, 0)
        return c + np.exp(ln_a - alpha * np.log(variables["N"]))


def test_a_linear_parameter_that_is_no_logarithm_may_be_negative() -> None:
    seen = Points.from_frame(ladder(noise=0, loss=lambda n, _: 9.0 / n**0.1 - 0.7))[0].observations
    found = fit(WithOffset(), seen, objective=MSE)
    np.testing.assert_allclose(found.theta, [np.log(9), -0.7, 0.1], rtol=1e-5)


def test_a_term_that_the_runs_do_without_is_nothing() -> None:
    """Losses that fall faster than any power with a floor above zero: the best floor is none."""
    seen = Points.from_frame(ladder(noise=0, loss=lambda n, d: 40 / n**0.25 + 120 / d**0.27 - 0.1))[0].observations
    assert FewStarts().named(fit(FewStarts(), seen, objective=MSE).theta)["E"] < 1e-6

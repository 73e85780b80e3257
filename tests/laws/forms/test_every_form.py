"""What holds of every form in `FORMS`: a new one is held to it by being there."""

from __future__ import annotations

import numpy as np
import pytest

from planted_forms import SPANS, is_free, log_loss, planted_runs, planted_theta, some_variables
from smelt.laws.fitting.fit import Fit, fit
from smelt.laws.fitting.objective import Objective
from smelt.laws.fitting.problem import Problem
from smelt.laws.forms import FORMS, Form
from smelt.laws.points import Observations

EVERY = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
STARTS = 400
"""From so many a form must find what was planted: Chinchilla's grid of 4,500 would take as long as all others."""
SPLITTING = [form for form in FORMS.values() if {"N", "D"} <= set(form.variables)]


def fit_from_few(form: Form, seen: Observations, monkeypatch: pytest.MonkeyPatch) -> Fit:
    """The fit from an even choice of the form's starts."""
    starts = form.starts(seen.x(form), np.log(seen.loss))
    monkeypatch.setattr(form, "starts", lambda *_: starts[:: max(len(starts) // STARTS, 1)])
    return fit(form, seen)


@EVERY
def test_a_form_is_registered_by_its_name_and_judged_by_parameters_it_names(form: Form) -> None:
    assert FORMS[form.name] is form
    assert form.formula
    assert form.source
    assert form.fails.endswith(".")
    theta, _ = planted_runs(form)
    assert len(theta) == len(form.parameters)
    assert set(form.judged) <= set(form.named(theta))
    assert set(form.fixed) <= set(form.parameters)


@EVERY
def test_parameters_go_to_their_names_and_back(form: Form) -> None:
    theta, _ = planted_runs(form)
    named = {name: float(value) for name, value in form.named(theta).items()}
    np.testing.assert_allclose(form.theta(named), theta, rtol=1e-12)


@EVERY
def test_the_compiled_logarithm_is_the_formula(form: Form) -> None:
    theta, seen = planted_runs(form)
    np.testing.assert_allclose(form.loss(theta, seen.variables), seen.loss, rtol=1e-10)
    draws = np.stack([theta, theta])  # (draws, P) at one point, as a law's interval asks
    point = {name: float(values[0]) for name, values in seen.variables.items()}
    np.testing.assert_allclose(form.loss(draws, point), [seen.loss[0]] * 2, rtol=1e-10)


@pytest.mark.parametrize("form", [form for form in FORMS.values() if form.nonlinear], ids=lambda form: form.name)
def test_the_basis_times_the_linear_parameters_is_the_loss(form: Form) -> None:
    theta, seen = planted_runs(form)
    is_linear = np.array([name not in form.nonlinear for name in form.parameters])
    basis = form.basis(theta[~is_linear], seen.x(form))
    np.testing.assert_allclose(basis @ np.exp(theta[is_linear]), seen.loss, rtol=1e-10)


@EVERY
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_gradient_is_that_of_finite_differences(form: Form, seed: int) -> None:
    variables = some_variables(form, runs=12, seed=seed)
    theta = planted_theta(form, variables)
    x, step = form.encode(variables), 1e-6
    centre = form.centre(x)
    theta, x = form.shift(theta, centre), x - centre
    _, jacobian = log_loss(form, theta, x)
    for i, free in enumerate(is_free(form)):
        if not free:
            assert np.all(jacobian[:, i] == 0)
            continue
        nudge = step * np.eye(len(theta))[i]
        numeric = (log_loss(form, theta + nudge, x)[0] - log_loss(form, theta - nudge, x)[0]) / (2 * step)
        np.testing.assert_allclose(jacobian[:, i], numeric, rtol=1e-5, atol=1e-8, err_msg=form.parameters[i])


@EVERY
def test_shifting_changes_the_parameters_and_not_the_law(form: Form) -> None:
    theta, seen = planted_runs(form)
    x = seen.x(form)
    centre = form.centre(x)
    shifted = form.shift(theta, centre)
    np.testing.assert_allclose(log_loss(form, shifted, x - centre)[0], np.log(seen.loss), atol=1e-10)
    np.testing.assert_allclose(form.shift(shifted, -centre), theta, atol=1e-9)


@EVERY
def test_parameters_planted_without_noise_are_found(form: Form, monkeypatch: pytest.MonkeyPatch) -> None:
    theta, seen = planted_runs(form)
    found = fit_from_few(form, seen, monkeypatch)
    np.testing.assert_allclose(found.form.loss(found.theta, seen.variables), seen.loss, rtol=1e-5)
    planted, recovered = form.named(theta), form.named(found.theta)
    for name in form.judged:
        assert float(recovered[name]) == pytest.approx(float(planted[name]), rel=0.01), name


@EVERY
def test_no_other_start_ends_lower(form: Form, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five hundred starts scattered about the form's own, and the truth."""
    theta, seen = planted_runs(form, noise=0.01)
    found, x = fit_from_few(form, seen, monkeypatch), seen.x(form)
    generator = np.random.default_rng(3)
    chosen = form.starts(x, np.log(seen.loss))
    chosen = chosen[generator.integers(len(chosen), size=500)]
    width = np.where(is_free(form), np.where(np.abs(chosen) < 1, 0.5 * np.abs(chosen), 0.7), 0.0)
    others = np.vstack([chosen + width * generator.standard_normal(chosen.shape), theta])
    _, reached = Problem.of(form, seen, Objective()).solve(others)
    assert found.objective <= np.nanmin(reached) * (1 + 1e-6)


@pytest.mark.parametrize("form", [form for form in FORMS.values() if form.fixed], ids=lambda form: form.name)
def test_a_fit_leaves_fixed_parameters_where_they_were(form: Form) -> None:
    theta, seen = planted_runs(form, noise=0.01)
    found = fit(form, seen)
    fixed = ~is_free(form)
    np.testing.assert_allclose(found.theta[fixed], theta[fixed], rtol=1e-9)
    assert np.all(found.theta[~fixed] != theta[~fixed])


@pytest.mark.parametrize("form", SPLITTING, ids=lambda form: form.name)
@pytest.mark.parametrize("flops", [1e19, 1e22])
def test_the_optimum_is_the_numeric_minimum(form: Form, flops: float) -> None:
    theta, _ = planted_runs(form)
    held = {name: float(np.sqrt(np.prod(SPANS[name]))) for name in form.further}
    log_nd = np.log(flops / 6)
    found = float(form.optimal_log_n(theta, log_nd, held))
    numeric = float(Form.optimal_log_n(form, theta, log_nd, held))
    assert found == pytest.approx(numeric, abs=1e-5)


@pytest.mark.parametrize("form", [form for form in FORMS.values() if form not in SPLITTING], ids=lambda form: form.name)
def test_a_form_without_size_or_data_has_no_optimum(form: Form) -> None:
    theta, _ = planted_runs(form)
    assert np.isnan(form.optimal_log_n(theta, 40.0))

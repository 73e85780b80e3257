"""The laws of mixtures as forms."""

from __future__ import annotations

import numpy as np
import pytest

from gradients import assert_gradient, kernel
from smelt.laws.fitting.fit import fit
from smelt.laws.fitting.objective import Objective
from smelt.laws.forms import Floats
from smelt.laws.forms.mixture import LinearMixture, Mixture
from smelt.laws.points import Observations

DOMAINS = ("web", "code", "books")
PLANTED = np.array([np.log(1.5), 0.2, -1.1, 0.6])


def shares(n: int = 24) -> Floats:
    return np.random.default_rng(0).dirichlet([1.0, 1.0, 1.0], size=n)


def variables(x: Floats) -> dict[str, Floats]:
    return {name: x[:, j] for j, name in enumerate(DOMAINS)}


def seen(x: Floats, y: Floats) -> Observations:
    return Observations(run=tuple(str(i) for i in range(len(y))), variables=variables(x), loss=y)


def test_the_kernel_is_the_papers_formula() -> None:
    x, form = shares(), Mixture(DOMAINS)
    named = form.named(PLANTED)
    exponent = sum(named[f"t_{name}"] * x[:, j] for j, name in enumerate(DOMAINS))
    expected = named["c"] + named["k"] * np.exp(exponent)
    np.testing.assert_allclose(np.exp(kernel(form, PLANTED, x)[0]), expected, rtol=1e-12)
    np.testing.assert_allclose(form.loss(PLANTED, variables(x)), expected, rtol=1e-12)


def test_k_is_the_mixture_of_equal_shares_above_c() -> None:
    named = Mixture(DOMAINS).named(PLANTED)
    equal = float(Mixture(DOMAINS).loss(PLANTED, dict.fromkeys(DOMAINS, 1 / 3)))
    assert float(named["k"]) == pytest.approx(equal - float(named["c"]), rel=1e-12)
    assert sum(float(named[f"t_{name}"]) for name in DOMAINS) == pytest.approx(0, abs=1e-12)


def test_gradients_at_every_start_are_those_of_finite_differences() -> None:
    x = shares()
    y = kernel(Mixture(DOMAINS), PLANTED, x)[0]
    for theta in Mixture(DOMAINS).starts(x, y):
        assert_gradient(Mixture(DOMAINS), theta, x)
    assert_gradient(LinearMixture(DOMAINS), np.array([1.0, 2.0, 3.0]), x)


def test_planted_parameters_are_found_from_few_runs() -> None:
    x, form = shares(), Mixture(DOMAINS)
    found = fit(form, seen(x, form.loss(PLANTED, variables(x))))
    np.testing.assert_allclose(found.theta, PLANTED, rtol=1e-3)


def test_the_linear_form_is_ordinary_least_squares() -> None:
    x = shares()
    y = 2 + x @ [0.3, 1.0, -0.2] + 0.01 * np.random.default_rng(1).standard_normal(len(x))
    found = fit(LinearMixture(DOMAINS), seen(x, y), objective=Objective(huber_delta=1e3))
    np.testing.assert_allclose(found.theta, np.linalg.lstsq(x, y, rcond=None)[0], rtol=1e-9)


def test_a_domain_that_is_absent_is_no_reason_for_a_logarithm() -> None:
    x = np.array([[1.0, 0.0, 0.0]])
    np.testing.assert_array_equal(Mixture(DOMAINS).encode(variables(x)), x)

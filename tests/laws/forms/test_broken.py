"""Broken power laws: one is found whichever way it bends, and goes on where a power law does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.optimize import curve_fit

from gradients import assert_gradient, kernel
from smelt.laws.fitting.fit import fit
from smelt.laws.fitting.objective import Objective
from smelt.laws.forms import FORMS, Floats, Form
from smelt.laws.forms.broken import Broken
from smelt.laws.points import Observations

X = np.array([160, 192, 256, 320, 384, 448, 480, 512, 544, 576, 608, 640, 672, 736, 800, 864, 928.0])
FITTED = [2.13809046, 2.11813418, 2.08955508, 2.06988398, 2.05404987, 2.03837089, 2.02814281]
MIDDLE = [2.00496872, 1.95576149, 1.86313841, 1.70891537, 1.50637664, 1.29754721, 0.96559684]
BEYOND = [0.75856477, 0.64768338, 0.55695445]
Y = np.array([*FITTED, *MIDDLE, *BEYOND])
"""Test loss of 4-digit addition by training examples (Caballero et al. 2023, figure 4 left): 14 to fit, 3 beyond."""
SEEN = 14
ONE_BREAK = np.array([np.log(0.4), np.log(2.2), 0.05, 5.7, np.log(610.0), np.log(0.06)])


def seen(x: Floats, y: Floats) -> Observations:
    return Observations(run=tuple(str(value) for value in x), variables={"D": x}, loss=y)


def rmsle(form: Form, theta: Floats) -> float:
    """Root of the mean squared error of ln L beyond what was fitted."""
    return float(np.sqrt(np.mean(np.log(form.loss(theta, {"D": X[SEEN:]}) / Y[SEEN:]) ** 2)))


def extrapolated(breaks: int, objective: Objective | None = None) -> float:
    form = Broken("D", breaks=breaks)
    return rmsle(form, fit(form, seen(X[:SEEN], Y[:SEEN]), objective=objective).theta)


@pytest.mark.parametrize("objective", [Objective(), Objective("lad"), Objective(huber_delta=1.0)], ids=lambda o: o.kind)
def test_a_sharp_drop_is_carried_on_to_two_per_cent_where_a_power_law_is_off_by_a_factor(objective: Objective) -> None:
    assert extrapolated(1, objective) < 0.02
    assert extrapolated(0, objective) > 0.8  # published of a power law: .83


def test_a_second_break_that_the_runs_do_not_show_does_no_great_harm() -> None:
    assert extrapolated(2) < 0.05


def test_the_extrapolation_is_no_worse_than_that_of_the_authors_method() -> None:
    def theirs(x: Floats, a: float, b: float, c0: float, c1: float, d: float, f: float) -> Floats:
        return np.log(1 + a + b * x**-c0 * (1 + (x / d) ** (1 / f)) ** (-c1 * f))

    start = [0.4, 2.2, 0.05, 5.0, 600.0, 0.07]  # near the optimum: their grid takes minutes
    a, b, c0, c1, d, f = curve_fit(theirs, X[:SEEN], np.log(1 + Y[:SEEN]), p0=start, maxfev=100_000)[0]
    theta = np.array([np.log(a), np.log(b), c0, c1, np.log(d), np.log(f)])
    assert extrapolated(1) < 1.2 * rmsle(Broken("D"), theta)


def test_most_descents_end_at_one_optimum() -> None:
    assert fit(Broken("D"), seen(X[:SEEN], Y[:SEEN])).at_optimum > 0.5


def test_the_figure_is_that_of_the_released_points(shared_data: Path) -> None:
    released = pl.read_csv(shared_data / "scaling/bnsl/fit14.csv")
    np.testing.assert_array_equal(released["dataset_size"].to_numpy(), X[:SEEN])
    np.testing.assert_allclose(released["test_loss"].to_numpy(), Y[:SEEN])


@pytest.mark.parametrize(
    ("name", "c0", "c1"), [("break", 0.1, 0.3), ("U", 0.4, -0.9), ("inverse", -0.15, -0.3), ("levels off", 0.5, -0.45)]
)
def test_planted_breaks_are_found_whichever_way_they_bend(name: str, c0: float, c1: float) -> None:
    x = np.logspace(7, 10, 25)
    planted = np.array([np.log(0.5), np.log(2.0) + c0 * np.log(3e8), c0, c1, np.log(3e8), np.log(0.4)])
    form = Broken("D")
    found = fit(form, seen(x, form.loss(planted, {"D": x})))
    for key, value in form.named(planted).items():
        assert float(form.named(found.theta)[key]) == pytest.approx(float(value), rel=0.01), (name, key)


def test_a_planted_break_is_found_under_noise() -> None:
    x = np.logspace(7, 10, 40)
    form, planted = Broken("D"), np.array([np.log(0.5), 2.5, 0.1, 0.5, np.log(3e8), np.log(0.3)])
    noise = np.exp(0.003 * np.random.default_rng(0).standard_normal(len(x)))
    found = form.named(fit(form, seen(x, form.loss(planted, {"D": x}) * noise)).theta)
    assert float(found["d1"]) == pytest.approx(3e8, rel=0.2)
    assert float(found["c0"]) == pytest.approx(0.1, abs=0.03)


@pytest.mark.parametrize("breaks", [0, 1, 2])
def test_the_gradient_at_every_start_is_that_of_finite_differences(breaks: int) -> None:
    form, x = Broken("D", breaks=breaks), np.log(X)[:, None]
    starts = form.starts(x[:SEEN], np.log(Y[:SEEN]))
    assert np.all(np.isfinite(starts))
    for theta in starts[:: max(len(starts) // 20, 1)]:
        assert_gradient(form, theta, x)


def test_the_kernel_is_the_papers_formula() -> None:
    form = Broken("D", breaks=2)
    a, b, c0, c1, d1, f1, c2, d2, f2 = 0.4, 2.0, 0.1, 0.5, 200.0, 0.3, -0.4, 600.0, 0.8
    theta = np.array([np.log(a), np.log(b), c0, c1, np.log(d1), np.log(f1), c2, np.log(d2), np.log(f2)])
    expected = a + b * X**-c0 * (1 + (X / d1) ** (1 / f1)) ** (-c1 * f1) * (1 + (X / d2) ** (1 / f2)) ** (-c2 * f2)
    np.testing.assert_allclose(np.exp(kernel(form, theta, np.log(X)[:, None])[0]), expected, rtol=1e-12)
    np.testing.assert_allclose(form.loss(theta, {"D": X}), expected, rtol=1e-12)


def test_a_break_too_sharp_or_too_wide_to_tell_has_a_finite_gradient() -> None:
    for log_f in (-800.0, 800.0):
        theta = ONE_BREAK.copy()
        theta[-1] = log_f
        values, jacobian = kernel(Broken("D"), theta, np.log(X)[:, None])
        assert np.all(np.isfinite(values))
        assert np.all(np.isfinite(jacobian))


def test_breaks_are_numbered_by_their_place() -> None:
    form = Broken("D", breaks=2)
    theta = np.array([0.0, 1.0, 0.1, 7.0, np.log(900.0), -1.0, 8.0, np.log(200.0), -2.0])
    named = form.named(np.stack([theta, theta]))
    np.testing.assert_allclose(named["d1"], 200.0)
    np.testing.assert_allclose(named["c1"], 8.0)
    np.testing.assert_allclose(named["f2"], np.exp(-1.0))


def test_they_are_registered_for_size_data_and_compute() -> None:
    names = {"broken-n", "broken-d", "broken-c", "broken-2-n", "broken-2-d", "broken-2-c"}
    assert names <= set(FORMS)

"""Profiles are what brute force and least squares find, and say where the runs set no end."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import linregress, t

from planted_runs import FewStarts, ladder, planted_law
from smelt.laws.fitting.fit import Fit, fit
from smelt.laws.fitting.objective import Objective
from smelt.laws.fitting.profile import Profile, profiles, rise_scale
from smelt.laws.forms import Floats, Form, Variables
from smelt.laws.parametric import caveats, verdict
from smelt.laws.points import Observations, Points

FORM = FewStarts()


def seen_of(noise: float = 0.003, seed: int = 0) -> Observations:
    return Points.from_frame(ladder(np.geomspace(1e10, 1e14, 5), noise=noise, seed=seed, half_width=2))[0].observations


@pytest.fixture(scope="module")
def found() -> tuple[Fit, Observations]:
    seen = seen_of()
    return fit(FORM, seen), seen


def brute_force(seen: Observations, theta: Floats, parameter: int, value: float) -> float:
    """The least objective with one parameter held, by scipy from many starts."""
    free = [i for i in range(len(theta)) if i != parameter]

    def objective(others: Floats) -> float:
        full = np.insert(others, parameter, value)
        residuals = np.log(FORM.loss(full, seen.variables)) - np.log(seen.loss)
        return 1e3 * float(Objective().rho(residuals).sum())

    generator, best = np.random.default_rng(0), np.inf
    for scale in (0.0, 0.01, 0.03):
        start = theta[free] * (1 + scale * generator.standard_normal(len(free)))
        for _ in range(4):  # begun anew where it stalled
            reached = minimize(objective, start, method="Nelder-Mead", options={"maxiter": 4000, "fatol": 1e-12})
            start, best = reached.x, min(best, reached.fun)
    return 1e-3 * float(best)


@pytest.mark.parametrize("parameter", [2, 3, 4])
def test_the_ends_of_an_interval_are_those_of_brute_force(found: tuple[Fit, Observations], parameter: int) -> None:
    fitted, seen = found
    profile = profiles(fitted, seen)[parameter]
    scale = rise_scale(Objective(), -fitted.residuals(seen), 5)
    assert profile.limit == pytest.approx(t.ppf(0.975, len(seen) - 5) ** 2)
    for end in (profile.low, profile.high):
        assert end is not None
        rise = 2 * (brute_force(seen, fitted.theta, parameter, end) - fitted.objective) / scale
        assert rise == pytest.approx(profile.limit, rel=0.01)


def test_a_profile_is_least_at_the_optimum_and_rises_from_there(found: tuple[Fit, Observations]) -> None:
    fitted, seen = found
    for i, profile in enumerate(profiles(fitted, seen)):
        least = int(np.argmin(profile.rise))
        assert profile.values[least] == pytest.approx(fitted.theta[i])
        assert np.all(np.diff(profile.values) > 0)
        assert np.all(np.diff(profile.rise[least:]) > 0)
        assert np.all(np.diff(profile.rise[: least + 1]) < 0)
        assert not profile.better


def power_log_loss(theta: Floats, x: Floats, log_loss: Floats, jacobian: Floats) -> None:
    """ln(A/N^alpha)."""
    for i in range(x.shape[0]):
        log_loss[i] = theta[0] - theta[1] * x[i, 0]
        jacobian[i, 0] = 1.0
        jacobian[i, 1] = -x[i, 0]


class Power(Form):
    """A straight line in ln L, centred as Chinchilla's form is."""

    name, formula, source, fails = "power", "L(N) = A/N^alpha", "a test", ""
    variables, parameters = ("N",), ("ln_A", "alpha")
    log_loss = staticmethod(power_log_loss)

    def starts(self, x: Floats, log_loss: Floats) -> Floats:
        return np.zeros((1, 2))

    def centre(self, x: Floats) -> Floats:
        return x.mean(axis=0)

    def shift(self, theta: Floats, by: Floats) -> Floats:
        moved = np.array(theta, dtype=np.float64)
        moved[..., 0] -= moved[..., 1] * by[0]
        return moved

    def loss(self, theta: Floats, variables: Variables) -> Floats:
        return np.exp(theta[..., 0] - theta[..., 1] * np.log(variables["N"]))


def test_least_squares_of_a_line_have_students_interval() -> None:
    """With a delta beyond all residuals Huber's loss is half their square: intervals are those of linear regression."""
    runs = ladder(noise=0.01, loss=lambda n, _: 9.0 / n**0.3)
    seen, squares = Points.from_frame(runs)[0].observations, Objective("huber", huber_delta=10.0)
    log_a, alpha = profiles(fit(Power(), seen, objective=squares), seen, objective=squares)
    line = linregress(np.log(seen.variables["N"]), np.log(seen.loss))
    wide = t.ppf(0.975, len(seen) - 2)
    assert (alpha.low, alpha.high) == pytest.approx(
        (-line.slope - wide * line.stderr, -line.slope + wide * line.stderr)
    )
    assert log_a.high - line.intercept == pytest.approx(wide * line.intercept_stderr, rel=1e-6)


def test_the_scale_of_absolute_deviations_is_that_of_the_density_at_zero() -> None:
    """E psi^2 / E psi' of |r| is 1 / 2f(0): sqrt(pi / 2) sigma for Gaussian residuals."""
    residuals = 0.01 * np.random.default_rng(0).standard_normal(100_000)
    scale = rise_scale(Objective("lad"), residuals, 5) / 1e-6
    assert scale == pytest.approx(0.01 * np.sqrt(np.pi / 2), rel=0.05)
    assert rise_scale(Objective("mse"), residuals, 5) == pytest.approx(2 * 0.01**2, rel=0.02)


def test_a_floor_that_the_runs_do_not_see_has_no_lower_end() -> None:
    parametric = planted_law().findings.parametric
    assert parametric is not None
    floor, alpha = parametric.identifiability["E"], parametric.identifiability["alpha"]
    assert floor.low is None
    assert floor.verdict.startswith("E has no lower end: anything up to 1.")
    assert alpha.verdict == f"alpha is {alpha.low:.3g} to {alpha.high:.3g}"
    assert any(floor.verdict in warning for warning in planted_law().warnings)


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.31, 0.38, "alpha is 0.31 to 0.38"),
        (15.0, 200.0, "alpha is anywhere from 15 to 200"),
        (None, 1.85, "alpha has no lower end: anything up to 1.85"),
        (15.0, None, "alpha has no upper end: anything from 15"),
        (None, None, "alpha is not identified at all: no value of it fits much worse than another"),
    ],
)
def test_verdicts_in_words(low: float | None, high: float | None, words: str) -> None:
    nothing = np.zeros(0)
    assert verdict(Profile("alpha", nothing, nothing, 4.0, low, high, better=False)) == words


def test_runs_that_lie_on_the_form_need_no_profile() -> None:
    seen = seen_of(noise=0)
    assert all(p.low is None or p.high - p.low < 1e-3 for p in profiles(fit(FORM, seen), seen) if p.high is not None)


def test_a_start_that_was_no_optimum_is_told(found: tuple[Fit, Observations]) -> None:
    fitted, seen = found
    theta = fitted.problem(seen).moved(fitted.theta, 3, 1.002 * fitted.theta[3])
    objective = Objective().rho(np.log(FORM.loss(theta, seen.variables) / seen.loss)).sum()
    worse = Fit(FORM, theta, float(objective), n_starts=1, at_optimum=1.0)
    assert any(profile.better for profile in profiles(worse, seen))
    assert "the optimum is not certain" in caveats(worse, profiles(worse, seen))[0]

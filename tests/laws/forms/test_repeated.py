"""Repeated data: the published figures of Muennighoff et al. 2023, and where their fit is not the optimum."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import huber

from smelt.laws.fitting.fit import Fit, bootstrap, fit
from smelt.laws.forms import FORMS, Floats
from smelt.laws.forms.chinchilla import Chinchilla
from smelt.laws.forms.repeated import C4, RepeatedData, RepeatedOnly, effective_data_fraction
from smelt.laws.points import Observations

FORM = RepeatedData()
PUBLISHED = FORM.theta(C4)


@pytest.fixture(scope="module")
def runs(shared_data: Path) -> Observations:
    """The 182 runs of the published fit."""
    frame = pl.read_csv(shared_data / "scaling/muennighoff_data_constrained/paper_fit_182.csv")
    variables = {name: frame[name].to_numpy() for name in FORM.variables}
    return Observations(run=tuple(frame["name"]), variables=variables, loss=frame["val_loss"].to_numpy())


@pytest.fixture(scope="module")
def found(runs: Observations) -> Fit:
    return fit(FORMS["repeated-only"], runs)


def objective(theta: Floats, seen: Observations) -> float:
    """The sum of Huber losses of ln L, by scipy."""
    return float(np.sum(huber(1e-3, np.log(FORM.loss(theta, seen.variables)) - np.log(seen.loss))))


def r_squared(predicted: Floats, seen: Observations) -> float:
    return 1 - float(np.sum((seen.loss - predicted) ** 2) / np.sum((seen.loss - seen.loss.mean()) ** 2))


def with_r(r_d: float, r_n: float) -> Floats:
    return FORM.theta({**C4, "R_D*": r_d, "R_N*": r_n})


def test_the_published_constants_explain_the_published_share_of_variance(runs: Observations) -> None:
    assert r_squared(FORM.loss(PUBLISHED, runs.variables), runs) == pytest.approx(0.7722, abs=1e-4)
    fresh = Chinchilla().loss(Chinchilla().theta(C4), runs.variables)
    assert r_squared(fresh, runs) == pytest.approx(0.4452, abs=1e-4)


def test_the_published_r_is_a_local_optimum_and_not_the_best(runs: Observations, found: Fit) -> None:
    assert objective(PUBLISHED, runs) == pytest.approx(0.01582594, abs=1e-8)
    assert found.objective == pytest.approx(0.01580466, abs=1e-8)
    assert objective(found.theta, runs) == pytest.approx(found.objective, rel=1e-9)
    named = found.form.named(found.theta)
    assert float(named["R_D*"]) == pytest.approx(95.4, abs=0.1)
    assert float(named["R_N*"]) == pytest.approx(1.706, abs=1e-3)
    assert {name: float(named[name]) for name in ("A", "B", "E", "alpha", "beta")} == pytest.approx(
        {name: C4[name] for name in ("A", "B", "E", "alpha", "beta")}
    )


def test_r_d_is_anywhere_from_15_to_200(runs: Observations, found: Fit) -> None:
    def profile(r_d: float) -> float:
        least = (
            minimize_scalar(lambda log_r: objective(with_r(r_d, np.exp(log_r)), runs), bounds=bounds, method="bounded")
            for bounds in ((-1, 1), (1, 2), (2, 4))
        )
        return min(result.fun for result in least)

    for r_d in (15, 20, 30, 50, 100, 200):
        assert profile(r_d) < 1.003 * found.objective, r_d
    for r_d in (3, 5):
        assert profile(r_d) > 1.02 * found.objective, r_d


def test_resamples_of_the_runs_do_not_identify_r_d_either(runs: Observations, found: Fit) -> None:
    draws = found.form.named(bootstrap(found, runs, draws=400, seed=42))["R_D*"]
    low, high = np.percentile(draws, (2.5, 97.5))
    assert low == pytest.approx(6.6, abs=1)
    assert high > 1e6


def test_with_every_parameter_free_repeats_are_identified_and_excess_parameters_are_not(runs: Observations) -> None:
    free = fit(FORM, runs)
    named = free.form.named(free.theta)
    assert free.objective < 0.5 * 0.01580466
    assert float(named["R_D*"]) == pytest.approx(25.2, abs=0.5)
    assert float(named["R_N*"]) > 1e6  # no excess of parameters loses anything


@pytest.mark.parametrize(("epochs", "fraction"), [(1, 1.0), (4, 0.931), (16, 0.661)])
def test_what_a_repeated_token_is_worth(epochs: float, fraction: float) -> None:
    assert float(effective_data_fraction(epochs)) == pytest.approx(fraction, abs=5e-4)


def test_the_published_allocation_of_25b_unique_tokens() -> None:
    log_nd = np.log(9.3e21 / 6)
    n_params = float(np.exp(FORM.optimal_log_n(PUBLISHED, log_nd, {"U": 25e9})))
    n_tokens = np.exp(log_nd) / n_params
    assert n_params == pytest.approx(6.815e9, rel=1e-3)
    assert n_tokens == pytest.approx(227.4e9, rel=1e-3)
    assert n_tokens / 25e9 == pytest.approx(9.10, abs=0.005)


def test_losses_of_the_authors_own_example() -> None:
    """The two models of their figure 1, as their README prints them."""
    losses = [FORM.loss(PUBLISHED, {"N": n, "D": d, "U": 25e9}) for n, d in ((6.34e9, 242e9), (8.67e9, 178e9))]
    assert losses == pytest.approx([2.2256440889984477, 2.2269634075087867], rel=1e-12)


def test_tokens_that_were_not_seen_do_not_count() -> None:
    for n_params in (1e8, 1e12):
        losses = [float(FORM.loss(PUBLISHED, {"N": n_params, "D": 2e9, "U": unique})) for unique in (2e9, 3e9, np.inf)]
        assert losses == [losses[0]] * 3


def test_data_seen_once_by_a_fitting_model_are_chinchillas() -> None:
    other = Chinchilla()
    theta = other.theta(C4)
    fresh = {"N": 1e9, "D": 20e9, "U": 20e9}
    assert float(FORM.loss(PUBLISHED, fresh)) == pytest.approx(float(other.loss(theta, fresh)))
    for held in (None, {"U": np.inf}, {"U": 1e15}):
        for log_nd in (0.0, 40.0, 50.0):
            assert float(FORM.optimal_log_n(PUBLISHED, log_nd, held)) == pytest.approx(
                float(other.optimal_log_n(theta, log_nd)), abs=1e-9
            )


def test_the_optimum_is_the_least_of_a_fine_grid() -> None:
    generator = np.random.default_rng(0)
    grid = np.linspace(10, 40, 20_001)
    for _ in range(40):
        theta = PUBLISHED + generator.uniform(-0.7, 0.7, 7) * (1, 1, 1, 0.3, 0.3, 1, 1)
        unique, log_nd = np.exp(generator.uniform(18, 28)), generator.uniform(38, 52)
        losses = FORM.loss(theta, {"N": np.exp(grid), "D": np.exp(log_nd - grid), "U": unique})
        found = float(FORM.optimal_log_n(theta, log_nd, {"U": unique}))
        at_optimum = FORM.loss(theta, {"N": np.exp(found), "D": np.exp(log_nd - found), "U": unique})
        assert float(at_optimum) <= losses.min() * (1 + 1e-12)


def test_an_optimum_is_found_even_where_nothing_more_helps() -> None:
    """A million times the compute that the data are worth: size and epochs grow together."""
    held = {"U": 1e8}
    optima = [float(FORM.optimal_log_n(PUBLISHED, np.log(flops / 6), held)) for flops in (1e24, 1e27)]
    assert np.all(np.isfinite(optima))
    assert 0 < optima[1] - optima[0] < np.log(1e3)
    assert np.isnan(FORM.optimal_log_n(np.full(7, np.nan), 40.0, held))
    for exponent in (-0.1, 0.0):
        assert np.isnan(FORM.optimal_log_n(FORM.theta({**C4, "alpha": exponent}), 40.0, held))


def test_constants_of_other_data_can_be_held_instead() -> None:
    form = RepeatedOnly({"A": 400.0, "E": 1.7})
    start = form.named(form.starts(np.ones((3, 3)), np.ones(3))[0])
    assert float(start["A"]) == pytest.approx(400)
    assert float(start["E"]) == pytest.approx(1.7)
    assert float(start["beta"]) == pytest.approx(C4["beta"])

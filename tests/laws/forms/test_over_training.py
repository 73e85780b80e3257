"""Over-training: the errors that Gadre et al. 2024 report for their two large runs, from five small ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.optimize import curve_fit, least_squares

from smelt.laws.fitting.fit import fit
from smelt.laws.forms import Floats
from smelt.laws.forms.chinchilla import Chinchilla
from smelt.laws.forms.overtraining import OverTraining
from smelt.laws.points import Observations

FORM = OverTraining()
SMALL = ("d=96_l=8_h=4", "d=512_l=8_h=4", "d=576_l=24_h=8", "d=1024_l=24_h=8")


@pytest.fixture(scope="module")
def redpajama(shared_data: Path) -> pl.DataFrame:
    frame = pl.read_csv(shared_data / "scaling/gadre_overtraining/runs_c4_rpj.csv")
    return frame.filter(pl.col("dataset") == "rpj").with_columns(pl.col("N", "D").cast(pl.Float64))


def is_run(model: str, multiple: float) -> pl.Expr:
    return (pl.col("model") == model) & (pl.col("cc_mult") == multiple)


def small(runs: pl.DataFrame) -> pl.DataFrame:
    """Four models at 20 tokens a parameter, and the smallest at 320."""
    return runs.filter((pl.col("model").is_in(SMALL) & (pl.col("cc_mult") == 1)) | is_run(SMALL[0], 16))


def large(runs: pl.DataFrame) -> pl.DataFrame:
    """1.4B at 640 tokens a parameter, and 6.9B at 20."""
    return pl.concat([runs.filter(is_run("open_lm_1b", 32)), runs.filter(is_run("open_lm_7b", 1))])


def seen(runs: pl.DataFrame) -> Observations:
    variables = {name: runs[name].to_numpy() for name in FORM.variables}
    return Observations(run=tuple(runs["name"]), variables=variables, loss=runs["loss_c4_val"].to_numpy())


def errors(predicted: Floats, observed: Floats) -> Floats:
    """Relative, in per cent."""
    return 100 * np.abs(predicted / observed - 1)


def least_squares_fit(runs: Observations) -> Floats:
    """Theta with the least squared error of the loss, as the paper's curve_fit has it."""
    found = (
        least_squares(lambda t: FORM.loss(t, runs.variables) - runs.loss, start, x_scale="jac", xtol=1e-15, ftol=1e-15)
        for start in FORM.starts(np.log(np.stack([*runs.variables.values()], axis=-1)), np.log(runs.loss))[::5]
    )
    return min(found, key=lambda result: result.cost).x


def test_the_published_errors_of_the_loss(redpajama: pl.DataFrame) -> None:
    theta, test = least_squares_fit(seen(small(redpajama))), seen(large(redpajama))
    assert errors(FORM.loss(theta, test.variables), test.loss) == pytest.approx([0.7103, 0.7320], abs=2e-4)


def test_hubers_loss_of_the_logarithm_does_no_worse(redpajama: pl.DataFrame) -> None:
    test = seen(large(redpajama))
    found = fit(FORM, seen(small(redpajama)))
    assert np.all(errors(FORM.loss(found.theta, test.variables), test.loss) < [0.7103, 0.7320])


def test_one_exponent_less_extrapolates_better_from_small_models(redpajama: pl.DataFrame) -> None:
    """All 32 runs below 1B parameters: they do not tell Chinchilla's alpha from its beta."""
    train, test = seen(redpajama.filter(pl.col("N") < 1e9)), seen(large(redpajama))
    mine, other = (fit(form, train) for form in (FORM, Chinchilla()))
    assert len(train) == 32
    assert errors(FORM.loss(mine.theta, test.variables), test.loss) == pytest.approx([0.13, 0.31], abs=0.01)
    assert errors(other.form.loss(other.theta, test.variables), test.loss) == pytest.approx([1.11, 3.02], abs=0.02)


def test_the_published_errors_of_the_task_error(redpajama: pl.DataFrame) -> None:
    """Err = eps - k exp(-gamma L), their eq. 5, fitted with the 1.4B run at 20; at the losses that the law predicts."""

    def task_error(loss: Floats, k: float, gamma: float, eps: float) -> Floats:
        return eps - k * np.exp(-gamma * loss)

    train = pl.concat([small(redpajama), redpajama.filter(is_run("open_lm_1b", 1))])
    found, _ = curve_fit(task_error, train["loss_c4_val"].to_numpy(), train["err_avg17"].to_numpy(), maxfev=10000)
    test = large(redpajama)
    loss = FORM.loss(least_squares_fit(seen(small(redpajama))), seen(test).variables)
    assert errors(task_error(loss, *found), test["err_avg17"].to_numpy()) == pytest.approx([3.6365, 0.0464], abs=5e-4)


def test_it_is_chinchillas_form_with_one_exponent() -> None:
    a, b, e, eta = 190.0, 330.0, 1.8, 0.13
    other = Chinchilla()
    theta = other.theta({"A": a * 6**-eta, "B": b * 6**-eta, "E": e, "alpha": 2 * eta, "beta": 2 * eta})
    variables = {"N": np.array([1e8, 7e9]), "D": np.array([2e9, 1e12])}
    mine = FORM.theta({"a": a, "b": b, "E": e, "eta": eta})
    np.testing.assert_allclose(FORM.loss(mine, variables), other.loss(theta, variables), rtol=1e-12)
    tokens_per_param, flops = variables["D"] / variables["N"], 6 * variables["N"] * variables["D"]
    said = e + (a * tokens_per_param**eta + b * tokens_per_param**-eta) * flops**-eta
    np.testing.assert_allclose(FORM.loss(mine, variables), said, rtol=1e-12)
    assert float(FORM.optimal_log_n(mine, 45.0)) == pytest.approx(float(other.optimal_log_n(theta, 45.0)))


def test_the_best_tokens_per_parameter_are_the_same_at_every_budget() -> None:
    theta = FORM.theta({"a": 190.0, "b": 330.0, "E": 1.8, "eta": 0.13})
    ratios = [np.exp(log_nd - 2 * float(FORM.optimal_log_n(theta, log_nd))) for log_nd in (40.0, 55.0)]
    assert ratios == pytest.approx([(330 / 190) ** (1 / 0.26)] * 2)
    assert np.isnan(FORM.optimal_log_n(FORM.theta({"a": 1.0, "b": 1.0, "E": 1.0, "eta": -0.1}), 40.0))

"""What single runs do is what refits without them say, and planted outliers are named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from planted_runs import QUICK, FewStarts, ladder, planted_law
from smelt.laws.derive import derive_law
from smelt.laws.fitting import influence
from smelt.laws.fitting.fit import Fit, fit
from smelt.laws.fitting.influence import drop_in_turn, leave_out_each
from smelt.laws.fitting.objective import Objective
from smelt.laws.points import Observations, Points

FORM = FewStarts()


@pytest.fixture(scope="module")
def found() -> tuple[Fit, Observations]:
    seen = Points.from_frame(ladder(noise=0.003, half_width=2, sizes=8))[0].observations
    return fit(FORM, seen), seen


def test_leaving_a_run_out_is_a_fit_without_it(found: tuple[Fit, Observations]) -> None:
    fitted, seen = found
    left = leave_out_each(fitted, seen)
    assert list(left.runs) == list(range(len(seen)))
    for i in (0, 7, 31):
        others = fit(FORM, seen.where(np.arange(len(seen)) != i))
        np.testing.assert_allclose(left.theta[i], others.theta, rtol=1e-4)
        alpha, beta = others.theta[3:]
        assert left.exponent[i] == pytest.approx(beta / (alpha + beta), rel=1e-4)


def test_of_many_runs_those_of_the_largest_residuals_are_left_out(
    found: tuple[Fit, Observations], monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted, seen = found
    monkeypatch.setattr(influence, "WORK", 5 * len(seen))
    furthest = np.argsort(-np.abs(fitted.residuals(seen)))[:5]
    assert sorted(leave_out_each(fitted, seen).runs) == sorted(furthest)


def test_dropping_the_largest_losses_is_a_fit_to_the_others(found: tuple[Fit, Observations]) -> None:
    fitted, seen = found
    dropped = drop_in_turn(fitted, seen, by="loss", count=3)
    assert list(dropped.runs) == list(np.argsort(-seen.loss)[:3])
    for count in range(4):
        others = fit(FORM, seen.where(~np.isin(np.arange(len(seen)), dropped.runs[:count])))
        np.testing.assert_allclose(dropped.theta[count], others.theta, rtol=1e-4)


def spoiled(*names: str) -> pl.DataFrame:
    """A ladder some of whose runs went wrong by 5%."""
    went_wrong = pl.when(pl.col("run").is_in(names)).then(1.05 * pl.col("loss_nats")).otherwise("loss_nats")
    return ladder(noise=0.001, half_width=2, sizes=8).with_columns(loss_nats=went_wrong)


def test_planted_outliers_are_the_worst_fitted_and_dropped_first() -> None:
    seen = Points.from_frame(spoiled("run-31", "run-30", "run-7"))[0].observations
    dropped = drop_in_turn(fit(FORM, seen), seen, by="residual", count=3)
    assert {seen.run[i] for i in dropped.runs} == {"run-31", "run-30", "run-7"}


def test_an_outlier_that_moves_the_exponent_is_named_in_a_warning() -> None:
    law = derive_law(spoiled("run-31"), replace(QUICK, objective=Objective("mse")))
    assert law.findings.parametric is not None
    first = law.findings.parametric.influence[0]
    assert first.run == "run-31"
    assert first.errors > 1
    assert any("run-31" in warning and "standard error" in warning for warning in law.warnings)


def test_changes_are_those_of_the_parameters_as_the_formula_names_them() -> None:
    parametric = planted_law().findings.parametric
    assert parametric is not None
    assert set(parametric.influence[0].change) == {"A", "B", "E", "alpha", "beta", "exponent"}
    losses, _ = parametric.dropping
    assert losses.params["alpha"][0] == pytest.approx(parametric.params["alpha"].value, rel=1e-5)
    assert losses.exponent[0] == pytest.approx(parametric.exponents["a"].value, rel=1e-5)
    assert losses.errors[0] == 0
    assert len(losses.runs) == len(losses.exponent) - 1 == 5


def test_runs_are_never_dropped_below_what_a_fit_needs() -> None:
    seen = Points.from_frame(ladder(sizes=2, noise=0.001))[0].observations
    assert len(drop_in_turn(fit(FORM, seen), seen, by="loss").runs) == 2

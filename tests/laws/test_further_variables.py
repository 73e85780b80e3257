"""A law of more than size and data asks for what it needs, and answers end to end."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from smelt.errors import InputError
from smelt.laws.derive import Settings, derive_law
from smelt.laws.forms import FORMS, Floats
from smelt.laws.forms.repeated import C4
from smelt.laws.law import ScalingLaw
from smelt.laws.points import Points
from smelt.report.allocation import allocation_figures, allocation_keys

PLANTED: dict[str, dict[str, float]] = {
    "repeated": C4,
    "repeated-only": C4,
    "fine-grained": {"a": 180.0, "alpha": 0.25, "b": 800.0, "beta": 0.3, "g": 200.0, "gamma": 0.6, "c": 1.2},
    "routed": {"a": -0.083, "b": -0.126, "c": 0.012, "d": 1.111, "E_start": 1.88, "E_max": 469.982},
    "over-training": {"a": 190.0, "b": 330.0, "E": 1.8, "eta": 0.13},
    "kaplan": {"N_c": 6.4e13, "D_c": 1.8e13, "alpha_N": 0.076, "alpha_D": 0.103},
    "kaplan-n": {"N_c": 8.8e13, "alpha_N": 0.076},
    "kaplan-d": {"D_c": 5.4e13, "alpha_D": 0.095},
    "kaplan-c": {"C_c": 2.7e28, "alpha_C": 0.05},
}
FURTHER = {"unique_tokens": (5e8, 2e9, 8e9), "experts": (1.0, 8.0, 64.0), "granularity": (1.0, 4.0, 16.0)}
COLUMNS = {"N": "n_params", "D": "n_tokens", "C": "flops", "U": "unique_tokens", "G": "granularity"}


def table(name: str) -> pl.DataFrame:
    """Runs of three budgets, six sizes each, at every value of the form's further variable."""
    form = FORMS[name]
    further = [COLUMNS.get(variable, variable) for variable in form.further]
    grid = pl.DataFrame({"budget_flops": [3e18, 3e19, 3e20]}).join(
        pl.DataFrame({"ratio": np.geomspace(2, 200, 6)}), how="cross"
    )
    for column in further:
        grid = grid.join(pl.DataFrame({column: FURTHER[column]}), how="cross")
    grid = grid.with_columns(n_params=(pl.col("budget_flops") / 6 / pl.col("ratio")).sqrt())
    grid = grid.with_columns(n_tokens=pl.col("budget_flops") / 6 / pl.col("n_params"), flops=pl.col("budget_flops"))
    variables = {variable: grid[COLUMNS.get(variable, variable)].to_numpy() for variable in form.variables}
    noise = np.exp(0.002 * np.random.default_rng(0).standard_normal(grid.height))
    return grid.with_columns(loss_nats=form.loss(form.theta(PLANTED[name]), variables) * noise)


def law_of(name: str) -> ScalingLaw:
    return derive_law(table(name), Settings(form=FORMS[name], draws=50))


def planted_loss(name: str, **values: Floats | float) -> float:
    form = FORMS[name]
    variables = {variable: values[COLUMNS.get(variable, variable)] for variable in form.variables}
    return float(form.loss(form.theta(PLANTED[name]), variables))


@pytest.fixture(scope="module")
def repeated() -> ScalingLaw:
    return law_of("repeated")


@pytest.mark.parametrize("name", PLANTED)
def test_a_law_of_every_form_predicts_what_was_planted(name: str) -> None:
    law = law_of(name)
    flops = 6 * 1e8 * 4e9
    everything = {"n_params": 1e8, "n_tokens": 4e9, "flops": flops}
    everything |= {column: values[1] for column, values in FURTHER.items()}
    asked = {COLUMNS.get(variable, variable): everything[COLUMNS.get(variable, variable)] for variable in law_form(law)}
    found = law.predict(**asked)
    assert found.mid == pytest.approx(planted_loss(name, **everything), rel=0.005)
    assert found.low is not None
    assert found.low <= found.mid
    again = ScalingLaw.from_json(law.to_json())
    assert again.predict(**asked).mid == pytest.approx(found.mid)
    has_optimum = {"N", "D"} <= set(law_form(law))
    assert any("no optimal split" in warning for warning in law.warnings) == (not has_optimum)
    optima = law.optimum(1e20, **{column: everything[column] for column in law.further})
    assert ("parametric" in optima) == has_optimum


def law_form(law: ScalingLaw) -> tuple[str, ...]:
    assert law.findings.parametric is not None
    return FORMS[law.findings.parametric.form].variables


def test_fewer_unique_tokens_make_the_best_model_and_loss_another(repeated: ScalingLaw) -> None:
    few, many = (repeated.optimum(1e21, unique_tokens=unique)["parametric"] for unique in (2e9, 1e12))
    assert few.loss_nats.mid > 1.01 * many.loss_nats.mid
    assert few.n_params.mid != pytest.approx(many.n_params.mid, rel=0.05)
    form, held = FORMS["repeated"], {"U": 2e9}
    planted = float(np.exp(form.optimal_log_n(form.theta(C4), np.log(1e21 / 6), held)))
    assert few.n_params.mid == pytest.approx(planted, rel=0.25)


def test_the_exponents_are_those_of_fresh_data(repeated: ScalingLaw) -> None:
    assert repeated.findings.parametric is not None
    assert repeated.findings.parametric.exponents["a"].value == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ("ask", "complaint"),
    [
        (lambda law: law.optimum(1e21), "must be told unique_tokens"),
        (lambda law: law.predict(n_params=1e9, n_tokens=1e10), "must be told unique_tokens"),
        (lambda law: law.predict(n_params=1e9), "must be told n_tokens and unique_tokens"),
        (lambda law: law.predict(n_params=1e9, n_tokens=1e10, experts=8), "does not depend on experts"),
        (lambda law: law.optimum(1e21, n_tokens=1e10), "does not depend on n_tokens"),
    ],
)
def test_what_is_missing_or_unknown_is_named(
    repeated: ScalingLaw, ask: Callable[[ScalingLaw], object], complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        ask(repeated)


def test_a_law_that_counts_repeats_does_not_warn_of_them() -> None:
    runs = table("repeated").with_columns(epochs=pl.col("n_tokens") / pl.col("unique_tokens"))
    assert runs["epochs"].max() > 4
    counted = derive_law(runs, Settings(form=FORMS["repeated-only"], draws=50))
    assert not any("saw their data" in warning for warning in counted.warnings)


def test_figures_are_drawn_at_the_runs_own_unique_tokens(repeated: ScalingLaw) -> None:
    assert repeated.findings.data.typical == {"unique_tokens": 2e9}
    assert allocation_keys(repeated, plan_flops=None)
    assert len(allocation_figures(repeated, plan_flops=1e21)) == 3


def test_unique_tokens_follow_from_epochs() -> None:
    runs = table("repeated").with_columns(epochs=pl.col("n_tokens") / pl.col("unique_tokens"))
    points, _ = Points.from_frame(runs.drop("unique_tokens"), other=["U"])
    np.testing.assert_allclose(points.other["U"], runs["unique_tokens"].to_numpy())


def test_parabolas_are_of_runs_alike_in_all_else(repeated: ScalingLaw) -> None:
    assert repeated.findings.isoflop is None
    assert any("three sizes that are alike in all else" in warning for warning in repeated.warnings)
    alike = derive_law(
        table("repeated").filter(pl.col("unique_tokens") == 8e9), Settings(form=FORMS["repeated-only"], draws=50)
    )
    assert alike.findings.isoflop is not None
    optima = alike.optimum(3e20, unique_tokens=8e9)
    assert optima["isoflop"].n_params.mid == pytest.approx(optima["parametric"].n_params.mid, rel=0.3)


def test_a_report_of_a_law_without_an_optimum_leaves_its_figures_out() -> None:
    law = derive_law(table("routed"), Settings(form=FORMS["routed"], draws=50))
    assert allocation_figures(law, plan_flops=None) == []


def test_a_table_without_the_column_says_so() -> None:
    with pytest.raises(InputError, match="has no column unique_tokens"):
        derive_law(table("repeated").drop("unique_tokens"), Settings(form=FORMS["repeated"], draws=50))

"""Every method is computed, and where they disagree beyond their intervals the law says not to extrapolate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from planted_runs import BUDGETS, EXPONENT, QUICK, best_size, ladder, planted_law
from smelt.errors import InputError
from smelt.laws.derive import derive_law
from smelt.laws.doubts import doubts
from smelt.laws.findings import METHOD_NAMES, Agreement, Interval, Method
from smelt.laws.law import ScalingLaw
from smelt.laws.methods import findings_of
from smelt.laws.validate import agreement, compare
from smelt.plans.budget import Budget
from smelt.plans.plan import make_plan

HOFFMANN = {"A": 406.4, "B": 410.7, "E": 1.69, "alpha": 0.34, "beta": 0.28}
"""Hoffmann et al. 2022, eq. 10."""
BESIROGLU = {"A": 482.01, "B": 2085.43, "E": 1.8172, "alpha": 0.3478, "beta": 0.3658}
"""Besiroglu et al. 2024, of the same runs."""
TABLE_2: dict[Method, Interval] = {
    "envelope": Interval(mid=0.50, low=0.488, high=0.502),
    "isoflop": Interval(mid=0.49, low=0.462, high=0.534),
}
"""a by approaches 1 and 2 with their 10 to 90% intervals (Hoffmann et al. 2022, table 2)."""


def published(a: Interval) -> Agreement:
    """Approaches 1 and 2 of table 2 against a parametric exponent; of N* nothing is known."""
    size = Interval(mid=1e9)
    exponents: dict[Method, Interval] = {**TABLE_2, "parametric": a}
    sizes: dict[Method, Interval] = dict.fromkeys(exponents, size)
    return compare(flops=1e21, n_opt=sizes, d_opt=sizes, exponents=exponents, judged=exponents)


def test_hoffmanns_published_approach_3_disagrees_with_1_and_2_and_besiroglus_does_not() -> None:
    hoffmann = published(Interval(mid=0.46, low=0.454, high=0.455))
    assert hoffmann.disagreeing == [("isoflop", "parametric"), ("envelope", "parametric")]
    assert published(Interval(mid=0.513, low=0.474, high=0.552)).agree


@pytest.fixture(scope="module")
def hoffmanns_runs(shared_data: Path) -> ScalingLaw:
    """The law of Hoffmann et al.'s IsoFLOP runs, read off their figure."""
    frame = pl.read_csv(shared_data / "scaling/isoflops/ml_scalefit.csv").filter(pl.col("model") == "chinchilla")
    runs = frame.select(budget_flops="budget", n_params="params", n_tokens="tokens", loss_nats="loss")
    return derive_law(runs, QUICK)


def with_parameters(law: ScalingLaw, named: Mapping[str, float]) -> ScalingLaw:
    """The law with other parameters of the form, known as well as its own were."""
    fitted = law.findings.parametric
    assert fitted is not None
    theta = {name: np.log(named[name[3:]]) if name.startswith("ln_") else named[name] for name in fitted.theta}
    moved = [(pl.col(name) - fitted.theta[name] + value).alias(name) for name, value in theta.items()]
    exponent = named["beta"] / (named["alpha"] + named["beta"])
    a = fitted.exponents["a"]
    assert a.ci95 is not None
    ends = (a.ci95[0] - a.value + exponent, a.ci95[1] - a.value + exponent)
    exponents = {"a": a.model_copy(update={"value": exponent, "ci95": ends})}
    fitted = fitted.model_copy(update={"theta": theta, "exponents": exponents})
    return replace(
        law, findings=law.findings.model_copy(update={"parametric": fitted}), draws=law.draws.with_columns(moved)
    )


def test_on_hoffmanns_own_runs_their_parameters_disagree_with_the_curves(hoffmanns_runs: ScalingLaw) -> None:
    law = with_parameters(hoffmanns_runs, HOFFMANN)
    found = agreement(law)
    assert found is not None
    assert ("isoflop", "parametric") in found.disagreeing
    assert ("envelope", "parametric") in found.disagreeing
    said = doubts(law.findings.model_copy(update={"agreement": found}))[0]
    assert said.startswith("The methods disagree beyond their intervals (")
    assert "parabolas against parametric form" in said
    assert "Do not extrapolate" in said


def test_on_the_same_runs_besiroglus_agree_with_all(hoffmanns_runs: ScalingLaw) -> None:
    found = agreement(with_parameters(hoffmanns_runs, BESIROGLU))
    assert found is not None
    assert found.judged == list(METHOD_NAMES)
    assert found.agree, found.disagreeing


def test_hoffmanns_exponents_of_approaches_1_and_2_are_found_on_their_runs(hoffmanns_runs: ScalingLaw) -> None:
    for method, interval in TABLE_2.items():
        found = findings_of(hoffmanns_runs, method).exponents["a"]
        assert found.value == pytest.approx(interval.mid, abs=0.03), method
        assert found.interval.overlaps(interval), method


def test_all_methods_are_computed_and_held_side_by_side() -> None:
    found = planted_law().findings.agreement
    assert found is not None
    assert found.flops == BUDGETS[-1]
    assert set(found.n_opt) == set(found.d_opt) == set(found.exponents) == set(METHOD_NAMES)
    assert found.agree


def test_a_method_that_is_not_usable_has_no_voice() -> None:
    findings = planted_law().findings
    assert findings.agreement is not None
    assert not findings_of(planted_law(), "parametric").usable
    assert findings.agreement.judged == ["isoflop", "akima", "envelope"]


def test_a_plan_repeats_that_the_methods_disagree() -> None:
    law = planted_law()
    assert law.findings.agreement is not None
    quarrel = law.findings.agreement.model_copy(update={"agree": False, "disagreeing": [("isoflop", "akima")]})
    findings = law.findings.model_copy(update={"agreement": quarrel})
    findings = findings.model_copy(update={"warnings": doubts(findings)})
    plan = make_plan(ScalingLaw(findings, law.draws), Budget(flops=1e13))
    assert any("(parabolas against interpolated curves)" in caveat for caveat in plan.caveats)


@pytest.mark.parametrize("method", METHOD_NAMES)
def test_a_method_in_one_shape(method: Method) -> None:
    found = findings_of(planted_law(), method)
    assert found.name == METHOD_NAMES[method]
    assert set(found.exponents) == {"a", "b"}
    assert [one.flops for one in found.budgets] == pytest.approx(BUDGETS)
    for one in found.budgets:
        assert one.n_params is not None
        assert one.left_out is None
        assert one.n_params.mid == pytest.approx(best_size(one.flops), rel=0.3)


def test_a_minimum_left_out_says_why() -> None:
    law = derive_law(pl.concat([ladder(), ladder([1.6e12], offset=2.0)]).drop("run"), QUICK)
    assert [one.left_out for one in findings_of(law, "isoflop").budgets] == [None] * 4 + ["at the edge"]


@pytest.mark.parametrize("method", METHOD_NAMES)
def test_the_method_asked_for_is_followed(method: Method) -> None:
    law = derive_law(ladder(), replace(QUICK, method=method))
    assert law.trusted == method
    assert make_plan(law, Budget(flops=2e12)).method == method


def test_a_method_that_the_runs_do_not_allow_is_a_mistake_of_the_user() -> None:
    runs = ladder(sizes=8).with_columns(budget_flops=pl.lit(None, dtype=pl.Float64))
    with pytest.raises(InputError, match="no optimum by the parabolas"):
        derive_law(runs, replace(QUICK, method="isoflop"))
    with pytest.raises(InputError, match="says nothing by the parabolas"):
        findings_of(derive_law(runs, QUICK), "isoflop")


def test_the_interpolated_curves_hold_the_planted_exponent() -> None:
    low, high = findings_of(planted_law(), "akima").exponents["a"].ci95 or (1, 0)
    assert low < EXPONENT < high

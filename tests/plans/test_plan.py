"""A plan follows the law by a stated rule, and says in words what to doubt."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import ClassVar

import numpy as np
import polars as pl
import pytest

from planted_runs import BUDGETS, QUICK, best_size, ladder, leaning_ladder, planted_law, surface
from smelt.core.artifact import Artifact, Counts
from smelt.core.step import Step
from smelt.core.store import Store
from smelt.core.work import Work
from smelt.errors import InputError
from smelt.laws.derive import derive_law
from smelt.laws.findings import Interval
from smelt.laws.law import Law, ScalingLaw
from smelt.plans.budget import Budget
from smelt.plans.caveats import times
from smelt.plans.hyperparameters import LADDER_RULE, STEP_LAW, hyperparameters
from smelt.plans.optimum import allocate
from smelt.plans.plan import Plan, TrainingPlan, make_plan, to_markdown
from smelt.plans.steps import MakePlan
from smelt.plans.wishes import Wishes
from smelt.runs.hparams import REFERENCE_TOKENS, Hparams

LARGEST = BUDGETS[-1]


def plan_of(flops: float, law: ScalingLaw | None = None) -> TrainingPlan:
    return make_plan(law or planted_law(), Budget(flops=flops))


def said(plan: TrainingPlan, words: str) -> bool:
    return any(words in caveat for caveat in plan.caveats)


def disagreeing_law() -> ScalingLaw:
    """The form follows many runs on another surface; the parabolas follow the ladder."""
    others = ladder(
        np.geomspace(1e10, 1e12, 9), sizes=9, half_width=2, noise=0.001, loss=lambda n, d: surface(n / 10, d * 10)
    )
    runs = pl.concat([ladder(noise=0.001), others.with_columns(budget_flops=pl.lit(None, dtype=pl.Float64))])
    return derive_law(runs.with_columns(run=pl.int_range(runs.height).cast(pl.String)), QUICK)


def test_a_plan_near_the_runs_holds_the_planted_optimum() -> None:
    flops = 3 * LARGEST
    plan = plan_of(flops)
    assert plan.method == "isoflop"
    assert plan.n_params.low is not None
    assert plan.n_params.high is not None
    assert plan.n_params.low < best_size(flops) < plan.n_params.high
    assert plan.flops_6nd == pytest.approx(flops)
    assert plan.tokens_per_param == pytest.approx(plan.n_tokens.mid / plan.n_params.mid)
    assert plan.steps * plan.batch_tokens == pytest.approx(plan.n_tokens.mid, rel=0.01)
    truth = float(surface(np.array(best_size(flops)), np.array(flops / 6 / best_size(flops))))
    assert plan.loss_nats.mid == pytest.approx(truth, rel=0.03)
    assert plan.bpb is not None
    assert plan.bpb.mid == pytest.approx(plan.loss_nats.mid / np.log(2) / 4)


def test_far_beyond_the_runs_the_interval_of_the_loss_holds_what_a_line_without_floor_misses() -> None:
    flops = 1e6 * LARGEST
    truth = float(surface(np.array(best_size(flops)), np.array(flops / 6 / best_size(flops))))
    plan = plan_of(flops)
    assert plan.loss_nats.low is not None
    assert plan.loss_nats.high is not None
    assert plan.loss_nats.low < truth < plan.loss_nats.high
    assert (plan.by_method["isoflop"].loss_nats.high or 0) < truth


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (3.0, "3 times the largest run of the law (5.4e+11 FLOPs): an ordinary extrapolation"),
        (200.0, "200 times the largest run of the law (5.4e+11 FLOPs): a long one"),
        (1.8e6, "1.8 million times the largest run of the law (5.4e+11 FLOPs): farther than any published plan"),
    ],
)
def test_how_far_beyond_the_runs_is_said_in_words(factor: float, words: str) -> None:
    assert said(plan_of(factor * LARGEST), words)


def test_a_budget_among_the_runs_is_no_extrapolation() -> None:
    assert not said(plan_of(BUDGETS[1]), "the largest run")


@pytest.mark.parametrize(
    ("factor", "words"), [(4.2, "4.2 times"), (3800, "3,800 times"), (2.34e9, "2.34 billion times")]
)
def test_factors_in_words(factor: float, words: str) -> None:
    assert times(factor) == words


def test_methods_that_disagree_are_both_given_and_said_to_disagree() -> None:
    plan = plan_of(3 * LARGEST, disagreeing_law())
    assert said(plan, "The methods disagree beyond their intervals, by a factor of")
    assert not plan.by_method["isoflop"].n_params.overlaps(plan.by_method["parametric"].n_params)
    for choice in plan.by_method.values():
        assert said(plan, choice.n_params.in_words())
    assert not said(plan_of(3 * LARGEST), "disagree")


def test_a_plan_says_which_method_it_follows_and_repeats_the_laws_warnings() -> None:
    law = planted_law()
    plan = plan_of(3 * LARGEST, law)
    assert said(plan, "N and D follow the parabolas, which have 4 minima")
    assert set(law.warnings) <= set(plan.caveats)
    assert law.warnings


def test_without_budgets_a_plan_follows_the_form() -> None:
    runs = ladder(sizes=8, half_width=2, noise=0.001).with_columns(budget_flops=pl.lit(None, dtype=pl.Float64))
    law = derive_law(runs, QUICK)
    plan = plan_of(3 * LARGEST, law)
    assert plan.method == "parametric"
    assert said(plan, "N and D follow the parametric form")


@pytest.mark.parametrize(
    ("seed", "why"), [(1, "they put N* at 1.08 x the true one"), (0, "lean so that parabolas would")]
)
def test_a_plan_says_why_it_follows_the_form_where_parabolas_are_usable(seed: int, why: str) -> None:
    assert said(plan_of(1e22, derive_law(leaning_ladder(seed=seed), QUICK)), why)


def test_a_plan_says_that_the_law_was_told_to_follow_the_form() -> None:
    runs = ladder(np.geomspace(1e10, 1e19, 7), sizes=8, half_width=0.7, noise=0.001)
    assert derive_law(runs, QUICK).trusted == "isoflop"
    assert said(plan_of(1e20, derive_law(runs, replace(QUICK, method="parametric"))), "the law was told to")


def test_a_law_nobody_should_trust_is_followed_under_protest() -> None:
    law = derive_law(ladder(BUDGETS[:2], noise=0.005), QUICK)
    assert said(plan_of(3 * LARGEST, law), "No method is to be trusted on these runs")


def test_a_law_without_an_optimum_makes_no_plan() -> None:
    """Loss that does not depend on N: its exponent comes out zero or below."""
    law = planted_law()
    findings = law.findings.model_copy(update={"isoflop": None, "akima": None, "envelope": None})
    assert findings.parametric is not None
    theta = findings.parametric.theta | {"alpha": -0.1}
    findings = findings.model_copy(update={"parametric": findings.parametric.model_copy(update={"theta": theta})})
    with pytest.raises(InputError, match="gives no optimum"):
        allocate(ScalingLaw(findings, law.draws), LARGEST)


def test_epochs_over_the_data_at_hand() -> None:
    plan = plan_of(1e6 * LARGEST)
    assert plan.unique_tokens == pytest.approx(1e7)
    assert plan.epochs == pytest.approx(plan.n_tokens.mid / 1e7)
    assert said(plan, "and 10M are at hand")
    assert not said(make_plan(planted_law(), Budget(flops=1e6 * LARGEST), Wishes(unique_tokens=1e12)), "at hand")


def test_a_model_too_large_for_its_cards_is_noticed() -> None:
    tiny_card = Budget(flops=1e25, gpu="l4")
    assert said(make_plan(planted_law(), tiny_card), "reckoned for 1 x NVIDIA L4, and it takes")
    assert not said(make_plan(planted_law(), Budget(flops=1e12, gpu="l4")), "it takes")


def test_hyperparameters_follow_the_rule_measured_nearest() -> None:
    large = hyperparameters(n_params=1e9, n_tokens=2e10)
    assert large.rule == STEP_LAW
    assert large.in_range
    assert large.lr == pytest.approx(1.79 * 1e9**-0.713 * 2e10**0.307)
    assert large.batch_tokens == pytest.approx(0.58 * 2e10**0.571, rel=1e-5)
    small = hyperparameters(n_params=1e5, n_tokens=REFERENCE_TOKENS)
    assert small.rule == LADDER_RULE
    assert small.in_range
    assert small.batch_tokens == Hparams().batch_tokens
    assert not hyperparameters(n_params=1e12, n_tokens=2e13).in_range


def test_the_page_says_what_the_json_says() -> None:
    plan = make_plan(planted_law(), Budget(gpu="h200", count=8, hours=48, price_per_hour=3))
    page = to_markdown(plan)
    assert page.startswith("# A plan for 48 hours of 8 x NVIDIA H200 SXM at 40% MFU\n")
    for figure in (plan.n_params.in_words(), plan.n_tokens.in_words(), "| GPU-hours | 384 |", "| Cost | 1,152 |"):
        assert figure in page
    assert all(caveat in page for caveat in plan.caveats)


def test_an_interval_in_words_and_its_overlap() -> None:
    narrow, wide, open_ended = (
        Interval(mid=2, low=1, high=3),
        Interval(mid=9, low=4, high=20),
        Interval(mid=50, low=None),
    )
    assert wide.in_words() == "9 (4 to 20)"
    assert open_ended.in_words() == "50 (no interval)"
    assert not narrow.overlaps(wide)
    assert narrow.overlaps(Interval(mid=5, low=3, high=8))
    assert narrow.overlaps(open_ended)


class PlantedLaw(Step[Law]):
    """A law without runs."""

    step: ClassVar[str] = "planted-law"
    makes: ClassVar[type[Artifact]] = Law

    def make(self, work: Work) -> Counts:
        planted_law().write(work.folder)
        return {}


def test_the_step_writes_the_plan_twice_over_to_the_same_bytes(store: Store) -> None:
    step = MakePlan.model_validate({"law": PlantedLaw(), "budget": {"gpu": "h200", "count": 8, "hours": 48}})
    plan = store.make(step)
    assert isinstance(plan, Plan)
    assert plan.value == make_plan(planted_law(), Budget(gpu="h200", count=8, hours=48))
    assert plan.manifest.counts["caveats"] == len(plan.value.caveats)
    first = (plan.folder / "plan.json").read_bytes(), (plan.folder / "plan.md").read_bytes()
    (plan.folder / "manifest.json").unlink()
    again = store.make(step)
    assert ((again.folder / "plan.json").read_bytes(), (again.folder / "plan.md").read_bytes()) == first
    assert json.loads(first[0])["budget"]["hours"] == 48

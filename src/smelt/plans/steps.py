"""The step that makes a plan of a law and a budget."""

from __future__ import annotations

from typing import ClassVar

from smelt.core.artifact import Artifact, Counts
from smelt.core.shards import write_json, write_whole
from smelt.core.step import Estimate, Sizes, Step
from smelt.core.work import Work
from smelt.laws.law import Law
from smelt.plans.budget import Budget
from smelt.plans.plan import PAGE_FILE, PLAN_FILE, Plan, make_plan, to_markdown
from smelt.plans.wishes import Wishes


class MakePlan(Step[Plan], Wishes):
    """Says what a budget should buy: parameters, tokens, expected loss, and what to doubt.

    Files: plan.json (see `plan.TrainingPlan`) and plan.md.
    """

    step: ClassVar[str] = "make-plan"
    version: ClassVar[int] = 2
    makes: ClassVar[type[Artifact]] = Plan
    law: Step[Law]
    """The law to plan by."""
    budget: Budget = Budget.model_validate({})
    """FLOPs ("1e19"), `{ gpu, count, hours }` or `{ gpu, money, price_per_hour }`; no amount where a target loss, or
    both N and D, are given."""

    def make(self, work: Work) -> Counts:
        """Writes plan.json and plan.md."""
        plan = make_plan(work.open(self.law).value, self.budget, self)
        write_json(work.folder / PLAN_FILE, plan.model_dump(mode="json"))
        with write_whole(work.folder / PAGE_FILE) as path:
            path.write_text(to_markdown(plan))
        return {
            "n_params": round(plan.n_params.mid),
            "n_tokens": round(plan.n_tokens.mid),
            **({"loss_nats": plan.loss_nats.mid} if plan.loss_nats else {}),
            "flops": plan.flops,
            "caveats": len(plan.caveats),
        }

    def estimate(self, sizes: Sizes) -> Estimate:
        """A moment."""
        return Estimate(core_seconds=0.1)

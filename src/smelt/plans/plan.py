"""The plan: what a budget should buy, by a law, and what to doubt about it.

A `TrainingPlan` is the value (plan.json); `plan.md` says the same for a reader; `Plan` is the artifact that holds both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from smelt.core.artifact import Artifact
from smelt.laws.findings import METHOD_NAMES, Interval, Method
from smelt.laws.law import ScalingLaw
from smelt.models.config import ModelConfig
from smelt.models.flops import flops_per_token
from smelt.models.flops import n_params as count_params
from smelt.plans.budget import Budget
from smelt.plans.caveats import caveats
from smelt.plans.cluster import check_cluster
from smelt.plans.hyperparameters import hyperparameters
from smelt.plans.optimum import Allocation, plan_for
from smelt.plans.shape import Memory, memory_of, shape_of
from smelt.plans.wishes import Wishes, check_goal
from smelt.units import format_count

PLAN_FILE = "plan.json"
PAGE_FILE = "plan.md"


class Choice(BaseModel):
    """What one method says of the budget."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    n_params: Interval
    n_tokens: Interval
    loss_nats: Interval | None


class TrainingPlan(BaseModel):
    """plan.json."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    budget: Budget
    """As it was given."""
    budget_in_words: str
    flops: float
    """Training FLOPs, as exactly as the law's runs counted them."""
    flops_6nd: float
    """6 x n_params x n_tokens."""
    flops_exact: float
    """Every matrix product of the shape, on n_tokens."""
    inference_tokens: float | None
    inference_flops: float | None
    """2 x n_params x inference_tokens."""
    gpu_hours: float | None
    """Of all cards together; null without a card."""
    hours: float | None
    """On the wall."""
    cost: float | None
    """In the currency of the price; null without one."""
    energy_kwh: float | None
    """Board power over all GPU-hours, times PUE; null where the card's power is unknown."""
    law: str | None
    """Name or path of the law."""
    published: str | None
    """Paper of a published law."""
    shape: ModelConfig
    """A decoder of about n_params."""
    shape_n_params: int
    memory: Memory
    method: Method
    """The method followed."""
    n_params: Interval
    """All parameters, embedding and head included."""
    n_tokens: Interval
    """Tokens seen in training."""
    tokens_per_param: float
    loss_nats: Interval | None
    """Expected held-out loss, nats per token; null where the law knows no losses."""
    bpb: Interval | None
    """The same in bits per byte; null where the law does not know the bytes of a token."""
    by_method: dict[Method, Choice]
    """What each method says on its own."""
    batch_tokens: int
    """Tokens a step."""
    steps: int
    lr: float
    """Peak learning rate of the matrices."""
    hyperparameters: str
    """The rule that batch and learning rate follow, and the optimiser it is for."""
    unique_tokens: float | None
    """Tokens of training data at hand; null where unknown."""
    epochs: float | None
    """n_tokens over unique_tokens."""
    beyond: float
    """The budget over the FLOPs of the largest run of the law."""
    counting: str
    """What N, D and C count."""
    caveats: list[str]
    """What to know before spending, the gravest first; then the law's own warnings."""


class Plan(Artifact):
    """A plan in the store: plan.json and plan.md."""

    kind: ClassVar[str] = "plan"

    @cached_property
    def value(self) -> TrainingPlan:
        """The plan itself."""
        return TrainingPlan.model_validate_json((self.folder / PLAN_FILE).read_text())


PUE = 1.1
"""A data centre's power over that of its machines, as Touvron et al. 2023 (section 6, from memory) assume."""


def make_plan(
    law: ScalingLaw, budget: Budget, wishes: Wishes | None = None, *, law_name: str | None = None
) -> TrainingPlan:
    """The plan of a budget by a law.

    InputError where the law gives no optimum at all, where budget and wishes leave no plan or many, or where the cards
    named cannot do it.
    """
    wishes = wishes or Wishes.model_validate({})
    check_goal(budget, wishes)
    allocation = plan_for(law, None if budget.is_open else budget.compute().flops, wishes)
    n_params, n_tokens = allocation.n_params.mid, allocation.n_tokens.mid
    use = wishes.inference_tokens
    paid = budget.model_copy(update={"flops": allocation.flops, "hours": None, "money": None})
    compute = budget.compute() if wishes.is_plain else paid.compute()
    unique_tokens = wishes.unique_tokens or law.findings.data.unique_tokens
    chosen = hyperparameters(n_params=n_params, n_tokens=n_tokens)
    shape = shape_of(n_params, vocab=wishes.vocab, context=wishes.context)
    memory = memory_of(shape, card=budget.card, count=budget.count)
    check_cluster(budget, memory, compute.hours)
    return TrainingPlan(
        budget=budget,
        budget_in_words=_goal_in_words(budget, wishes),
        flops=compute.flops,
        flops_6nd=6 * n_params * n_tokens,
        flops_exact=flops_per_token(shape) * n_tokens,
        inference_tokens=use,
        inference_flops=None if use is None else 2 * n_params * use,
        gpu_hours=compute.gpu_hours,
        hours=compute.hours,
        cost=compute.cost,
        energy_kwh=_energy(budget, compute.gpu_hours),
        law=law_name,
        published=law.findings.published,
        shape=shape,
        shape_n_params=count_params(shape),
        memory=memory,
        method=allocation.method,
        n_params=allocation.n_params,
        n_tokens=allocation.n_tokens,
        tokens_per_param=n_tokens / n_params,
        loss_nats=allocation.loss_nats,
        bpb=_scaled(allocation.loss_nats, law.findings.data.bpb_per_nat),
        by_method=_by_method(allocation),
        batch_tokens=chosen.batch_tokens,
        steps=chosen.steps,
        lr=chosen.lr,
        hyperparameters=chosen.rule,
        unique_tokens=unique_tokens,
        epochs=n_tokens / unique_tokens if unique_tokens else None,
        beyond=allocation.beyond,
        counting=law.findings.counting,
        caveats=caveats(
            law, allocation, budget=budget, chosen=chosen, wishes=wishes, hours=compute.hours, memory=memory
        ),
    )


def _goal_in_words(budget: Budget, wishes: Wishes) -> str:
    """What was asked: "1e+21 FLOPs, serving 1T tokens"."""
    said = [
        "" if budget.is_open and not budget.gpu else budget.in_words(),
        "" if wishes.target_loss is None else f"a loss of {wishes.target_loss:g} nats",
        "" if wishes.fixed_n is None else f"{format_count(wishes.fixed_n)} parameters",
        "" if wishes.fixed_d is None else f"{format_count(wishes.fixed_d)} training tokens",
        "" if wishes.inference_tokens is None else f"serving {format_count(wishes.inference_tokens)} tokens",
    ]
    return ", ".join(part for part in said if part)


def _energy(budget: Budget, gpu_hours: float | None) -> float | None:
    watts = budget.card.watts if budget.card else None
    return None if watts is None or gpu_hours is None else gpu_hours * watts / 1000 * PUE


def to_markdown(plan: TrainingPlan) -> str:
    """plan.md: the plan on one page."""
    headline = f"{format_count(plan.n_params.mid)} parameters on {format_count(plan.n_tokens.mid)} tokens"
    methods = (
        (METHOD_NAMES[method], choice.n_params.in_words(), choice.n_tokens.in_words(), loss_in_words(choice.loss_nats))
        for method, choice in plan.by_method.items()
    )
    parts = [
        f"# A plan for {plan.budget_in_words}",
        f"**{headline}.** In parentheses: 95% intervals.",
        _table(("", ""), plan_rows(plan)),
        "## Before you spend it",
        "\n".join(f"- {caveat}" for caveat in plan.caveats),
        "## By method",
        _table(("Method", "Parameters", "Tokens", "Loss, nats per token"), methods),
        plan.counting,
    ]
    return "\n\n".join(parts) + "\n"


def loss_in_words(loss: Interval | None) -> str:
    """For people; a law of optima alone knows none."""
    return loss.in_words(_loss) if loss else "not known to this law"


def shape_in_words(plan: TrainingPlan) -> str:
    """The decoder in a line."""
    shape = plan.shape
    return (
        f"{shape.n_layers} layers, width {shape.d_model:,}, {shape.n_heads} heads of {shape.head_dim} "
        f"({shape.n_kv_heads} of keys), feed-forward {shape.d_ff:,}, vocabulary {shape.vocab:,}: "
        f"{format_count(plan.shape_n_params)} parameters"
    )


def memory_in_words(memory: Memory) -> str:
    """Memory in a line."""
    states = memory.weights_gb + memory.gradients_gb + memory.optimizer_gb
    recomputed = ", layers recomputed" if memory.recompute else ""
    said = f"{states:,.3g} GB of states, {memory.activations_gb:.3g} GB of activations a sequence{recomputed}"
    if memory.least_gpus is None or memory.gb_a_gpu is None:
        return said
    return f"{said}; at least {memory.least_gpus:,} cards share it, {memory.gb_a_gpu:.3g} GB each"


def plan_rows(plan: TrainingPlan) -> Iterator[tuple[str, str]]:
    """What the plan says, line by line, for the terminal and the page."""
    yield "Parameters", plan.n_params.in_words()
    yield "Training tokens", plan.n_tokens.in_words()
    yield "Tokens per parameter", f"{plan.tokens_per_param:.3g}"
    yield "Expected loss, nats per token", loss_in_words(plan.loss_nats)
    if plan.bpb is not None:
        yield "Expected loss, bits per byte", plan.bpb.in_words(_loss)
    yield "Batch", f"{format_count(plan.batch_tokens)} tokens, {format_count(plan.steps)} steps"
    yield "Peak learning rate", f"{plan.lr:.2g}, by {plan.hyperparameters}"
    if plan.epochs is not None:
        yield "Epochs over the data at hand", format_count(plan.epochs)
    yield "Compute", f"{plan.flops:.3g} FLOPs ({plan.flops_6nd:.3g} as 6ND, {plan.flops_exact:.3g} by the shape)"
    if plan.inference_flops is not None:
        yield "Compute in use", f"{plan.inference_flops:.3g} FLOPs"
    if plan.gpu_hours is not None:
        yield "GPU-hours", _hours(plan.gpu_hours)
    if plan.hours is not None:
        yield "Hours on the wall", _hours(plan.hours)
    if plan.cost is not None:
        yield "Cost", f"{plan.cost:,.0f}"
    if plan.energy_kwh is not None:
        yield "Energy", f"{plan.energy_kwh:,.4g} kWh at a PUE of {PUE:g}"
    yield "Shape", shape_in_words(plan)
    yield "Memory", memory_in_words(plan.memory)
    if plan.published is not None:
        yield "Law", f"{plan.law}: {plan.published}"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _hours(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _loss(value: float) -> str:
    return f"{value:.3f}"


def _by_method(allocation: Allocation) -> dict[Method, Choice]:
    return {
        method: Choice(n_params=found.n_params, n_tokens=found.n_tokens, loss_nats=found.loss_nats)
        for method, found in allocation.optima.items()
    }


def _scaled(interval: Interval | None, factor: float | None) -> Interval | None:
    if factor is None or interval is None:
        return None
    low, high = (None if end is None else end * factor for end in (interval.low, interval.high))
    return Interval(mid=interval.mid * factor, low=low, high=high)

"""The answer: what the budget should buy, what to expect of it, and what to know before spending."""

from __future__ import annotations

from collections.abc import Sequence

from smelt.laws.findings import METHOD_NAMES
from smelt.plans.plan import TrainingPlan, memory_in_words, shape_in_words
from smelt.report.section import Section, Stage, format_flops, format_integer, format_loss, render
from smelt.units import format_count, format_seconds


def plan_section(plan: TrainingPlan, *, law_warnings: Sequence[str] = ()) -> Section:
    """The plan in a sentence and a table. Of its caveats, `law_warnings` are left to the law's own section."""
    own = [caveat for caveat in plan.caveats if caveat not in law_warnings]
    body = render(
        "plan",
        plan=plan,
        facts=plan_facts(plan),
        caveats=own,
        doubts=len(plan.caveats) - len(own),
    )
    stage = Stage(
        name="Plan",
        number=format_count(plan.n_params.mid),
        note=f"parameters on {format_count(plan.n_tokens.mid)} tokens, for {format_flops(plan.flops)} FLOPs",
    )
    return Section("plan", "The plan", body, stage)


def plan_facts(plan: TrainingPlan) -> list[tuple[str, str]]:
    """What the plan says, line by line; nothing for what it does not know."""
    facts = [
        ("Budget", f"{format_flops(plan.flops)} FLOPs"),
        ("Parameters", plan.n_params.in_words()),
        ("Training tokens", plan.n_tokens.in_words()),
        ("Tokens per parameter", f"{plan.tokens_per_param:.3g}"),
        ("Loss, nats per token", plan.loss_nats.in_words(format_loss) if plan.loss_nats else None),
        ("Loss, bits per byte", plan.bpb.in_words(format_loss) if plan.bpb else None),
        ("Passes over the data at hand", format_count(plan.epochs) if plan.epochs is not None else None),
        ("Batch", f"{format_count(plan.batch_tokens)} tokens, {format_count(plan.steps)} steps"),
        ("Peak learning rate", f"{plan.lr:.2g}"),
        ("Time", _time(plan)),
        ("Cost", format_integer(plan.cost) if plan.cost is not None else None),
        ("Energy", f"{format_count(plan.energy_kwh)} kWh" if plan.energy_kwh is not None else None),
        ("Shape", shape_in_words(plan)),
        ("Memory", memory_in_words(plan.memory)),
    ]
    known = [(name, value) for name, value in facts if value is not None]
    return known + (_by_method(plan) if len(plan.by_method) > 1 else [])


def _by_method(plan: TrainingPlan) -> list[tuple[str, str]]:
    return [
        (
            f"By the {METHOD_NAMES[method]}{', followed' if method == plan.method else ''}",
            f"{format_count(choice.n_params.mid)} on {format_count(choice.n_tokens.mid)} tokens, "
            f"{f'{format_loss(choice.loss_nats.mid)} nats' if choice.loss_nats else 'no loss'}",
        )
        for method, choice in plan.by_method.items()
    ]


def _time(plan: TrainingPlan) -> str | None:
    if plan.hours is None or plan.gpu_hours is None:
        return None
    return f"{format_seconds(3600 * plan.hours)}, {format_count(plan.gpu_hours)} GPU-hours"

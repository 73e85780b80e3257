"""`smelt plan`: what a budget should buy, by a law of one's own or a published one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from smelt.cli.options import count_of
from smelt.core.shards import write_json, write_whole
from smelt.errors import InputError
from smelt.laws.law import LAW_FILE, ScalingLaw
from smelt.laws.published import DEFAULT, published_law
from smelt.plans.budget import Budget
from smelt.plans.known import against, around, sweep
from smelt.plans.plan import PAGE_FILE, PLAN_FILE, TrainingPlan, make_plan, plan_rows, to_markdown
from smelt.plans.wishes import Wishes
from smelt.units import format_count


def plan_budget(
    law: str | None,
    *,
    budget: Mapping[str, Any],
    wishes: Mapping[str, Any],
    over_budgets: bool,
    budgets: str | None,
    model: str | None,
    output: Path | None,
    markdown: bool,
    as_json: bool,
) -> None:
    """Prints the plan, the table over budgets, or the verdict on a known model."""
    name = law or DEFAULT
    known = read_law(name)
    if model is not None:
        verdict = against(known, model)
        print(verdict.model_dump_json(indent=1) if as_json else verdict.in_words())
        return
    if budgets is not None:
        _print_sweep(known, [count_of(part, option="--budgets") for part in budgets.split(",")], as_json=as_json)
        return
    spent, wanted = _budget(budget), _wishes(wishes)
    if over_budgets:
        _print_sweep(known, _around(spent), as_json=as_json)
        return
    plan = make_plan(known, spent, wanted, law_name=name)
    if output is not None:
        _write(plan, output)
    if as_json:
        print(json.dumps(plan.model_dump(mode="json"), indent=1))
    elif markdown:
        print(to_markdown(plan), end="")
    else:
        _print(plan)


def read_law(name: str) -> ScalingLaw:
    """The law of a file, a folder or a name."""
    path = Path(name)
    if path.is_dir() and not (path / LAW_FILE).is_file():
        raise InputError(where=name, what=f"holds no {LAW_FILE}", do="Name the folder that a fit wrote.")
    try:
        if path.is_dir():
            return ScalingLaw.read(path)
        return ScalingLaw.from_json(path.read_text(encoding="utf-8")) if path.is_file() else published_law(name)
    except ValidationError as error:
        raise InputError(where=name, what=f"is no law: {_complaint(error)}") from error


def _budget(given: Mapping[str, Any]) -> Budget:
    try:
        return Budget.model_validate({name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        raise InputError(where="the budget", what=_complaint(error)) from error


def _wishes(given: Mapping[str, Any]) -> Wishes:
    try:
        return Wishes.model_validate(given)
    except ValidationError as error:
        raise InputError(where="the plan", what=_complaint(error)) from error


def _complaint(error: ValidationError) -> str:
    """The first complaint, without pydantic's frame."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    said = str(first["msg"]).removeprefix("Value error, ")
    return f"{place}: {said}" if place else said


def _print(plan: TrainingPlan) -> None:
    print(f"{format_count(plan.n_params.mid)} parameters on {format_count(plan.n_tokens.mid)} tokens")
    print(f"for {plan.budget_in_words}\n")
    for name, value in plan_rows(plan):
        print(f"{name:<32}{value}")
    print("\nBefore you spend it:")
    for caveat in plan.caveats:
        print(f"- {caveat}")


def _around(budget: Budget) -> list[float]:
    if budget.is_open:
        raise InputError(where="--sweep", what="needs a budget to go around", expected="such as --flops 1e21")
    return around(budget.compute().flops)


def _print_sweep(law: ScalingLaw, budgets: list[float], *, as_json: bool) -> None:
    rows = sweep(law, budgets)
    if as_json:
        print(json.dumps(rows, indent=1))
        return
    print(f"{'FLOPs':>10}{'parameters':>13}{'tokens':>10}{'tokens a parameter':>21}{'loss, nats':>13}")
    for row in rows:
        n, d, loss = row["n_params"] or 0.0, row["n_tokens"] or 0.0, row["loss_nats"]
        said = "" if loss is None else f"{loss:.3f}"
        print(f"{row['flops']:>10.3g}{format_count(n):>13}{format_count(d):>10}{d / n:>21.3g}{said:>13}")


def _write(plan: TrainingPlan, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / PLAN_FILE, plan.model_dump(mode="json"))
    with write_whole(folder / PAGE_FILE) as path:
        path.write_text(to_markdown(plan), encoding="utf-8")

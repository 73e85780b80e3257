"""What `fit` says of a law, as one JSON value; summary.py says it to people."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

from pydantic import JsonValue

from smelt.laws.findings import METHOD_NAMES, Estimate, Findings, HeldOut, Lines, Method, Parametric, Record
from smelt.laws.law import ScalingLaw
from smelt.laws.tables.run_table import Table

Json = dict[str, JsonValue]
ELSEWHERE = {"params", "theta", "exponents", "residuals"}
"""Parts of a method's record that the answer says in other places, or not: law.json has them."""


def with_notes(law: ScalingLaw, table: Table) -> ScalingLaw:
    """The law, which also warns of what its table made one doubt: a plan made of it repeats that."""
    warnings = [*law.warnings, *table.notes]
    return replace(law, findings=law.findings.model_copy(update={"warnings": warnings}))


def answer(
    law: ScalingLaw,
    table: Table,
    *,
    method: Method,
    flops: float | None = None,
    held: Mapping[str, float] = {},
    proposed: Sequence[Record] = (),
    written: Sequence[Path] = (),
) -> str:
    """The JSON of `fit --json`; `flops` is where the optimum is asked for, by default the largest budget,
    and `held` what else the form depends on there."""
    findings = law.findings
    found = findings.by(method)
    assert found is not None, "a method that has nothing to say was refused"
    value: Json = {"method": method, "form": METHOD_NAMES[method], **_parameters(found), "objective": None}
    value |= cast("Json", found.model_dump(mode="json", exclude=ELSEWHERE))
    value |= {
        "optimum_exponent": _exponent(found.exponents),
        "n_rows": table.n_rows,
        "n_used": findings.data.n_used,
        "dropped": [{"run": run, "why": why} for run, why in findings.data.dropped.items()],
        "held_out": _held_out(findings.held_out, method),
        "exponents": {name: _estimates(found) for name, found in exponents_of(findings).items()},
        "optimum": _optimum(law, flops or largest_flops(findings), held),
        "trusted": law.trusted,
        "agreement": _dumped(findings.agreement),
        "draws": findings.draws,
        "seed": findings.seed,
        "columns": cast("Json", table.read),
        "next": [_dumped(run) for run in proposed],
        "written": [str(path) for path in written],
        "warnings": cast("list[JsonValue]", findings.warnings),
    }
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _parameters(found: Parametric | Lines) -> Json:
    """Of a form as its formula names them; of lines those of D* = k_d C^b."""
    params = found.params if isinstance(found, Parametric) else _of_line(found)
    return {
        "params": {name: estimate.value for name, estimate in params.items()},
        "se": {name: estimate.se for name, estimate in params.items()},
        "ci95": {name: _ends(estimate) for name, estimate in params.items()},
    }


def _of_line(found: Lines) -> dict[str, Estimate]:
    line = found.d_opt
    return {"ln_k_d": Estimate(value=line.intercept), "b": line.slope} if line else {}


def exponents_of(findings: Findings) -> dict[Method, dict[str, Estimate]]:
    """a and b by each method that has them."""
    records: dict[Method, Parametric | Lines | None] = {name: findings.by(name) for name in METHOD_NAMES}
    return {method: found.exponents for method, found in records.items() if found and found.exponents}


def _exponent(exponents: Mapping[str, Estimate]) -> JsonValue:
    """a of N* ~ C^a."""
    return {"value": exponents["a"].value, "ci95": _ends(exponents["a"])} if exponents else None


def _ends(found: Estimate) -> JsonValue:
    return list(found.ci95) if found.ci95 else None


def _estimates(found: Mapping[str, Estimate]) -> JsonValue:
    return {name: _dumped(estimate) for name, estimate in found.items()}


def _held_out(held: HeldOut | None, method: Method) -> JsonValue:
    """Of the method that answers: the form's mean error over the runs, or that of the largest budget's least loss."""
    error = error_of(held, method)
    if held is None or error is None:
        return None
    return {"mean_rel_err": error, "n": held.n if method == "parametric" else 1, "from_flops": held.flops}


def error_of(held: HeldOut | None, method: Method) -> float | None:
    """The held-out error of the method that answers."""
    if held is None:
        return None
    return {"parametric": held.parametric, "isoflop": held.isoflop_loss}.get(method)


def _optimum(law: ScalingLaw, flops: float, held: Mapping[str, float]) -> JsonValue:
    """By each method."""
    found: Json = {"flops": flops, **held}
    for method, optimum in law.optimum(flops, **held).items():
        figures = {"n_params": optimum.n_params, "n_tokens": optimum.n_tokens, "loss_nats": optimum.loss_nats}
        found[method] = {name: _dumped(interval) for name, interval in figures.items()}
    return found


def largest_flops(findings: Findings) -> float:
    """The largest budget, else the compute of the largest run."""
    return findings.data.budgets[-1] if findings.data.budgets else findings.data.flops.greatest


def _dumped(record: Record | None) -> JsonValue:
    return cast("JsonValue", record.model_dump(mode="json")) if record else None

"""What `fit` says of a law, as one JSON value; summary.py says it to people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import cast

from pydantic import JsonValue

from smelt.errors import InputError
from smelt.laws.findings import Estimate, Findings, HeldOut, IsoFlop, Method, Record
from smelt.laws.law import ScalingLaw
from smelt.laws.table import Table

Json = dict[str, JsonValue]


def with_notes(law: ScalingLaw, table: Table) -> ScalingLaw:
    """The law, which also warns of what its table made one doubt: a plan made of it repeats that."""
    warnings = [*law.warnings, *table.notes]
    return replace(law, findings=law.findings.model_copy(update={"warnings": warnings}))


def check_method(law: ScalingLaw, method: str) -> None:
    """Raises InputError where the runs do not allow the method."""
    if method != "parametric" and not curves_of(law.findings, method).exponents:
        budgets = law.findings.data.budgets
        raise InputError(
            where=f"--method {method}",
            what=f"there are {len(budgets)} budgets, and no line through two minima of theirs",
            expected="at least two budgets with three sizes each and the minimum between them",
            do="add sizes to the budgets" if budgets else "name the column with each run's budget: --budget NAME",
        )


def curves_of(findings: Findings, method: str) -> IsoFlop:
    """What was found by a method that takes budgets one by one."""
    found = findings.isoflop
    return found or IsoFlop(fails="", budgets=[], d_opt=None, loss_opt=None, exponents={}, usable=False)


def answer(law: ScalingLaw, table: Table, *, method: str) -> str:
    """The JSON of `fit --json`."""
    findings = law.findings
    value: Json = {"method": method}
    value |= _parametric(findings) if method == "parametric" else _by_budgets(curves_of(findings, method))
    value |= {
        "n_rows": table.n_rows,
        "n_used": findings.data.n_used,
        "dropped": [{"run": run, "why": why} for run, why in findings.data.dropped.items()],
        "held_out": _held_out(findings.held_out, method),
        "exponents": {name: _estimates(found) for name, found in exponents_of(findings).items()},
        "optimum": _optimum(law),
        "agreement": _dumped(findings.agreement),
        "draws": findings.draws,
        "seed": findings.seed,
        "columns": cast("Json", table.read),
        "warnings": cast("list[JsonValue]", findings.warnings),
    }
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _parametric(findings: Findings) -> Json:
    fitted = findings.parametric
    assert fitted is not None, "runs enough were checked before the fit"
    return {
        "form": fitted.form,
        "formula": fitted.formula,
        **_parameters(fitted.params),
        "objective": fitted.objective,
        "objective_in_words": fitted.objective_in_words,
        "n_starts": fitted.n_starts,
        "at_optimum": fitted.at_optimum,
        "optimum_exponent": _exponent(fitted.exponents),
        "loose": cast("list[JsonValue]", fitted.loose),
    }


def _by_budgets(found: IsoFlop) -> Json:
    """Exponents and per-budget optima; `params` are those of D* = k_d C^b and N* = C / 6D*."""
    line = found.d_opt
    assert line is not None, "checked before"
    return {
        "form": "D* = k_d C^b, N* = C / 6D*",
        **_parameters({"ln_k_d": Estimate(value=line.intercept), "b": line.slope}),
        "objective": None,
        "optimum_exponent": _exponent(found.exponents),
        "budgets": [_dumped(minimum) for minimum in found.budgets],
    }


def _parameters(params: Mapping[str, Estimate]) -> Json:
    return {
        "params": {name: found.value for name, found in params.items()},
        "se": {name: found.se for name, found in params.items()},
        "ci95": {name: _ends(found) for name, found in params.items()},
    }


def exponents_of(findings: Findings) -> dict[Method, dict[str, Estimate]]:
    """a and b by each method that has them."""
    found: dict[Method, dict[str, Estimate]] = {
        "parametric": findings.parametric.exponents if findings.parametric else {},
        "isoflop": findings.isoflop.exponents if findings.isoflop else {},
    }
    return {method: exponents for method, exponents in found.items() if exponents}


def _exponent(exponents: Mapping[str, Estimate]) -> JsonValue:
    """a of N* ~ C^a."""
    return {"value": exponents["a"].value, "ci95": _ends(exponents["a"])} if exponents else None


def _ends(found: Estimate) -> JsonValue:
    return list(found.ci95) if found.ci95 else None


def _estimates(found: Mapping[str, Estimate]) -> JsonValue:
    return {name: _dumped(estimate) for name, estimate in found.items()}


def _held_out(held: HeldOut | None, method: str) -> JsonValue:
    """Of the method that answers: the form's mean error over the runs, or that of the largest budget's least loss."""
    error = error_of(held, method)
    if held is None or error is None:
        return None
    return {"mean_rel_err": error, "n": held.n if method == "parametric" else 1, "from_flops": held.flops}


def error_of(held: HeldOut | None, method: str) -> float | None:
    """The held-out error of the method that answers."""
    if held is None:
        return None
    return held.parametric if method == "parametric" else held.isoflop_loss


def _optimum(law: ScalingLaw) -> JsonValue:
    """By each method, at the largest budget."""
    flops = largest_flops(law.findings)
    found: Json = {"flops": flops}
    for method, optimum in law.optimum(flops).items():
        figures = {"n_params": optimum.n_params, "n_tokens": optimum.n_tokens, "loss_nats": optimum.loss_nats}
        found[method] = {name: _dumped(interval) for name, interval in figures.items()}
    return found


def largest_flops(findings: Findings) -> float:
    """The largest budget, else the compute of the largest run."""
    return findings.data.budgets[-1] if findings.data.budgets else findings.data.flops.greatest


def _dumped(record: Record | None) -> JsonValue:
    return cast("JsonValue", record.model_dump(mode="json")) if record else None

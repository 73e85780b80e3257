"""What `fit` says of a law, as a page of text for the terminal; fitted.py says it to programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from smelt.cli.fitted import error_of, exponents_of, largest_flops
from smelt.laws.findings import (
    METHOD_NAMES,
    Akima,
    CurveMinimum,
    Envelope,
    Estimate,
    Findings,
    HeldOut,
    Holder,
    IsoFlop,
    Lines,
    Method,
    Parametric,
)
from smelt.laws.law import Optimum, ScalingLaw
from smelt.laws.tables.run_table import Table
from smelt.units import format_count

FITTED = ("n_params", "n_tokens", "flops", "loss_nats")
"""What of a table every fit reads, in the order in which people name it."""
NOTHING = 1e-12
"""A floor that fell below is none: the fitter holds its logarithm, which knows no zero."""


def in_words(
    law: ScalingLaw,
    table: Table,
    *,
    method: Method,
    name: str,
    flops: float | None = None,
    held: Mapping[str, float] = {},
) -> str:
    """A page of text: what was read, the parameters, exponents by each method, the optimum, what to doubt."""
    findings = law.findings
    parts = [
        _about_table(findings, table, name=name),
        _about_method(findings.by(method), findings),
        _about_exponents(findings),
        _about_optimum(law, flops, held),
        _about_held_out(findings.held_out, method),
        _about_doubts(findings.warnings),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part)


def _about_table(findings: Findings, table: Table, *, name: str) -> list[str]:
    data = findings.data
    spans = ((data.n_params, "parameters"), (data.n_tokens, "tokens"), (data.flops, "FLOPs"))
    said = ", ".join(f"{format_count(span.least)} to {format_count(span.greatest)} {what}" for span, what in spans)
    read = ", ".join(f"{column} {table.read[column]}" for column in FITTED if column in table.read)
    return [f"{name}: {data.n_used:,} of {table.n_rows:,} rows, {said}", f"  {read}"]


def _about_method(found: Parametric | Lines | None, findings: Findings) -> list[str]:
    head = _budget_row("FLOPs", "N*", "D*", "loss")
    if isinstance(found, Parametric):
        return _about_form(found, findings)
    if isinstance(found, Envelope):
        return ["The runs of least loss, by compute", head, *map(_holder_row, found.holders)]
    if isinstance(found, IsoFlop | Akima):
        return ["Minimum of each budget", head, *map(_minimum_row, found.budgets)]
    return []


def _about_form(fitted: Parametric, findings: Findings) -> list[str]:
    starts = f"{fitted.n_starts:,} starts, {fitted.at_optimum:.0%} at the optimum"
    return [
        f"{fitted.formula}  ({fitted.source})",
        f"  {fitted.objective_in_words}: {fitted.objective:.7g}; {starts}",
        "",
        _row("", "value", "SE", "95% interval"),
        *(_estimate_row(parameter, found) for parameter, found in fitted.params.items()),
        f"  standard errors and intervals: {findings.draws:,} draws, seed {findings.seed}",
    ]


def _minimum_row(minimum: CurveMinimum) -> str:
    cells = [
        interval.in_words(form) if interval else "none"
        for interval, form in (
            (minimum.n_opt, format_count),
            (minimum.d_opt, format_count),
            (minimum.loss_opt, _loss),
        )
    ]
    why = "flat: left out" if minimum.flat else "at the edge: left out"
    return _budget_row(f"{minimum.budget_flops:.3g}", *cells) + ("" if minimum.in_line else f"  {why}")


def _holder_row(holder: Holder) -> str:
    n, d, loss = format_count(holder.n_params), format_count(holder.n_tokens.greatest), _loss(holder.loss_nats.least)
    return _budget_row(f"{holder.flops.greatest:.3g}", n, d, loss)


def _about_exponents(findings: Findings) -> list[str]:
    rows = [
        _estimate_row(f"{exponent}, {METHOD_NAMES[method]}", found)
        for method, exponents in exponents_of(findings).items()
        for exponent, found in exponents.items()
    ]
    return ["N* ~ C^a, D* ~ C^b", _row("", "value", "SE", "95% interval"), *rows] if rows else []


def _about_optimum(law: ScalingLaw, flops: float | None, held: Mapping[str, float]) -> list[str]:
    budgets = law.findings.data.budgets
    where = "the target" if flops else "the largest budget" if budgets else "the largest run's compute"
    flops = flops or largest_flops(law.findings)
    optima = law.optimum(flops, **held)
    rows = [_optimum_row(optimum, trusted=law.trusted == method) for method, optimum in optima.items()]
    also = "".join(f", {format_count(value)} {column.replace('_', ' ')}" for column, value in held.items())
    return [f"Optimum at {flops:.3g} FLOPs, {where}{also}", *rows] if rows else []


def _optimum_row(optimum: Optimum, *, trusted: bool) -> str:
    n, d = optimum.n_params.in_words(), optimum.n_tokens.in_words()
    loss = optimum.loss_nats.in_words(_loss) if optimum.loss_nats else "unknown"
    mark = "  <- a plan follows this" if trusted else ""
    return f"  {METHOD_NAMES[optimum.method]}: N {n}, D {d}, loss {loss}{mark}"


def _about_held_out(held: HeldOut | None, method: Method) -> list[str]:
    error = error_of(held, method)
    if held is None or error is None:
        return ["Held out: nothing that this method could predict"]
    if method == "parametric":
        runs = f"{held.n} runs from {held.flops:.3g} FLOPs on"
        return [f"Held out: {runs}, predicted by a fit to the others: mean relative error {error:.2%}"]
    size = f", N* by {held.isoflop_n_opt:.0%}" if held.isoflop_n_opt is not None else ""
    return [
        f"Held out: the largest budget, {held.flops:.3g} FLOPs. The line through the minima of the others is off in "
        f"the least loss by {error:.2%}{size}"
    ]


def _about_doubts(warnings: Iterable[str]) -> list[str]:
    said = [f"  - {warning}" for warning in warnings]
    return ["Warnings", *said] if said else []


def _estimate_row(name: str, found: Estimate) -> str:
    interval = f"{_figure(found.ci95[0])} to {_figure(found.ci95[1])}" if found.ci95 else "none"
    return _row(name, _figure(found.value), _figure(found.se) if found.se is not None else "none", interval)


def _row(name: str, value: str, error: str, interval: str) -> str:
    return f"  {name:<22} {value:>12} {error:>12}   {interval}".rstrip()


def _budget_row(flops: str, n: str, d: str, loss: str) -> str:
    return f"  {flops:<10} {n:<28} {d:<28} {loss}"


def _figure(value: float) -> str:
    if abs(value) < NOTHING:
        return "0"
    return f"{value:.4g}" if abs(value) < 1 else f"{value:.6g}"


def _loss(value: float) -> str:
    return f"{value:.4f}"

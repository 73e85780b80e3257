"""The law: IsoFLOP curves with their minima, what compute should buy, and how far to believe it."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import polars as pl
from markupsafe import Markup

from smelt.laws.findings import METHOD_NAMES, Agreement, Estimate, Findings, HeldOut, Parametric
from smelt.laws.law import ScalingLaw
from smelt.laws.points import Points
from smelt.report.allocation import allocation_figures, allocation_keys
from smelt.report.figures import Figure, Table, axis, line, log_axis, points
from smelt.report.isoflop import isoflop_figure
from smelt.report.section import Section, Stage, format_flops, format_percent, render
from smelt.units import format_count


def law_section(law: ScalingLaw, runs: pl.DataFrame | None, *, plan_flops: float | None) -> Section:
    """Figures of a law; with `runs`, its IsoFLOP curves; with `plan_flops`, drawn as far as the plan reaches."""
    findings = law.findings
    body = render(
        "law",
        findings=findings,
        followed=METHOD_NAMES[law.trusted],
        isoflop=_isoflop(findings, runs) if runs is not None else None,
        keys=allocation_keys(law, plan_flops=plan_flops),
        allocation=allocation_figures(law, plan_flops=plan_flops),
        residuals=residual_figure(findings.parametric) if findings.parametric else None,
        parameters=parameter_table(findings),
        held_out=_held_out_facts(findings.held_out) if findings.held_out else [],
        agreement=_agreement_in_words(findings.agreement) if findings.agreement else None,
    )
    return Section("law", "The scaling law", body, _stage(law))


def residual_figure(fitted: Parametric) -> Figure:
    """How far each run lies from the parametric form, in per cent of the loss, against its size."""
    percent = [100 * math.expm1(found.residual) for found in fitted.residuals]
    sizes = [found.n_params for found in fitted.residuals]
    hover = [
        f"{format_count(found.n_params)} parameters, {format_count(found.n_tokens)} tokens"
        f"<br>{found.loss_nats:.4f} nats, {residual:+.2f}%"
        for found, residual in zip(fitted.residuals, percent, strict=True)
    ]
    spread = float(np.sqrt(np.mean(np.square(percent))))
    return Figure(
        anchor="residuals",
        title="Residuals of the parametric form",
        summary=f"How far each run lies above (worse) or below the loss that {fitted.formula} gives it: root mean "
        f"square {spread:.2g}%. A trend along the sizes would mean that the form is wrong.",
        traces=[
            line([min(sizes), max(sizes)], [0, 0], color="@muted", width=1),
            points(sizes, percent, color="@accent", hover=hover),
        ],
        x=log_axis("Parameters", sizes, format_count),
        y=axis("Loss against the form, %"),
        height=300,
    )


def parameter_table(findings: Findings) -> Table:
    """Every exponent and parameter with its interval."""
    rows: list[tuple[str, ...]] = []
    for method, name in METHOD_NAMES.items():
        if found := findings.by(method):
            rows += _rows(found.exponents, suffix=f", by the {name}")
    if findings.parametric:
        rows += _rows(findings.parametric.params)
    return Table(("Parameter", "Estimate and 95% interval", "Standard error"), rows)


def _isoflop(findings: Findings, runs: pl.DataFrame) -> Figure | None:
    if findings.isoflop is None or not findings.isoflop.budgets:
        return None
    return isoflop_figure(findings.isoflop.budgets, Points.from_frame(runs)[0])


def _rows(estimates: Mapping[str, Estimate], *, suffix: str = "") -> list[tuple[str, ...]]:
    return [
        (name + suffix, found.interval.in_words(), "" if found.se is None else format_count(found.se))
        for name, found in estimates.items()
    ]


def _held_out_facts(held_out: HeldOut) -> list[tuple[str, str]]:
    found = (
        ("Loss, by the parametric form", held_out.parametric),
        ("Least loss, by the parabolas", held_out.isoflop_loss),
        ("N*, by the parabolas", held_out.isoflop_n_opt),
    )
    return [(name, format_percent(abs(error))) for name, error in found if error is not None]


def _agreement_in_words(found: Agreement) -> str:
    verdict = "agree within their intervals" if found.agree else "disagree beyond their intervals"
    return (
        f"At {format_flops(found.flops)} FLOPs the methods ({', '.join(METHOD_NAMES[name] for name in found.judged)}) "
        f"{verdict}: their best sizes differ by a factor of {found.factor:.2f}."
    )


def _stage(law: ScalingLaw) -> Stage | None:
    method = law.findings.by(law.trusted)
    exponent = method.exponents.get("a") if method else None
    if exponent is None:
        return None
    interval = "" if exponent.ci95 is None else ", {:.2f} to {:.2f}".format(*exponent.ci95)
    return Stage(
        name="Law",
        number=Markup("N* ∝ C<sup>{}</sup>").format(f"{exponent.value:.2f}"),
        note=f"by the {METHOD_NAMES[law.trusted]}{interval}",
    )

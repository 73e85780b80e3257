"""The law in three sections: what compute should buy, how far to believe it, and what a reader must be told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import polars as pl
from markupsafe import Markup

from smelt.laws.checklist import ITEMS, UNKNOWN
from smelt.laws.findings import METHOD_NAMES, Agreement, Estimate, Findings, HeldOut
from smelt.laws.law import ScalingLaw
from smelt.laws.points import Points
from smelt.report.allocation import allocation_figures, allocation_keys
from smelt.report.clouds import exponent_cloud_figure, optimum_cloud_figures
from smelt.report.contours import contour_figure
from smelt.report.figures import Figure, Table
from smelt.report.identifiability import dropping_figure, influence_figure, profile_figures
from smelt.report.isoflop import isoflop_figure
from smelt.report.residuals import parity_figure, residual_figures
from smelt.report.section import Section, Stage, format_flops, format_percent, render
from smelt.units import format_count


def law_sections(law: ScalingLaw, runs: pl.DataFrame | None, *, plan_flops: float | None) -> list[Section]:
    """All of a law; with `runs`, its IsoFLOP curves; with `plan_flops`, drawn as far as the plan reaches."""
    return [
        law_section(law, runs, plan_flops=plan_flops),
        belief_section(law, plan_flops=plan_flops),
        checklist_section(law.findings),
    ]


def law_section(law: ScalingLaw, runs: pl.DataFrame | None, *, plan_flops: float | None) -> Section:
    """What compute should buy, by each method."""
    findings = law.findings
    first = _known([_isoflop(findings, runs) if runs is not None else None, contour_figure(law)])
    keys, allocation = allocation_keys(law, plan_flops=plan_flops), allocation_figures(law, plan_flops=plan_flops)
    body = render(
        "law",
        findings=findings,
        followed=METHOD_NAMES[law.trusted],
        figures=first,
        keys=keys,
        allocation=allocation,
        parameters=parameter_table(findings),
    )
    alone = [replace(figure, legend=keys) for figure in allocation]  # on the page they share a legend
    return Section("law", "The scaling law", body, _stage(law), [*first, *alone])


def belief_section(law: ScalingLaw, *, plan_flops: float | None) -> Section:
    """How the law did on runs it had not seen, how far the runs lie from it, how sure its figures are."""
    findings, fitted = law.findings, law.findings.parametric
    parity = parity_figure(findings.held_out) if findings.held_out else None
    residuals = residual_figures(law)
    clouds = _known([*optimum_cloud_figures(law, target_flops=plan_flops), exponent_cloud_figure(law)])
    influence = _known([influence_figure(fitted), dropping_figure(fitted)]) if fitted else []
    profiles = profile_figures(fitted) if fitted else []
    body = render(
        "belief",
        held_out=findings.held_out,
        errors=_held_out_facts(findings.held_out) if findings.held_out else [],
        agreement=_agreement_in_words(findings.agreement) if findings.agreement else None,
        parity=parity,
        residuals=residuals,
        clouds=clouds,
        influence=influence,
        profiles=profiles,
    )
    figures = [*_known([parity]), *residuals, *clouds, *influence, *profiles]
    return Section("belief", "How far to believe it", body, figures=figures)


def checklist_section(findings: Findings) -> Section:
    """The (Mis)Fitting checklist with its answers."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for item in ITEMS:
        if item.name in findings.checklist:
            groups.setdefault(item.group, []).append((item.question, findings.checklist[item.name]))
    unknown = sum(UNKNOWN in answer for answer in findings.checklist.values())
    body = render("checklist", groups=groups, points=len(findings.checklist), unknown=unknown)
    return Section("checklist", "What a reader should be told", body)


def parameter_table(findings: Findings) -> Table:
    """Every exponent and parameter with its interval."""
    rows: list[tuple[str, ...]] = []
    for method, name in METHOD_NAMES.items():
        if found := findings.by(method):
            rows += _rows(found.exponents, suffix=f", by the {name}")
    if findings.parametric:
        rows += _rows(findings.parametric.params)
    return Table(("Parameter", "Estimate and 95% interval", "Standard error"), rows)


def _known(figures: Iterable[Figure | None]) -> Sequence[Figure]:
    return [figure for figure in figures if figure is not None]


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

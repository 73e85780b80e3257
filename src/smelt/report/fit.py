"""The report of a fit to anyone's table of runs: the law's sections as a page of their own, and its figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from smelt.core.shards import write_whole
from smelt.laws.checklist import UNKNOWN
from smelt.laws.law import ScalingLaw
from smelt.report.figures import Figure
from smelt.report.law import law_sections
from smelt.report.page import render_page
from smelt.report.section import Section, Stage, format_percent


def write_fit_report(
    law: ScalingLaw, runs: pl.DataFrame, output: Path, *, title: str, target_flops: float | None = None
) -> None:
    """Writes the page, whole. `runs` are those that the law was fitted to; with `target_flops` it is drawn that far."""
    html = render_fit_report(law, runs, title=title, target_flops=target_flops)
    with write_whole(output) as temporary:
        temporary.write_text(html)


def render_fit_report(law: ScalingLaw, runs: pl.DataFrame, *, title: str, target_flops: float | None = None) -> str:
    """The page: the law, how far to believe it, and the checklist; the same runs and law give the same bytes."""
    return render_page(_sections(law, runs, target_flops), title=title, made="")


def fit_figures(law: ScalingLaw, runs: pl.DataFrame, *, target_flops: float | None = None) -> list[Figure]:
    """The figures of that page."""
    return [figure for section in _sections(law, runs, target_flops) for figure in section.figures]


def _sections(law: ScalingLaw, runs: pl.DataFrame, target_flops: float | None) -> Sequence[Section]:
    first, belief, checklist = law_sections(law, runs, plan_flops=target_flops)
    return [first, replace(belief, stage=_belief(law)), replace(checklist, stage=_answered(law.findings.checklist))]


def _answered(checklist: Mapping[str, str]) -> Stage:
    known = sum(UNKNOWN not in answer for answer in checklist.values())
    return Stage("Checklist", f"{known} of {len(checklist)}", "points of (Mis)Fitting answered")


def _belief(law: ScalingLaw) -> Stage:
    held_out = law.findings.held_out
    if held_out is None or held_out.parametric is None:
        return Stage("Held out", "none", "too few runs or budgets to hold some out")
    return Stage("Held out", format_percent(held_out.parametric), f"mean error of {held_out.n} losses not fitted")

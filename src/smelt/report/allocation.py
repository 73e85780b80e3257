"""What compute should buy: N*, D* and the loss there against C, by each method, with the runs' minima and the plan."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from smelt.laws.findings import METHOD_NAMES, BudgetMinimum, Interval, Method
from smelt.laws.law import Optimum, ScalingLaw
from smelt.report.figures import (
    Figure,
    Key,
    Table,
    Trace,
    band,
    error_points,
    line,
    log_axis,
    power_of_ten,
    vertical_line,
)
from smelt.report.section import format_flops, format_loss
from smelt.units import format_count

METHOD_COLORS: dict[Method, tuple[str, str]] = {
    "isoflop": ("@accent", "@band"),
    "akima": ("@third", "@band-third"),
    "envelope": ("@fourth", "@band-fourth"),
    "parametric": ("@second", "@band-second"),
}
"""Of line and band."""
GRID = 60
"""Points at which a curve is drawn."""
MARGIN = 1.5
"""Drawn beyond the least and the greatest budget, as a factor."""

Optima = dict[Method, list[Optimum]]


@dataclass(frozen=True, slots=True)
class Quantity:
    """One of the three things that a budget decides."""

    anchor: str
    title: str
    summary: str
    axis: str
    form: Callable[[float], str]
    """How its figures are written."""
    of_optimum: Callable[[Optimum], Interval]
    of_minimum: Callable[[BudgetMinimum], Interval | None]


QUANTITIES = (
    Quantity(
        anchor="n-opt",
        title="N*, the best size",
        summary="Parameters of the compute-optimal model.",
        axis="Parameters, N*",
        form=format_count,
        of_optimum=lambda optimum: optimum.n_params,
        of_minimum=lambda minimum: minimum.n_opt,
    ),
    Quantity(
        anchor="d-opt",
        title="D*, the tokens it should see",
        summary="Training tokens of the same model.",
        axis="Tokens, D*",
        form=format_count,
        of_optimum=lambda optimum: optimum.n_tokens,
        of_minimum=lambda minimum: minimum.d_opt,
    ),
    Quantity(
        anchor="loss-opt",
        title="The loss it should reach",
        summary="Held-out loss of the compute-optimal model.",
        axis="Loss, nats per token",
        form=format_loss,
        of_optimum=lambda optimum: optimum.loss_nats or Interval(mid=float("nan")),
        of_minimum=lambda minimum: minimum.loss_opt,
    ),
)


def allocation_keys(law: ScalingLaw, *, plan_flops: float | None) -> list[Key]:
    """The legend that the three figures share."""
    data = law.findings.data
    methods = law.optimum(data.flops.greatest, **data.typical)
    keys = [Key(METHOD_COLORS[method][0], f"{METHOD_NAMES[method]}, with 95% band", "line") for method in methods]
    minima = [Key("@ink", "minima of the IsoFLOP curves")] if _minima(law) else []
    return [*keys, *minima, *([Key("@muted", "the target budget", "line")] if plan_flops else [])]


def allocation_figures(law: ScalingLaw, *, plan_flops: float | None) -> list[Figure]:
    """N*, D* and loss against C, from the smallest budget of the runs to the largest, or to the plan's."""
    least, greatest = law.findings.data.flops.least, law.findings.data.flops.greatest
    planned = [plan_flops] if plan_flops else []
    grid = np.geomspace(least / MARGIN, max(greatest, *planned, 0.0) * MARGIN, GRID).tolist()
    drawn, listed, minima = _optima(law, grid), _optima(law, [least, greatest, *planned]), _minima(law)
    if not drawn:
        return []  # the form has no optimum
    return [
        Figure(
            anchor=quantity.anchor,
            title=quantity.title,
            summary=quantity.summary,
            traces=[*_bands(quantity, drawn), *_lines(quantity, drawn), *_points(quantity, minima)],
            x=log_axis("Training compute, FLOPs", grid, power_of_ten),
            y=log_axis(quantity.axis, _heights(quantity, drawn), format_count),
            shapes=[vertical_line(flops) for flops in planned],
            table=_table(quantity, listed),
            height=340,
        )
        for quantity in QUANTITIES
    ]


def _optima(law: ScalingLaw, budgets: Iterable[float]) -> Optima:
    found: Optima = {}
    for flops in budgets:
        for method, optimum in law.optimum(flops, **law.findings.data.typical).items():
            found.setdefault(method, []).append(optimum)
    return found


def _minima(law: ScalingLaw) -> list[BudgetMinimum]:
    return [found for found in law.findings.isoflop.budgets if found.in_line] if law.findings.isoflop else []


def _bands(quantity: Quantity, optima: Optima) -> list[Trace]:
    traces: list[Trace] = []
    for method, curve in optima.items():
        ends = [(optimum.flops, quantity.of_optimum(optimum)) for optimum in curve]
        known = [(flops, end.low, end.high) for flops, end in ends if end.low is not None and end.high is not None]
        if known:
            x, low, high = zip(*known, strict=True)
            traces.append(band(x, low, high, color=METHOD_COLORS[method][1]))
    return traces


def _lines(quantity: Quantity, optima: Optima) -> list[Trace]:
    return [
        line(
            [optimum.flops for optimum in curve],
            [quantity.of_optimum(optimum).mid for optimum in curve],
            color=METHOD_COLORS[method][0],
            hover=[
                f"{METHOD_NAMES[method]} at {format_flops(optimum.flops)} FLOPs"
                f"<br>{quantity.of_optimum(optimum).in_words(quantity.form)}"
                for optimum in curve
            ],
        )
        for method, curve in optima.items()
    ]


def _points(quantity: Quantity, minima: Sequence[BudgetMinimum]) -> list[Trace]:
    found = [(minimum.budget_flops, value) for minimum in minima if (value := quantity.of_minimum(minimum))]
    if not found:
        return []
    flops, values = zip(*found, strict=True)
    hover = [f"minimum at {format_flops(x)} FLOPs<br>{value.in_words(quantity.form)}" for x, value in found]
    return [error_points(flops, values, color="@ink", hover=hover)]


def _heights(quantity: Quantity, optima: Optima) -> list[float]:
    found = [quantity.of_optimum(optimum) for curve in optima.values() for optimum in curve]
    return [end for value in found for end in (value.mid, value.low, value.high) if end is not None and end > 0]


def _table(quantity: Quantity, optima: Optima) -> Table:
    budgets = sorted({optimum.flops for curve in optima.values() for optimum in curve})
    said = {
        (method, optimum.flops): quantity.of_optimum(optimum).in_words(quantity.form)
        for method, curve in optima.items()
        for optimum in curve
    }
    rows = [(format_flops(flops), *(said.get((method, flops), "") for method in optima)) for flops in budgets]
    return Table(("Compute, FLOPs", *(METHOD_NAMES[method] for method in optima)), rows, words=0)

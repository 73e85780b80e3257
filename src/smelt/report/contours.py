"""Contours of L(N, D): lines of equal loss, the runs, and where on lines of equal compute the loss is least."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from smelt.laws.findings import METHOD_NAMES, Method, Residual
from smelt.laws.forms import Floats
from smelt.laws.law import Optimum, ScalingLaw
from smelt.report.allocation import METHOD_COLORS
from smelt.report.figures import (
    Figure,
    Key,
    Table,
    Trace,
    area,
    labels,
    line,
    log_axis,
    log_ticks,
    points,
    ramp,
    within,
)
from smelt.report.section import format_flops, format_loss
from smelt.report.surface import Surface
from smelt.units import format_count

GRID = 48
"""Places along N, and along D, at which a contour is looked for."""
FINE = 400
"""Places at which the loss is computed on the way to it."""
LEVELS = 8
"""Contours, spread evenly over the area (taste)."""
MARGIN = 1.5
"""Drawn beyond the runs, as a factor of N and of D."""
CLEAR = 0.04
"""Share of the drawing's height that a label stays below its edge (taste)."""
ROWS = 2
"""Of labels: on a phone neighbours would touch in one."""
BUDGETS = 5
"""Lines of equal compute, and rows of the table, at most."""


def contour_figure(law: ScalingLaw) -> Figure | None:
    """L(N, D) over the region of the runs; None without a form of N and D."""
    surface, fitted = Surface.of(law), law.findings.parametric
    if surface is None or fitted is None:
        return None
    data = law.findings.data
    sizes = data.n_params.least / MARGIN, data.n_params.greatest * MARGIN
    tokens = data.n_tokens.least / MARGIN, data.n_tokens.greatest * MARGIN
    n_params, n_tokens = np.geomspace(*sizes, FINE), np.geomspace(*tokens, FINE)
    optima = _frontiers(law)
    return Figure(
        anchor="contours",
        title="Loss by size and data",
        summary="Lines of equal loss by the parametric form, stronger where the loss is lower, and the runs (dots). "
        "Dotted lines join models of equal compute. Along each of these the loss is least on the efficient frontier, "
        "drawn by each method with its 95% interval: what a budget should buy.",
        traces=[
            *_contours(surface, n_params, n_tokens),
            *_budget_lines(law, n_params),
            *_bands(optima),
            _runs(fitted.residuals),
            *_lines(optima),
        ],
        x=within(log_axis("Parameters, N", sizes, format_count), *sizes),
        y=within(log_axis("Training tokens, D", tokens, format_count), *tokens),
        legend=[
            Key("@ramp-1", "equal loss, nats per token", "line"),
            Key("@muted", "equal compute", "dotted"),
            *(Key(METHOD_COLORS[method][0], f"frontier by the {METHOD_NAMES[method]}", "line") for method in optima),
            Key("@ink", "runs"),
        ],
        table=_table(law),
        height=560,
    )


def contour(level: float, loss: Floats, n_params: Floats, n_tokens: Floats) -> tuple[Floats, Floats]:
    """The N and D at which a loss (N, D) that falls with both is `level`, from little N to much."""
    log_n, log_d = np.log(n_params), np.log(n_tokens)
    by_n = [(log_n[i], _crossing(level, loss[i], log_d)) for i in _spread(len(log_n))]
    by_d = [(_crossing(level, loss[:, j], log_n), log_d[j]) for j in _spread(len(log_d))]
    found = np.array([place for place in (*by_n, *by_d) if np.isfinite(place).all()]).reshape(-1, 2)
    along = found[np.argsort(found[:, 0] - found[:, 1])]
    return np.exp(along[:, 0]), np.exp(along[:, 1])


def _crossing(level: float, falling: Floats, places: Floats) -> float:
    return float(np.interp(level, falling[::-1], places[::-1], left=np.nan, right=np.nan))


def _spread(count: int) -> list[int]:
    return np.linspace(0, count - 1, GRID).round().astype(int).tolist()


def _contours(surface: Surface, n_params: Floats, n_tokens: Floats) -> list[Trace]:
    loss = surface.loss(n_params[:, None], n_tokens[None, :])
    levels = contour_levels(loss)
    traces: list[Trace] = []
    starts: list[tuple[float, float, str]] = []
    for place, level in enumerate(levels):
        x, y = (_rounded(along) for along in contour(level, loss, n_params, n_tokens))
        if x:
            said = f"{format_loss(level)} nats per token"
            color = ramp(place, len(levels))
            traces.append(line(x, y, color=color, hover=[said] * len(x), width=1.25))
            starts += [(*place, f"{level:g}") for place in _label_place(x, y, n_params, n_tokens, row=place % ROWS)]
    x, y, texts = zip(*starts, strict=True) if starts else ((), (), ())
    return [*traces, labels(x, y, texts, color="@muted")]


def _label_place(
    x: list[float], y: list[float], n_params: Floats, n_tokens: Floats, *, row: int
) -> list[tuple[float, float]]:
    """Where a contour comes clear of the upper edge, by rows; nowhere for one that never does."""
    highest, furthest = _share(n_tokens, 1 - CLEAR * (1 + row)), _share(n_params, 1 - 2 * CLEAR)
    return [(n, d) for n, d in zip(x, y, strict=True) if d <= highest and n <= furthest][:1]


def _share(ends: Floats, share: float) -> float:
    """A place on a logarithmic axis."""
    return math.exp((1 - share) * math.log(ends[0]) + share * math.log(ends[-1]))


def contour_levels(loss: Floats) -> list[float]:
    """Round losses, the highest first, that part the area into about equal shares."""
    shares = np.quantile(loss, np.arange(1, LEVELS + 1) / (LEVELS + 1))
    return sorted({float(f"{level:.3g}") for level in shares}, reverse=True)


def _budget_lines(law: ScalingLaw, n_params: Floats) -> list[Trace]:
    ends = n_params[[0, -1]]
    compute = 6 * law.overhead.size(ends)
    return [
        line(
            ends.tolist(),
            (flops / compute).tolist(),
            color="@muted",
            width=1,
            dash="dot",
            hover=[f"{format_flops(flops)} FLOPs"] * 2,
        )
        for flops in _budgets(law)
    ]


def _budgets(law: ScalingLaw) -> list[float]:
    """The runs' budgets, or round ones among them."""
    data = law.findings.data
    every = data.budgets or log_ticks(data.flops.least, data.flops.greatest)
    chosen = np.linspace(0, len(every) - 1, min(BUDGETS, len(every))).round().astype(int)
    return [every[i] for i in chosen]


def _frontiers(law: ScalingLaw) -> dict[Method, list[Optimum]]:
    data = law.findings.data
    found: dict[Method, list[Optimum]] = {}
    for flops in np.geomspace(data.flops.least / MARGIN, data.flops.greatest * MARGIN, GRID).tolist():
        for method, optimum in law.optimum(flops).items():
            found.setdefault(method, []).append(optimum)
    return found


def _lines(optima: dict[Method, list[Optimum]]) -> list[Trace]:
    return [
        line(
            _rounded([optimum.n_params.mid for optimum in curve]),
            _rounded([optimum.n_tokens.mid for optimum in curve]),
            color=METHOD_COLORS[method][0],
            width=2.5,
            hover=[_optimum_in_words(method, optimum) for optimum in curve],
        )
        for method, curve in optima.items()
    ]


def _bands(optima: dict[Method, list[Optimum]]) -> list[Trace]:
    """The interval of N* at each budget; along a line of equal compute the largest N* is the smallest D*."""
    traces: list[Trace] = []
    for method, curve in optima.items():
        low = [(o.n_params.low, o.n_tokens.high) for o in curve]
        high = [(o.n_params.high, o.n_tokens.low) for o in reversed(curve)]
        edge = [(n, d) for n, d in (*low, *high) if n is not None and d is not None]
        if len(edge) == 2 * len(curve):
            x, y = zip(*edge, strict=True)
            traces.append(area(_rounded(x), _rounded(y), color=METHOD_COLORS[method][1]))
    return traces


def _runs(residuals: Sequence[Residual]) -> Trace:
    hover = [
        f"{format_count(run.n_params)} parameters, {format_count(run.n_tokens)} tokens<br>{run.loss_nats:.4f} nats"
        for run in residuals
    ]
    x, y = [run.n_params for run in residuals], [run.n_tokens for run in residuals]
    return points(x, y, color="@ink", hover=hover, size=6)


def _optimum_in_words(method: Method, optimum: Optimum) -> str:
    return (
        f"{METHOD_NAMES[method]} at {format_flops(optimum.flops)} FLOPs"
        f"<br>N* {optimum.n_params.in_words()}<br>D* {optimum.n_tokens.in_words()}"
    )


def _table(law: ScalingLaw) -> Table:
    rows = [
        (
            METHOD_NAMES[method],
            format_flops(flops),
            optimum.n_params.in_words(),
            optimum.n_tokens.in_words(),
            optimum.loss_nats.in_words(format_loss),
        )
        for flops in _budgets(law)
        for method, optimum in law.optimum(flops).items()
    ]
    return Table(("Frontier by", "Compute, FLOPs", "N*", "D*", "Loss, nats per token"), rows)


def _rounded(values: Floats | Sequence[float]) -> list[float]:
    """To four digits: finer than a pixel, and the page stays small."""
    return [float(f"{value:.4g}") for value in values]

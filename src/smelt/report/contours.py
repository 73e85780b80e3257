"""Contours of L(N, D): lines of equal loss, the runs, and where on lines of equal compute the loss is least."""

from __future__ import annotations

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
from smelt.report.surface import Surface, loss_of, optima
from smelt.units import format_count

GRID = 48
"""Places along N, and along D, at which a contour is looked for."""
FINE = 400
"""Places at which the loss is computed on the way to it."""
LEVELS = 8
"""Contours, spread evenly over the area (taste)."""
MARGIN = 1.5
"""Drawn beyond the runs, as a factor of N and of D."""
LABEL = (0.14, 0.045)
"""Room that a label takes, as shares of the drawing's width on a phone and of its height."""
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
    frontiers = _frontiers(law)
    return Figure(
        anchor="contours",
        title="Loss by size and data",
        summary="Lines of equal loss by the parametric form, stronger where the loss is lower, and the runs (dots). "
        "Dotted lines join models of equal compute. Along each of these the loss is least on the efficient frontier, "
        "drawn by each method with its 95% interval: what a budget should buy.",
        traces=[
            *_contours(surface, n_params, n_tokens),
            *_budget_lines(law, n_params),
            *_bands(frontiers),
            _runs(fitted.residuals),
            *_lines(frontiers),
        ],
        x=within(log_axis("Parameters, N", sizes, format_count), *sizes),
        y=within(log_axis("Training tokens, D", tokens, format_count), *tokens),
        legend=[
            Key("@ramp-1", "equal loss, nats per token", "line"),
            Key("@muted", "equal compute", "dotted"),
            *(Key(METHOD_COLORS[method][0], f"frontier by the {METHOD_NAMES[method]}", "line") for method in frontiers),
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


def contour_levels(loss: Floats) -> list[float]:
    """Round losses, the highest first, that part the area into about equal shares."""
    shares = np.quantile(loss, np.arange(1, LEVELS + 1) / (LEVELS + 1))
    return sorted({float(f"{level:.3g}") for level in shares}, reverse=True)


def label_places(curves: Sequence[tuple[Floats, Floats]]) -> list[tuple[float, float] | None]:
    """Where along each curve, both axes taken from 0 to 1, its label stands: at the first place that is clear of the
    upper and the right edge and of all labels before it; None for a curve without such a place."""
    width, height = LABEL
    taken: list[tuple[float, float]] = []
    found: list[tuple[float, float] | None] = []
    for x, y in curves:
        clear = (y <= 1 - height) & (x <= 1 - width)
        for other_x, other_y in taken:
            clear &= (np.abs(x - other_x) > width) | (np.abs(y - other_y) > height)
        place = int(np.argmax(clear)) if clear.any() else None
        found.append(None if place is None else (float(x[place]), float(y[place])))
        taken += [] if place is None else [(float(x[place]), float(y[place]))]
    return found


def _crossing(level: float, falling: Floats, places: Floats) -> float:
    return float(np.interp(level, falling[::-1], places[::-1], left=np.nan, right=np.nan))


def _spread(count: int) -> list[int]:
    return np.linspace(0, count - 1, GRID).round().astype(int).tolist()


def _contours(surface: Surface, n_params: Floats, n_tokens: Floats) -> list[Trace]:
    loss = surface.loss(n_params[:, None], n_tokens[None, :])
    levels = contour_levels(loss)
    curves = [contour(level, loss, n_params, n_tokens) for level in levels]
    drawn = [
        line(
            _rounded(x),
            _rounded(y),
            color=ramp(place, len(levels)),
            hover=f"{format_loss(level)} nats per token",
            width=1.25,
        )
        for place, (level, (x, y)) in enumerate(zip(levels, curves, strict=True))
    ]
    return [*drawn, _level_labels(levels, curves, (n_params, n_tokens))]


def _level_labels(
    levels: Sequence[float], curves: Sequence[tuple[Floats, Floats]], ends: tuple[Floats, Floats]
) -> Trace:
    """The level of each contour, beside it."""
    (low_n, low_d), (high_n, high_d) = np.log([[axis_ends[i] for axis_ends in ends] for i in (0, -1)])
    spans = high_n - low_n, high_d - low_d
    shares = [((np.log(x) - low_n) / spans[0], (np.log(y) - low_d) / spans[1]) for x, y in curves]
    places = [(place, level) for place, level in zip(label_places(shares), levels, strict=True) if place]
    x = [float(np.exp(low_n + place[0] * spans[0])) for place, _ in places]
    y = [float(np.exp(low_d + place[1] * spans[1])) for place, _ in places]
    return labels(_rounded(x), _rounded(y), [f"{level:g}" for _, level in places], color="@muted")


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
            hover=f"{format_flops(flops)} FLOPs",
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
        for method, optimum in optima(law, flops).items():
            found.setdefault(method, []).append(optimum)
    return found


def _lines(frontiers: dict[Method, list[Optimum]]) -> list[Trace]:
    return [
        line(
            _rounded([optimum.n_params.mid for optimum in curve]),
            _rounded([optimum.n_tokens.mid for optimum in curve]),
            color=METHOD_COLORS[method][0],
            width=2.5,
            hover=[_optimum_in_words(method, optimum) for optimum in curve],
        )
        for method, curve in frontiers.items()
    ]


def _bands(frontiers: dict[Method, list[Optimum]]) -> list[Trace]:
    """The interval of N* at each budget; along a line of equal compute the largest N* is the smallest D*."""
    traces: list[Trace] = []
    for method, curve in frontiers.items():
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
            loss_of(optimum).in_words(format_loss),
        )
        for flops in _budgets(law)
        for method, optimum in optima(law, flops).items()
    ]
    return Table(("Frontier by", "Compute, FLOPs", "N*", "D*", "Loss, nats per token"), rows)


def _rounded(values: Floats | Sequence[float]) -> list[float]:
    """To four digits: finer than a pixel, and the page stays small."""
    return [float(f"{value:.4g}") for value in values]

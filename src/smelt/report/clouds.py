"""How sure the optimum is: what every bootstrap draw makes of it.

At one budget N* and D* are tied, N* D* = C/6, and a cloud of the two is a line. So N* is drawn against the loss there,
and D* stands in the table.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from smelt.laws.findings import METHOD_NAMES, Estimate, Method
from smelt.laws.forms import FORMS, Floats
from smelt.laws.law import Optimum, ScalingLaw
from smelt.report.allocation import METHOD_COLORS
from smelt.report.figures import Figure, Key, Table, Trace, axis, free_axis, points
from smelt.report.section import format_flops, format_integer, format_loss
from smelt.report.surface import Cloud, loss_of, optima, optimum_clouds
from smelt.units import format_count

DRAWN = 400
"""Draws shown of each method: the first, for any are as good."""
BEYOND = 10.0
"""A target that nobody named lies so many times beyond the largest budget of the runs."""
FAR = 100.0
"""A draw whose N* is this factor from the estimate is counted and not drawn: it would flatten all the others."""


def optimum_cloud_figures(law: ScalingLaw, *, target_flops: float | None = None) -> list[Figure]:
    """N* and the loss there by every draw, at the largest budget of the runs and at the target."""
    largest = law.findings.data.budgets[-1] if law.findings.data.budgets else law.findings.data.flops.greatest
    target = target_flops or BEYOND * largest
    further = "the target budget" if target_flops else f"{BEYOND:g} times the largest budget"
    places = [("cloud-largest", "the largest budget", largest), ("cloud-target", further, target)]
    figures = [_cloud_figure(law, anchor, name, flops) for anchor, name, flops in places]
    return [figure for figure in figures if figure is not None]


def _cloud_figure(law: ScalingLaw, anchor: str, name: str, flops: float) -> Figure | None:
    clouds, found = optimum_clouds(law, flops), optima(law, flops)
    shown: dict[Method, Cloud] = {
        method: _shown(cloud, found[method]) for method, cloud in clouds.items() if method in found
    }
    if not any(len(cloud.n_params) for cloud in shown.values()):
        return None
    lost = sum(len(clouds[method].n_params[:DRAWN]) - len(cloud.n_params) for method, cloud in shown.items())
    far = f" {format_integer(lost)} draws lie far outside and are not drawn." if lost else ""
    sizes = [float(n) for cloud in shown.values() for n in cloud.n_params]
    return Figure(
        anchor=anchor,
        title=f"The optimum at {name}",
        summary=f"At {format_flops(flops)} FLOPs: the best size and the loss it reaches by up to {DRAWN} bootstrap "
        f"draws of each method (dots), and the estimate (star).{far}",
        traces=[*_dots(shown), *_stars(shown, found)],
        x=free_axis("Parameters, N*", sizes, format_count),
        y=axis("Loss there, nats per token"),
        legend=[Key(METHOD_COLORS[method][0], METHOD_NAMES[method]) for method in shown],
        table=_table(found),
        height=360,
    )


def exponent_cloud_figure(law: ScalingLaw) -> Figure | None:
    """The two exponents of the parametric form by every draw; None for a form of fewer."""
    fitted = law.findings.parametric
    if fitted is None:
        return None
    names = [name for name in FORMS[fitted.form].parameters if name in fitted.params and not name.startswith("ln_")][:2]
    if len(names) < 2 or not set(names) <= set(law.draws.columns):
        return None
    draws = law.draws.select(names).to_numpy()[:DRAWN]
    inside = draws[_near(draws, [fitted.params[name] for name in names])]
    if not len(inside):
        return None
    x, y = names
    values = [fitted.params[name] for name in names]
    said = "<br>".join(f"{name} {value.interval.in_words()}" for name, value in zip(names, values, strict=True))
    return Figure(
        anchor="cloud-exponents",
        title=f"{x} and {y} together",
        summary=f"The exponents by {len(inside)} bootstrap draws (dots) and the estimate (star). A long thin cloud "
        "means that the runs know a combination of the two better than either.",
        traces=[
            _dot(inside[:, 0], inside[:, 1], METHOD_COLORS["parametric"][0]),
            points([values[0].value], [values[1].value], color="@ink", hover=[said], symbol="star", size=15),
        ],
        x=axis(x),
        y=axis(y),
        table=Table(
            ("Exponent", "Estimate and 95% interval"),
            [(name, value.interval.in_words()) for name, value in zip(names, values, strict=True)],
        ),
        height=360,
    )


def _near(draws: Floats, estimates: Sequence[Estimate]) -> NDArray[np.bool_]:
    """Draws within three widths of the 95% interval; all finite ones where there is none."""
    low, high = np.array([estimate.ci95 or (-np.inf, np.inf) for estimate in estimates]).T
    near = (draws >= low - (high - low)) & (draws <= high + (high - low)) & np.isfinite(draws)
    return np.asarray(near.all(axis=1))


def _shown(cloud: Cloud, optimum: Optimum) -> Cloud:
    """The first draws of a cloud, without those that ran away."""
    n_params, n_tokens, loss = (values[:DRAWN] for values in (cloud.n_params, cloud.n_tokens, cloud.loss_nats))
    with np.errstate(all="ignore"):
        distance = np.abs(np.log(n_params / optimum.n_params.mid))
        kept = (distance < np.log(FAR)) & (np.abs(np.log(loss / loss_of(optimum).mid)) < np.log(2))
    return Cloud(n_params[kept], n_tokens[kept], loss[kept])


def _dots(shown: dict[Method, Cloud]) -> list[Trace]:
    return [_dot(cloud.n_params, cloud.loss_nats, METHOD_COLORS[method][0]) for method, cloud in shown.items()]


def _dot(x: Floats, y: Floats, color: str) -> Trace:
    trace = points(_rounded(x), _rounded(y), color=color, size=5)
    return {**trace, "opacity": 0.6}


def _stars(shown: dict[Method, Cloud], found: dict[Method, Optimum]) -> list[Trace]:
    return [
        points(
            [found[method].n_params.mid],
            [loss_of(found[method]).mid],
            color=METHOD_COLORS[method][0],
            hover=[_in_words(method, found[method])],
            symbol="star",
            size=15,
        )
        for method in shown
    ]


def _in_words(method: Method, optimum: Optimum) -> str:
    return (
        f"{METHOD_NAMES[method]}<br>N* {optimum.n_params.in_words()}<br>D* {optimum.n_tokens.in_words()}"
        f"<br>{loss_of(optimum).in_words(format_loss)} nats"
    )


def _table(found: dict[Method, Optimum]) -> Table:
    rows = [
        (
            METHOD_NAMES[method],
            optimum.n_params.in_words(),
            optimum.n_tokens.in_words(),
            loss_of(optimum).in_words(format_loss),
        )
        for method, optimum in found.items()
    ]
    return Table(("By the", "N*", "D*", "Loss, nats per token"), rows)


def _rounded(values: Floats) -> list[float]:
    """To six digits: losses of one budget differ in the fourth."""
    return [float(f"{value:.6g}") for value in values]

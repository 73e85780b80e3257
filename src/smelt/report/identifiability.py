"""What the runs say of each parameter, and which runs say it: profiles, and refits without single runs."""

from __future__ import annotations

from smelt.laws.findings import Dropping, Identifiability, Influence, Parametric
from smelt.report.figures import (
    Figure,
    Key,
    Table,
    Trace,
    axis,
    bars,
    category_axis,
    free_axis,
    horizontal_line,
    line,
    points,
    vertical_line,
)
from smelt.units import format_count

BAR_HEIGHT, AXIS_HEIGHT = 26, 70
"""Pixels of a figure of bars: for each bar, and below them all."""
ORDERS = {
    "loss": ("@accent", "the largest losses dropped"),
    "residual": ("@second", "the worst fitted dropped"),
}
"""Of dropping runs one after the other: colour and words."""


def profile_figures(fitted: Parametric) -> list[Figure]:
    """A figure a parameter, for those whose profile was computed."""
    return [_profile_figure(name, found) for name, found in fitted.identifiability.items() if found.values]


def influence_figure(fitted: Parametric) -> Figure | None:
    """The runs that move the fit most; None where it was not computed."""
    if not fitted.influence:
        return None
    labels, errors = [run.run for run in fitted.influence], [run.errors for run in fitted.influence]
    return Figure(
        anchor="influence",
        title="The runs that move the fit most",
        summary=f"By how many standard errors the fit moves when one run is left out: at most {errors[0]:.2g}. Beyond "
        "one, look at the run before believing the law.",
        traces=[bars(errors, labels, color="@accent", hover=[_moved(run) for run in fitted.influence])],
        x=axis("Standard errors"),
        y=category_axis(labels),
        shapes=[vertical_line(1.0)] if max(errors) > 0.5 else [],
        table=_influence_table(fitted.influence),
        height=AXIS_HEIGHT + BAR_HEIGHT * len(labels),
    )


def dropping_figure(fitted: Parametric) -> Figure | None:
    """The exponent of N* without the runs that lie furthest out; None where it was not computed, or there is none."""
    drops = [found for found in fitted.dropping if found.exponent]
    exponent = fitted.exponents.get("a")
    if not drops or exponent is None:
        return None
    traces: list[Trace] = []
    for found in drops:
        color, hover = ORDERS[found.by][0], _dropped(found)
        x = [float(count) for count in range(len(found.exponent))]
        traces += [
            line(x, found.exponent, color=color),
            points(x, found.exponent, color=color, hover=hover),
        ]
    rows = [
        (ORDERS[found.by][1], str(count), f"{a:.3f}", f"{found.errors[count]:.2g}")
        for found in drops
        for count, a in enumerate(found.exponent)
    ]
    return Figure(
        anchor="dropping",
        title="Without the runs that lie furthest out",
        summary="The exponent a of N* when runs are dropped one after the other. Dotted: the 95% interval with all "
        "runs. An exponent that leaves it hangs on these few.",
        traces=traces,
        x={**axis("Runs dropped"), "dtick": 1},
        y=axis("Exponent a of N*"),
        legend=[Key(ORDERS[found.by][0], ORDERS[found.by][1], "line") for found in drops],
        shapes=[horizontal_line(end) for end in exponent.ci95 or ()],
        table=Table(("Order", "Dropped", "a", "Standard errors away"), rows),
        height=330,
    )


def _profile_figure(name: str, found: Identifiability) -> Figure:
    best = min(range(len(found.values)), key=lambda place: found.rise[place])
    hover = [f"{name} {value:.4g}<br>rise {rise:.3g}" for value, rise in zip(found.values, found.rise, strict=True)]
    ends = [end for end in (found.low, found.high) if end is not None]
    star = points(
        [found.values[best]], [found.rise[best]], color="@accent", hover=[hover[best]], symbol="star", size=13
    )
    return Figure(
        anchor=f"profile-{name.replace('_', '-').lower()}",
        title=f"Profile of {name}",
        summary=f"The runs say: {found.verdict}. The line across is where a 95% interval ends.",
        traces=[line(found.values, found.rise, color="@second", hover=hover), star],
        x=free_axis(name, found.values, format_count),
        y=axis("Likelihood ratio"),
        shapes=[horizontal_line(found.limit), *(vertical_line(end) for end in ends)],
        table=Table(
            (name, "Likelihood ratio"),
            [(f"{value:.4g}", f"{rise:.3g}") for value, rise in zip(found.values, found.rise, strict=True)],
            words=0,
        ),
        height=300,
    )


def _moved(run: Influence) -> str:
    changes = "<br>".join(f"{name} {change:+.3g}" for name, change in run.change.items())
    return f"without {run.run}: {run.errors:.2g} standard errors<br>{changes}"


def _dropped(found: Dropping) -> list[str]:
    said = (
        f"without {count}: {', '.join(found.runs[:count])}" if count else "all runs"
        for count in range(len(found.exponent))
    )
    return [f"{words}<br>a {a:.3f}" for words, a in zip(said, found.exponent, strict=True)]


def _influence_table(influence: list[Influence]) -> Table:
    names = list(influence[0].change)
    rows = [
        (run.run, f"{run.errors:.2g}", f"{100 * run.residual:+.2f}%", *(f"{run.change[name]:+.3g}" for name in names))
        for run in influence
    ]
    return Table(("Run left out", "Standard errors", "Residual", *(f"Change of {name}" for name in names)), rows)

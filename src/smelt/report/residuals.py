"""How far the runs lie from the parametric form: against N, D and C, and those that were held out against the law."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from smelt.laws.findings import HeldOut, Predicted, Residual
from smelt.laws.forms import Floats
from smelt.laws.law import ScalingLaw
from smelt.report.figures import Figure, Key, Table, axis, error_points, line, log_axis, points, power_of_ten
from smelt.report.section import format_loss, format_percent
from smelt.units import format_count

WORST = 12
"""Runs listed in a table of residuals, the largest first."""


def residual_figures(law: ScalingLaw) -> list[Figure]:
    """Residuals in per cent of the loss against size, data and compute; none without a parametric form."""
    fitted = law.findings.parametric
    if fitted is None:
        return []
    sizes = np.array([run.n_params for run in fitted.residuals])
    tokens = np.array([run.n_tokens for run in fitted.residuals])
    compute = 6 * law.overhead.size(sizes) * tokens
    percent = [100 * math.expm1(found.residual) for found in fitted.residuals]
    spread = float(np.sqrt(np.mean(np.square(percent))))
    first = (
        f"How far each run lies above (worse) or below the fitted loss, root mean square {spread:.2g}%. A trend or a "
        "bend would mean that the form is wrong."
    )
    along = (
        ("residuals", "size", first, "Parameters, N", sizes, format_count),
        ("residuals-d", "data", "The same against the tokens seen.", "Training tokens, D", tokens, format_count),
        ("residuals-c", "compute", "The same against compute.", "Training compute, FLOPs", compute, power_of_ten),
    )
    return [
        Figure(
            anchor=anchor,
            title=f"Residuals by {name}",
            summary=f"{summary} Correlation: {_correlation(values, percent):+.2f}.",
            traces=[
                line([float(values.min()), float(values.max())], [0, 0], color="@muted", width=1),
                points(values.tolist(), percent, color="@accent", hover=_hover(fitted.residuals, percent), size=7),
            ],
            x=log_axis(title, values.tolist(), label),
            y=axis("Loss against the form, %"),
            table=_table(fitted.residuals, percent),
            height=320,
        )
        for anchor, name, summary, title, values, label in along
    ]


def _correlation(values: Floats, percent: Sequence[float]) -> float:
    """With the logarithm of `values`; none where nothing varies."""
    if not np.ptp(values) or not np.ptp(percent):
        return 0.0
    return float(np.corrcoef(np.log(values), percent)[0, 1])


def parity_figure(held_out: HeldOut) -> Figure | None:
    """Predicted against observed loss of the runs that were held out; None where they were not kept."""
    found = held_out.runs
    if not found:
        return None
    observed = [run.loss_nats for run in found]
    ends = [end for p in found for end in (p.loss_nats, p.predicted.mid, p.predicted.low, p.predicted.high) if end]
    diagonal = [min(ends), max(ends)]
    error = f"It errs by {format_percent(held_out.parametric)} in the mean. " if held_out.parametric is not None else ""
    covered = (
        "" if held_out.covered is None else f"{format_percent(held_out.covered)} of the runs lie in their intervals."
    )
    return Figure(
        anchor="parity",
        title="Held-out runs: predicted and observed",
        summary=f"The law was fitted without {held_out.what} and asked for their losses: on the line it would be "
        f"right. {error}A bar is where a run should lie in 95 cases of 100. {covered}",
        traces=[
            line(diagonal, diagonal, color="@muted", width=1),
            error_points(observed, [p.predicted for p in found], color="@accent", hover=[_in_words(p) for p in found]),
        ],
        x=axis("Observed loss, nats per token"),
        y=axis("Predicted loss, nats per token"),
        legend=[Key("@accent", "held-out runs, with 95% interval"), Key("@muted", "predicted = observed", "line")],
        table=Table(
            ("Run", "Observed", "Predicted", "Error"),
            [(p.run, format_loss(p.loss_nats), p.predicted.in_words(format_loss), _error(p)) for p in found],
        ),
        height=420,
    )


def _in_words(run: Predicted) -> str:
    return (
        f"{run.run}<br>{format_count(run.n_params)} parameters, {format_count(run.n_tokens)} tokens"
        f"<br>observed {run.loss_nats:.4f}<br>predicted {run.predicted.in_words(format_loss)}"
    )


def _error(run: Predicted) -> str:
    return f"{100 * (run.predicted.mid / run.loss_nats - 1):+.2f}%"


def _hover(residuals: Sequence[Residual], percent: Sequence[float]) -> list[str]:
    return [
        f"{format_count(found.n_params)} parameters, {format_count(found.n_tokens)} tokens"
        f"<br>{found.loss_nats:.4f} nats, {residual:+.2f}%"
        for found, residual in zip(residuals, percent, strict=True)
    ]


def _table(residuals: Sequence[Residual], percent: Sequence[float]) -> Table:
    worst = sorted(zip(residuals, percent, strict=True), key=lambda pair: -abs(pair[1]))[:WORST]
    rows = [
        (run.run, format_count(run.n_params), format_count(run.n_tokens), f"{run.loss_nats:.4f}", f"{residual:+.2f}%")
        for run, residual in worst
    ]
    return Table(("Run, farthest first", "Parameters", "Tokens", "Loss, nats", "Against the form"), rows)

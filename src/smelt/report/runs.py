"""The runs: how the loss fell with compute, for every model of the ladder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from smelt.report.figures import Figure, Key, Table, Trace, axis, line, log_axis, points, power_of_ten, ramp
from smelt.report.section import Section, Stage, format_flops, render
from smelt.units import format_count

STRETCHES = 40
"""A learning curve is drawn as its means over so many stretches, equal in the logarithm of compute: batches differ more
than runs do (taste)."""
SKIPPED_SHARE = 0.02
"""The first steps fall from ln(vocabulary) and would flatten all the rest: left out of the drawing."""


def runs_section(runs: pl.DataFrame, curves: pl.DataFrame) -> Section | None:
    """Learning curves and a table of all runs; columns as in `RunTable`. None where no run has a finite loss."""
    finished = runs.filter(pl.col("loss_nats").is_finite())
    if finished.is_empty():
        return None
    best = finished.sort("loss_nats").row(0, named=True)
    stage = Stage(
        name="Runs",
        number=str(len(runs)),
        note=f"{_span(runs['n_params'])} parameters, up to {format_flops(max(runs['flops'].to_list()))} FLOPs",
    )
    figure = learning_curves(finished, curves.filter(pl.col("loss_nats").is_finite()))
    body = render(
        "runs",
        runs=len(runs),
        diverged=len(runs) - len(finished),
        budgets=runs["budget_flops"].n_unique(),
        best=best,
        figure=figure,
    )
    return Section("runs", "The runs", body, stage, [figure])


def learning_curves(runs: pl.DataFrame, curves: pl.DataFrame) -> Figure:
    """Training loss against compute, a curve a run, and the held-out loss at its end."""
    budgets = runs["budget_flops"].unique().sort().to_list()
    traces: list[Trace] = []
    compute: list[float] = []
    for run in runs.sort("budget_flops").iter_rows(named=True):
        color = ramp(budgets.index(run["budget_flops"]), len(budgets))
        curve = _smoothed(curves.filter(pl.col("run") == run["run"]).sort("step"))
        flops, loss = curve["flops"].to_list(), curve["loss_nats"].to_list()
        steps = zip(curve["step"].to_list(), loss, strict=True)
        hover = [f"{_sizes(run)}<br>step {step}: {nats:.3f} nats" for step, nats in steps]
        end = f"{_sizes(run)}<br>held out: {run['loss_nats']:.3f} nats, {run['bpb']:.3f} bits per byte"
        traces.append(line(flops, loss, color=color, hover=hover, width=1.25))
        traces.append(points([run["flops"]], [run["loss_nats"]], color=color, hover=[end], size=7))
        compute += flops
    return Figure(
        anchor="learning-curves",
        title="Learning curves",
        summary="The training loss of every run, smoothed, against the compute spent so far, and its held-out loss at "
        "the end (dots). Runs of one budget share a colour; where curves cross, the better size changes.",
        traces=traces,
        x=log_axis("Training compute, FLOPs", compute, power_of_ten),
        y=axis("Loss, nats per token"),
        legend=budget_keys(budgets),
        table=run_table(runs),
        height=460,
    )


def run_table(runs: pl.DataFrame) -> Table:
    """The runs by budget and size."""
    rows = [
        (
            format_flops(run["budget_flops"]),
            format_count(run["n_params"]),
            format_count(run["n_tokens"]),
            f"{run['epochs']:.2f}",
            f"{run['loss_nats']:.4f}",
            f"{run['bpb']:.4f}",
        )
        for run in runs.sort("budget_flops", "n_params").iter_rows(named=True)
    ]
    return Table(("Budget, FLOPs", "Parameters", "Tokens", "Epochs", "Loss, nats", "Bits per byte"), rows, words=0)


def budget_keys(budgets: Sequence[float]) -> list[Key]:
    """The legend that all figures of the ladder share: one colour a budget, stronger with compute."""
    return [
        Key(color=ramp(index, len(budgets)), label=f"{format_flops(budget)} FLOPs")
        for index, budget in enumerate(budgets)
    ]


def _sizes(run: Mapping[str, float]) -> str:
    return f"{format_count(run['n_params'])} parameters, {format_count(run['n_tokens'])} tokens"


def _smoothed(curve: pl.DataFrame) -> pl.DataFrame:
    curve = curve.filter(pl.col("flops") > SKIPPED_SHARE * pl.col("flops").max())
    edges = np.geomspace(SKIPPED_SHARE, 1, STRETCHES + 1)[1:]
    share = (curve["flops"] / curve["flops"].max()).to_numpy()
    stretch = pl.Series("stretch", np.searchsorted(edges, share))
    return curve.group_by(stretch, maintain_order=True).agg(pl.col("step").last(), pl.col("flops", "loss_nats").mean())


def _span(values: pl.Series) -> str:
    low, high = format_count(min(values.to_list())), format_count(max(values.to_list()))
    return low if low == high else f"{low} to {high}"

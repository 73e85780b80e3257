"""`fit`: a scaling law from anyone's table of runs, with intervals and what to doubt.

    file --read.py--> frame --table.py--> run table --derive.py--> law --> JSON (fitted.py), or text (summary.py)

What the options mean is in asked.py.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smelt.cli.options import JsonOption, count_of
from smelt.errors import InputError

if TYPE_CHECKING:
    from smelt.laws.derive import Settings
    from smelt.laws.design.proposals import ProposedRun
    from smelt.laws.findings import Method
    from smelt.laws.law import ScalingLaw
    from smelt.laws.tables.run_table import Table

fits = typer.Typer()

NAMED = "NAME, NAME:UNIT (1e6, M, B), a number for all runs, or arithmetic on columns"
MIXTURES = ("mixture", "linear", "trees")
"""What is fitted to shares of domains; see laws/mixtures/law.py."""
OF_MIXTURES = {"runs", "share", "loss", "form", "where", "bootstrap", "seed", "output", "json"}
"""Options that a law of mixtures heeds."""
BEYOND = 10
"""The target, where none is named, is so many times the largest run: as far as an ordinary extrapolation goes."""


@fits.command()
def fit(
    context: typer.Context,
    runs: Annotated[Path, typer.Argument(metavar="RUNS", help="CSV, TSV, Parquet, JSON lines; or a run table.")],
    n: Annotated[str | None, typer.Option("--n", help=f"Parameters N: {NAMED}.")] = None,
    d: Annotated[str | None, typer.Option("--d", help="Tokens D, likewise.")] = None,
    flops: Annotated[
        str | None, typer.Option(help="Training FLOPs C, likewise; 6ND to leave the table's aside.")
    ] = None,
    loss: Annotated[
        list[str] | None,
        typer.Option(help="The column of the loss; or huber, lad or mse, what is minimised. May be given for each."),
    ] = None,
    loss_column: Annotated[str | None, typer.Option(help="The column of the loss, and nothing else.")] = None,
    budget: Annotated[str | None, typer.Option(help="The FLOPs that each run was meant for, likewise.")] = None,
    run: Annotated[str | None, typer.Option(help="The column with the runs' names; row for none.")] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(metavar="VAR=NAME", help="Where another variable of the form stands: U='unique tokens'."),
    ] = None,
    where: Annotated[
        str | None, typer.Option(help="Only runs that meet this: flops < 1e21 and dataset = 'c4'.")
    ] = None,
    best: Annotated[bool, typer.Option("--best", help="Of runs of equal N and D only the one of least loss.")] = False,
    drop_largest: Annotated[int, typer.Option(min=0, metavar="K", help="Leave out the K largest losses.")] = 0,
    form: Annotated[
        str, typer.Option(help="The parametric form; with --share mixture, linear or trees.")
    ] = "chinchilla",
    share: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMNS", help="Shares of domains, 'train_*' or web,code: losses by the mixture."),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(help="What to answer by and a plan to follow: parametric (default), isoflop, akima or envelope."),
    ] = None,
    objective: Annotated[str | None, typer.Option(help="What is minimised: huber, lad or mse.")] = None,
    delta: Annotated[float | None, typer.Option(help="Where Huber's loss of ln L turns linear (1e-3).")] = None,
    bootstrap: Annotated[int, typer.Option(min=100, metavar="DRAWS", help="Draws behind the intervals.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Of the bootstrap.")] = 0,
    resample: Annotated[
        str | None,
        typer.Option(
            help="What the bootstrap draws: residuals (of fewer than 100 runs), runs (of more), seeds, budgets."
        ),
    ] = None,
    hold_out: Annotated[
        str | None, typer.Option(help="Runs that a second fit predicts without them; else the largest budget.")
    ] = None,
    next: Annotated[  # noqa: A002
        int, typer.Option(min=0, metavar="K", help="Say which K runs would narrow the optimum at --target most.")
    ] = 0,
    target: Annotated[str | None, typer.Option(metavar="FLOPS", help="The budget that the law is for.")] = None,
    at: Annotated[
        list[str] | None,
        typer.Option(metavar="VAR=VALUE", help="Where the form's other variables are held at the optimum: U=25B."),
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write an HTML report there.")] = None,
    figures: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write each of its figures to a file in this folder.")
    ] = None,
    format: Annotated[str, typer.Option(help="Of --figures: svg or png.")] = "svg",  # noqa: A002
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write law.json and draws.parquet into this folder.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Fit a scaling law to a table of runs: parameters with intervals, the optimum, and what to doubt."""
    from smelt.cli.asked import OBJECTIVES, columns_of, held_at, needed_by, read_loss, settings_of
    from smelt.cli.fitted import answer, largest_flops, with_notes
    from smelt.cli.summary import in_words
    from smelt.laws.tables.read import read_frame
    from smelt.laws.tables.run_table import check_enough, run_table
    from smelt.laws.tables.selection import Selection

    _check_output(output)
    if share or form in MIXTURES:
        _fit_mixtures(context, runs, share=share or (), loss=loss or (), where=where, output=output, as_json=json)
        return
    target_flops = None if target is None else count_of(target, option="--target")
    if hold_out is not None and method not in (None, "parametric"):
        expected = "--method parametric: the others are held to the largest budget"
        raise InputError(where="--hold-out", what=f"is given with --method {method}", expected=expected)
    frame = read_frame(runs)
    said = read_loss(loss or (), frame.columns, column=loss_column, objective=objective)
    if said.column in OBJECTIVES and not loss_column:
        _say(f"--loss {said.column} is the column of that name; --objective {said.column} is what is minimised")
    settings = settings_of(
        form=form,
        method=method,
        objective=said.objective or "huber",
        delta=delta,
        draws=bootstrap,
        seed=seed,
        resample=resample,
    )
    given = {"n": n, "d": d, "flops": flops, "loss": said.column, "budget": budget, "run": run}
    selection = Selection(columns_of(given, column or ()), where, best, drop_largest, hold_out)
    table = run_table(frame, selection, table=runs.name, needed=needed_by(settings.form))
    by: Method = settings.method or "parametric"
    if by == "parametric":
        check_enough(table, settings.form)
    held = held_at(at or (), settings.form, table.used)
    law = with_notes(_derive(table, settings, name=runs.name), table)
    flops_ahead = target_flops or BEYOND * largest_flops(law.findings)
    proposed = _next_runs(law, table, settings, next, flops_ahead) if next else []
    written = Outputs(output, report, figures, format).write(law, table, title=runs.stem, target_flops=target_flops)
    if json:
        print(answer(law, table, method=by, flops=target_flops, held=held, proposed=proposed, written=written))
        return
    print(in_words(law, table, method=by, name=runs.name, flops=target_flops, held=held))
    if proposed:
        print(f"\n{_proposed_in_words(proposed, flops_ahead)}")
    if written:
        print("", *written, sep="\n")


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where the law, its page and its figures are to go; None for what nobody asked for."""

    law: Path | None
    page: Path | None
    figures: Path | None
    format: str

    def write(self, law: ScalingLaw, table: Table, *, title: str, target_flops: float | None) -> list[Path]:
        """Writes what was asked for, and gives where it is."""
        if self.law is not None:
            self.law.mkdir(parents=True, exist_ok=True)
            law.write(self.law)
        drawn: list[Path] = []
        if self.page is not None or self.figures is not None:
            # plotly takes a second to import
            from smelt.report.fit import fit_figures, write_fit_report
            from smelt.report.static import write_figures

            if self.page is not None:
                write_fit_report(law, table.used, self.page, title=title, target_flops=target_flops)
            if self.figures is not None:
                figures = fit_figures(law, table.used, target_flops=target_flops)
                drawn = write_figures(figures, self.figures, form=self.format)
        return [path for path in (self.law, self.page, *drawn) if path is not None]


def _derive(table: Table, settings: Settings, *, name: str) -> ScalingLaw:
    from smelt.laws.derive import derive_law

    _say(f"{name}: fitting {settings.form.name} to {table.used.height:,} runs, {settings.draws:,} draws ...")
    held_out = table.held_out
    return derive_law(table.runs, settings, None if held_out is None else held_out.to_numpy())


def _next_runs(law: ScalingLaw, table: Table, settings: Settings, k: int, target_flops: float) -> list[ProposedRun]:
    from smelt.laws.design.proposals import next_runs
    from smelt.laws.points import Points

    other = [name for name in settings.form.variables if name not in ("N", "D", "C")]
    points, _ = Points.from_frame(table.runs, other=other)
    return next_runs(points, target_flops, k, law=law)


def _proposed_in_words(proposed: list[ProposedRun], target_flops: float) -> str:
    from smelt.laws.design import proposals

    return proposals.in_words(proposed, target_flops)


def _fit_mixtures(
    context: typer.Context,
    runs: Path,
    *,
    share: Sequence[str],
    loss: Sequence[str],
    where: str | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """The law of mixtures, for options that it knows."""
    from smelt.cli.mixture import fit_mixtures
    from smelt.laws.tables.read import read_frame

    given = {name for name in context.params if context.get_parameter_source(name).name == "COMMANDLINE"}  # type: ignore[union-attr]
    if idle := sorted(given - OF_MIXTURES):
        options = ", ".join(f"--{name.replace('_', '-')}" for name in idle)
        raise InputError(where=options, what="is of no use to a law of mixtures", do="leave it out")
    if not share:
        raise InputError(
            where=f"--form {context.params['form']}",
            what="needs the columns that hold the shares of domains",
            do="name them: --share web,code,books, or --share 'train_*'",
        )
    fit_mixtures(
        read_frame(runs),
        name=runs.name,
        form=context.params["form"] if "form" in given else MIXTURES[0],
        share=share,
        loss=loss,
        where=where,
        draws=context.params["bootstrap"] if "bootstrap" in given else None,
        seed=context.params["seed"],
        output=output,
        as_json=as_json,
    )


def _check_output(output: Path | None) -> None:
    if output is not None and output.exists() and not output.is_dir():
        raise InputError(where=f"--output {output}", what="is a file", expected="a folder, new or of an earlier law")


def _say(line: str) -> None:
    """Progress, on stderr."""
    print(line, file=sys.stderr)

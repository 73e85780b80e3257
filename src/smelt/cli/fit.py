"""`fit`: a scaling law from anyone's table of runs, with intervals and what to doubt.

    file --read.py--> frame --table.py--> run table --derive.py--> law --> JSON (fitted.py), or text (summary.py)

`--loss` says two things, for that is how people think of them: which column holds the loss, and which loss the fit
minimises. A name of the header is the former, before all else; huber, lad and mse are the latter. It can be given
twice; `--loss-column` and `--objective` mean one thing each.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer

from smelt.cli.options import JsonOption
from smelt.errors import InputError

if TYPE_CHECKING:
    from smelt.laws.columns import Columns
    from smelt.laws.derive import Resampling, Settings
    from smelt.laws.forms import Form
    from smelt.laws.law import ScalingLaw
    from smelt.laws.objective import Objective
    from smelt.laws.table import Table

fits = typer.Typer()

METHODS = ("parametric", "isoflop", "envelope", "akima")
NAMED = "NAME, NAME:UNIT (1e6, M, B), a number for all runs, or arithmetic on columns"


@fits.command()
def fit(
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
    run: Annotated[str | None, typer.Option(help="The column with the runs' names.")] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(metavar="VAR=NAME", help="Where another variable of the form stands: U='unique tokens'."),
    ] = None,
    where: Annotated[
        str | None, typer.Option(help="Only the runs that meet this: flops < 1e21 and set = 'c4'.")
    ] = None,
    best: Annotated[
        bool, typer.Option("--best", help="Of runs of equal N and D only the one with the least loss.")
    ] = False,
    drop_largest: Annotated[int, typer.Option(min=0, metavar="K", help="Leave out the K largest losses.")] = 0,
    form: Annotated[str, typer.Option(help="The parametric form.")] = "chinchilla",
    method: Annotated[str, typer.Option(help=f"What to answer by: {', '.join(METHODS)}.")] = "parametric",
    objective: Annotated[str | None, typer.Option(help="What is minimised: huber, lad or mse.")] = None,
    delta: Annotated[float | None, typer.Option(help="Where Huber's loss of ln L turns linear (1e-3).")] = None,
    bootstrap: Annotated[int, typer.Option(min=100, metavar="DRAWS", help="Draws behind the intervals.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Of the bootstrap.")] = 0,
    resample: Annotated[str, typer.Option(help="What the bootstrap draws: runs, seeds or budgets.")] = "runs",
    hold_out: Annotated[
        str | None, typer.Option(help="Runs that a second fit predicts without them; else the largest budget.")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write an HTML report there.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write law.json and draws.parquet into this folder.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Fit a scaling law to a table of runs: parameters with intervals, the optimum, and what to doubt."""
    from smelt.cli.fitted import answer, check_method, with_notes
    from smelt.cli.summary import in_words
    from smelt.laws.read import read_frame
    from smelt.laws.selection import Selection
    from smelt.laws.table import check_enough, run_table

    fitted_form = _form(form)
    _check_known(method, METHODS, option="--method")
    _check_output(output)
    if hold_out is not None and method != "parametric":
        expected = "--method parametric: the others are held to the largest budget"
        raise InputError(where="--hold-out", what=f"is given with --method {method}", expected=expected)
    frame = read_frame(runs)
    said = _told_apart(loss or (), frame.columns)
    settings = _settings(fitted_form, _objective(objective or said.objective, delta), bootstrap, seed, resample)
    given = {"n": n, "d": d, "flops": flops, "loss": loss_column or said.column, "budget": budget, "run": run}
    selection = Selection(_columns(given, column or ()), where, best, drop_largest, hold_out)
    table = run_table(frame, selection, table=runs.name, needed=_needed(fitted_form))
    if method == "parametric":
        check_enough(table, fitted_form)
    law = with_notes(_derive(table, settings, name=runs.name), table)
    check_method(law, method)
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        law.write(output)
    if report is not None:
        _write_report(report, law, table, title=runs.stem)
    print(answer(law, table, method=method) if json else in_words(law, table, method=method, name=runs.name))
    for written in (output, report):
        if written is not None:
            print(written, file=sys.stderr if json else sys.stdout)


@dataclass(frozen=True, slots=True)
class LossSaid:
    """What `--loss` was used for."""

    column: str | None = None
    objective: str | None = None


def _told_apart(values: Sequence[str], header: Sequence[str]) -> LossSaid:
    """Names of the header, units behind them, and all else are columns; the objectives' names are objectives."""
    from smelt.laws.objective import Kind

    columns = [value for value in values if value in header or value not in get_args(Kind)]
    objectives = [value for value in values if value not in columns]
    for found, what in ((columns, "column"), (objectives, "objective")):
        if len(found) > 1:
            raise InputError(where="--loss", what=f"{' and '.join(found)} are given", expected=f"one {what} at most")
    for value in columns:
        if value in get_args(Kind):
            say(f"--loss {value}: the column of that name; --objective {value} for what is minimised")
    return LossSaid(next(iter(columns), None), next(iter(objectives), None))


def _objective(kind: str | None, delta: float | None) -> Objective:
    from smelt.laws.objective import DELTA, Kind, Objective

    kind = kind or "huber"
    _check_known(kind, get_args(Kind), option="--objective")
    if delta is not None and kind != "huber":
        raise InputError(where="--delta", what=f"is given with {kind}", expected="huber: the others have none")
    if delta is not None and not 0 < delta < float("inf"):
        raise InputError(where="--delta", what=f"is {delta:g}", expected="a positive number such as 1e-3")
    return Objective(cast("Kind", kind), DELTA if delta is None else delta)


def _form(name: str) -> Form:
    from smelt.laws.forms import FORMS

    _check_known(name, FORMS, option="--form")
    return FORMS[name]


def _needed(form: Form) -> list[str]:
    """Columns of a run table behind the form's further variables."""
    from smelt.laws.forms import COLUMNS

    return [COLUMNS.get(name, name) for name in form.variables if name not in ("N", "D", "C")]


def _settings(form: Form, objective: Objective, draws: int, seed: int, resample: str) -> Settings:
    from smelt.laws.derive import Resampling, Settings

    _check_known(resample, get_args(Resampling), option="--resample")
    resampling = cast("Resampling", resample)
    return Settings(form=form, draws=draws, seed=seed, objective=objective, resampling=resampling)


def _columns(given: dict[str, str | None], column: Sequence[str]) -> Columns:
    from smelt.laws.columns import Columns

    other: dict[str, str] = {}
    for value in column:
        variable, name = (part.strip() for part in value.partition("=")[::2])
        if not variable or not name:
            raise InputError(where="--column", what=f"{value!r} is no VAR=NAME", expected="such as U=unique_tokens")
        other[variable] = name
    return Columns.model_validate({**given, "other": other})


def _derive(table: Table, settings: Settings, *, name: str) -> ScalingLaw:
    from smelt.laws.derive import derive_law

    say(f"{name}: fitting {settings.form.name} to {table.used.height:,} runs, {settings.draws:,} draws ...")
    return derive_law(table.runs, settings, held_out=table.held_out)


def _write_report(page: Path, law: ScalingLaw, table: Table, *, title: str) -> None:
    from datetime import UTC, datetime

    from smelt.core.shards import write_whole
    from smelt.report.law import law_section
    from smelt.report.page import render_page

    section = law_section(law, table.runs, plan_flops=None)
    made = datetime.now(UTC).isoformat(timespec="seconds")
    with write_whole(page) as temporary:
        temporary.write_text(render_page([section], title=title, made=made))


def _check_known(value: str, known: Sequence[str] | dict[str, Form], *, option: str) -> None:
    if value in known:
        return
    close = difflib.get_close_matches(value, list(known), n=1)
    raise InputError(
        where=option,
        what=f"there is no {value!r}",
        expected=f"one of {', '.join(known)}",
        do=f"did you mean {close[0]}?" if close else None,
    )


def _check_output(output: Path | None) -> None:
    if output is not None and output.exists() and not output.is_dir():
        raise InputError(where=f"--output {output}", what="is a file", expected="a folder, new or of an earlier law")


def say(line: str) -> None:
    """Progress, on stderr."""
    print(line, file=sys.stderr)

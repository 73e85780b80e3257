"""Options that several verbs take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from smelt.errors import InputError
from smelt.units import parse_bytes, parse_count

StoreOption = Annotated[Path, typer.Option("--store", help="The folder that artifacts live in.", envvar="SMELT_STORE")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON value on stdout.")]
OnOption = Annotated[str | None, typer.Option("--on", help="Where to run: ray, or ray://host:port; else this machine.")]
WorkersOption = Annotated[int | None, typer.Option("--workers", min=1, help="Processes; else one a core.")]
InputsArgument = Annotated[
    list[str], typer.Argument(metavar="INPUT...", help="Files, folders, globs, URLs, or what an earlier command wrote.")
]
ColumnOption = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        metavar="FIELD=NAME",
        help="Where rows of INPUT hold what: text=body, html=page, date=meta.created; again for several.",
    ),
]
OutputOption = Annotated[Path, typer.Option("--output", "-o", help="A folder, or a file: .jsonl[.zst], .parquet.")]
FiguresOption = Annotated[
    Path | None, typer.Option("--figures", metavar="DIR", help="Write each figure to a file in this folder too.")
]
FormatOption = Annotated[str, typer.Option("--format", help="Of --figures: svg or png.")]
STORE = Path("store")


def bytes_of(text: str, *, option: str) -> int:
    """A size such as 64GB."""
    try:
        return parse_bytes(text)
    except ValueError as error:
        raise InputError(where=option, what=str(error), expected="a size such as 64GB") from error


def count_of(text: str, *, option: str) -> float:
    """A positive count such as 1e22 or 25B."""
    try:
        count = parse_count(text)
    except ValueError as error:
        raise InputError(where=option, what=str(error), expected="a positive number such as 1e22") from error
    if not 0 < count < float("inf"):
        raise InputError(where=option, what=f"is {text}", expected="a positive number such as 1e22")
    return count

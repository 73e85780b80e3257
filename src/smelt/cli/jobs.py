"""Verbs that do one job on files: `extract`, `curate`, `dedup`. See files.py for where the results go."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from smelt.cli.options import STORE, InputsArgument, JsonOption, OnOption, OutputOption, StoreOption, WorkersOption

jobs = typer.Typer()


@jobs.command()
def extract(
    inputs: InputsArgument,
    output: OutputOption,
    mode: Annotated[str | None, typer.Option(help="Best, fast, resiliparse or trafilatura.")] = None,
    store: StoreOption = STORE,
    on: OnOption = None,
    workers: WorkersOption = None,
    json: JsonOption = False,
) -> None:
    """Turn pages into their main text: rows id, url, title, author, date, lang, text."""
    from smelt.cli.files import EXTRACTED, inputs_of, make_files, parse_ops
    from smelt.corpus.steps import Curate, Read

    ops = parse_ops([{"op": "extract", "mode": mode} if mode else "extract"], option="--mode")
    step = Curate(corpus=Read(paths=inputs_of(inputs)), ops=ops)
    make_files(step, output, store=store, on=on, workers=workers, as_json=json, columns=EXTRACTED)


@jobs.command()
def curate(
    inputs: InputsArgument,
    output: OutputOption,
    op: Annotated[list[str] | None, typer.Option(help="An op's name or table of rules; again for several.")] = None,
    store: StoreOption = STORE,
    on: OnOption = None,
    workers: WorkersOption = None,
    json: JsonOption = False,
) -> None:
    """Apply ops to documents: extraction, language and Gopher's rules where none are named."""
    from smelt.cli.files import inputs_of, make_files, parse_ops
    from smelt.corpus.steps import Curate, Read

    ops = parse_ops(op or ["extract", "language", "gopher"], option="--op")
    step = Curate(corpus=Read(paths=inputs_of(inputs)), ops=ops)
    make_files(step, output, store=store, on=on, workers=workers, as_json=json)


@jobs.command()
def datasheet(
    corpus: Annotated[str, typer.Argument(help="A corpus of the store, such as clean or clean@0123.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The HTML file to write.")] = None,
    store: StoreOption = STORE,
    json: JsonOption = False,
) -> None:
    """Write what is in a corpus: domains, languages, years, lengths, drops, personal data, scores."""
    from smelt.cli.corpora import write_datasheet

    write_datasheet(corpus, output, store=store, as_json=json)

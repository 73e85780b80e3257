"""Verbs that do one job on files: `extract`, `curate`, `mix` and so on. See files.py for where the results go."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from smelt.cli.options import (
    STORE,
    ColumnOption,
    InputsArgument,
    JsonOption,
    OnOption,
    OutputOption,
    StoreOption,
    WorkersOption,
)

jobs = typer.Typer()


@jobs.command()
def extract(
    inputs: InputsArgument,
    output: OutputOption,
    mode: Annotated[str, typer.Option(help="Best, fast, resiliparse or trafilatura.")] = "best",
    markdown: Annotated[bool, typer.Option("--markdown", help="Keep headings, lists, tables, code and links.")] = False,
    dates: Annotated[str, typer.Option(help="Fast, or best: asks htmldate too.")] = "fast",
    column: ColumnOption = None,
    store: StoreOption = STORE,
    on: OnOption = None,
    workers: WorkersOption = None,
    json: JsonOption = False,
) -> None:
    """Turn pages into their main text: rows id, url, title, author, date, lang, text."""
    from smelt.cli.files import EXTRACTED, make_files, parse_ops
    from smelt.cli.inputs import read_inputs
    from smelt.corpus.steps import Curate

    output_as = "markdown" if markdown else "text"
    ops = parse_ops([{"op": "extract", "mode": mode, "output": output_as, "dates": dates}], option="--mode, --dates")
    step = Curate(corpus=read_inputs(inputs, column), ops=ops)
    make_files(step, output, store=store, on=on, workers=workers, as_json=json, columns=EXTRACTED)


@jobs.command()
def curate(
    inputs: InputsArgument,
    output: OutputOption,
    op: Annotated[list[str] | None, typer.Option(help="An op's name or table of rules; again for several.")] = None,
    column: ColumnOption = None,
    store: StoreOption = STORE,
    on: OnOption = None,
    workers: WorkersOption = None,
    json: JsonOption = False,
) -> None:
    """Apply ops to documents: extraction, language and Gopher's rules where none are named."""
    from smelt.cli.files import make_files, parse_ops
    from smelt.cli.inputs import read_inputs
    from smelt.corpus.steps import Curate

    ops = parse_ops(op or ["extract", "language", "gopher"], option="--op")
    step = Curate(corpus=read_inputs(inputs, column), ops=ops)
    make_files(step, output, store=store, on=on, workers=workers, as_json=json)


@jobs.command()
def dedup(
    inputs: InputsArgument,
    output: OutputOption,
    method: Annotated[str, typer.Option(help="exact, near, lines, paragraphs or substring.")] = "near",
    jaccard: Annotated[
        float | None, typer.Option(help="near: share of shingles in common from which on two are duplicates (0.8).")
    ] = None,
    minhash: Annotated[str | None, typer.Option(help="near: derived from --jaccard, or fineweb.")] = None,
    key: Annotated[list[str] | None, typer.Option(help="exact: text or url; again for either.")] = None,
    min_bytes: Annotated[
        str | None, typer.Option(help="lines, paragraphs: the shortest text that is cut out (24).")
    ] = None,
    min_documents: Annotated[
        int | None, typer.Option(help="lines, paragraphs: in how many documents one must stand (2).")
    ] = None,
    length: Annotated[
        int | None, typer.Option(help="substring: the shortest that is cut out (200 bytes, 50 tokens).")
    ] = None,
    unit: Annotated[str | None, typer.Option(help="substring: of bytes or tokens.")] = None,
    tokenizer: Annotated[
        Path | None, typer.Option(help="substring: whose tokens; a tokenizer.json or a folder with one.")
    ] = None,
    against: Annotated[
        list[str] | None,
        typer.Option(help="An older corpus, or files, to compare with; again for several."),
    ] = None,
    column: ColumnOption = None,
    store: StoreOption = STORE,
    on: OnOption = None,
    workers: WorkersOption = None,
    json: JsonOption = False,
) -> None:
    """Drop documents, or cut out text, that was there before; of each cluster the earliest document stays."""
    from smelt.cli.files import make_files, named
    from smelt.cli.inputs import corpus_of, read_inputs, tokenizer_of
    from smelt.corpus.duplicates.steps import Dedup

    given: dict[str, object] = {
        "jaccard": jaccard,
        "minhash": minhash,
        "min_bytes": min_bytes,
        "min_documents": min_documents,
        "keys": key,
        "length": length,
        "unit": unit,
    }
    settings = {name: value for name, value in given.items() if value is not None}
    if tokenizer is not None:
        settings["tokenizer"] = tokenizer_of(tokenizer)
    older = tuple(corpus_of(path, column) for path in against or ())
    with named("dedup"):
        corpus = read_inputs(inputs, column)
        step = Dedup.model_validate({"corpus": corpus, "method": method, "against": older, **settings})
    make_files(step, output, store=store, on=on, workers=workers, as_json=json)


@jobs.command()
def decontaminate(
    inputs: InputsArgument,
    evals: Annotated[list[str], typer.Option(help="Files of evaluation items; again for several.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A folder, or a file: .jsonl[.zst].")] = None,
    action: Annotated[str, typer.Option(help="remove or mask.")] = "remove",
    question_field: Annotated[
        str | None, typer.Option(help="The field of --evals that holds the question, where it has no usual name.")
    ] = None,
    answer_field: Annotated[str | None, typer.Option(help="Likewise the answer.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Change nothing: say which items the documents hold.")] = False,
    column: ColumnOption = None,
    store: StoreOption = STORE,
    on: OnOption = None,
    workers: WorkersOption = None,
    json: JsonOption = False,
) -> None:
    """Drop documents that hold evaluation items, or say which items a finished corpus has seen."""
    from smelt.cli.files import check_items, make_files, named
    from smelt.cli.inputs import read_inputs
    from smelt.corpus.decontaminate.steps import Decontaminate

    raw = read_inputs(inputs, column)
    settings = {"corpus": raw, "evals": evals, "action": "report" if check else action}
    settings |= {"question_field": question_field, "answer_field": answer_field}
    with named("decontaminate"):
        step = Decontaminate.model_validate(settings)
    if check:
        check_items(step, store=store, on=on, workers=workers, as_json=json)
    else:
        make_files(step, output, store=store, on=on, workers=workers, as_json=json)


@jobs.command()
def mix(
    inputs: InputsArgument,
    output: OutputOption,
    by: Annotated[list[str] | None, typer.Option(help="A column that groups documents; again for several.")] = None,
    weights: Annotated[str | None, typer.Option(help="Shares of groups, such as en=.7,zh=.3.")] = None,
    temperature: Annotated[float, typer.Option(help="Of the other groups: 1 by size, large ones evenly.")] = 1.0,
    budget: Annotated[str | None, typer.Option(help="How much in all, such as 20M; else as much as there is.")] = None,
    unit: Annotated[str, typer.Option(help="What is counted: tokens, bytes or documents.")] = "tokens",
    bytes_per_token: Annotated[float | None, typer.Option(help="By which tokens are estimated.")] = None,
    tokenizer: Annotated[
        Path | None, typer.Option(help="Count tokens with this tokenizer.json, or the one in this folder.")
    ] = None,
    epochs: Annotated[int, typer.Option(help="How often a document is taken at most.")] = 1,
    when_short: Annotated[str, typer.Option(help="When a group runs out: spill, stop or shrink.")] = "spill",
    since: Annotated[str | None, typer.Option(help="Only from this year, month or day on.")] = None,
    until: Annotated[str | None, typer.Option(help="Only up to it, itself included.")] = None,
    domain: Annotated[list[str] | None, typer.Option(help="Only this domain; again for several.")] = None,
    language: Annotated[list[str] | None, typer.Option(help="Only this language; again for several.")] = None,
    seed: Annotated[int, typer.Option(help="Another draw.")] = 0,
    column: ColumnOption = None,
    store: StoreOption = STORE,
    on: OnOption = None,
    workers: WorkersOption = None,
    json: JsonOption = False,
) -> None:
    """Draw a mixture: shares of groups, a budget, repeats up to so many epochs; OUT/mix.json says what was taken."""
    from smelt.cli.files import make_files, named, parse_weights
    from smelt.cli.inputs import read_inputs, tokenizer_of
    from smelt.corpus.mix.steps import Mix

    settings = {
        "corpora": [read_inputs(inputs, column)],
        "weights": parse_weights(weights or ""),
        "temperature": temperature,
        "unit": unit,
        "epochs": epochs,
        "when_short": when_short,
        "domains": domain or (),
        "languages": language or (),
        "seed": seed,
    }
    given = {"by": by, "budget": budget, "bytes_per_token": bytes_per_token, "since": since, "until": until}
    given |= {"tokenizer": tokenizer_of(tokenizer) if tokenizer else None}
    with named("mix"):
        step = Mix.model_validate(settings | {name: value for name, value in given.items() if value is not None})
    make_files(step, output, store=store, on=on, workers=workers, as_json=json)


@jobs.command()
def datasheet(
    corpus: Annotated[str, typer.Argument(help="A corpus of the store (clean, clean@0123), or a folder.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The HTML file to write.")] = None,
    store: StoreOption = STORE,
    json: JsonOption = False,
) -> None:
    """Write what is in a corpus: domains, languages, years, lengths, drops, personal data, scores."""
    from smelt.cli.corpora import write_datasheet

    write_datasheet(corpus, output, store=store, as_json=json)

"""`classify train | score | evaluate | label`: classifiers on files."""

from __future__ import annotations

import os
import shutil
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

classify = typer.Typer(
    help="Train classifiers on labelled documents, score with them, and label.", no_args_is_help=True
)
LabelOption = Annotated[str, typer.Option("--label", help="The column or field that holds the label.")]
ModelOption = Annotated[Path, typer.Option("--model", help="The folder of a classifier.")]
OfOption = Annotated[str | None, typer.Option("--of", help="The class, where the model knows several.")]
TargetOption = Annotated[
    str | None, typer.Option("--target", help="Find the limit for precision=.95, recall=.8 or share-kept=.3.")
]
SHOWN = 1_200
"""Characters of a document that is to be labelled."""


@classify.command()
def train(
    inputs: InputsArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder to write the classifier to.")],
    label: LabelOption = "label",
    against: Annotated[
        list[str] | None, typer.Option(help="Documents that INPUT is told from, such as a crawl; again for several.")
    ] = None,
    words: Annotated[str | None, typer.Option(help="A file of words that speak for the class, one a line.")] = None,
    characters: Annotated[int | None, typer.Option(min=1, help="How much of a document is read; else all.")] = None,
    target: TargetOption = None,
    column: ColumnOption = None,
    store: StoreOption = STORE,
    on: OnOption = None,
    workers: WorkersOption = None,
    json: JsonOption = False,
) -> None:
    """Train a classifier on labels, or on INPUT (of the class --label) against other documents; say how good it is."""
    from smelt.cli.console import Follower
    from smelt.cli.files import named
    from smelt.cli.inputs import read_inputs
    from smelt.cli.judgement import print_cards, print_target
    from smelt.cli.run import choose_runner
    from smelt.core.store import Store
    from smelt.corpus.label.scores import parse_target
    from smelt.corpus.label.steps import TrainClassifier

    aim = parse_target(target) if target else None
    settings: dict[str, object] = {"corpus": read_inputs(inputs, column), "label": label, "characters": characters}
    settings |= {"against": read_inputs(against, column) if against else None, "words": words or ()}
    with named("classify train"):
        step = TrainClassifier.model_validate(settings)
    with Store(store, runner=choose_runner(on, workers)) as opened, Follower(opened.events):
        made = opened.make(step)
    output.mkdir(parents=True, exist_ok=True)
    for name in made.manifest.files:
        shutil.copyfile(made.folder / name, output / name)
    card = made.model.card
    if json:
        print(card.model_dump_json())
        return
    print_cards(card.classes)
    if aim:
        for found in card.classes:
            print_target(output, found.name, aim, found.limit(aim))
    print(f"\n{output}")


@classify.command()
def score(
    inputs: InputsArgument,
    output: OutputOption,
    model: ModelOption,
    of: OfOption = None,
    min: Annotated[float | None, typer.Option(help="Drop documents with less.")] = None,  # noqa: A002
    max: Annotated[float | None, typer.Option(help="Drop documents with more.")] = None,  # noqa: A002
    column: ColumnOption = None,
    store: StoreOption = STORE,
    on: OnOption = None,
    workers: WorkersOption = None,
    json: JsonOption = False,
) -> None:
    """Score documents; with --min or --max, drop by the score."""
    from smelt.cli.files import make_files, parse_ops
    from smelt.cli.inputs import read_inputs
    from smelt.corpus.steps import Curate

    ops = parse_ops([{"op": "classify", "model": str(model), "of": of, "min": min, "max": max}], option="classify")
    step = Curate(corpus=read_inputs(inputs, column), ops=ops)
    make_files(step, output, store=store, on=on, workers=workers, as_json=json)


@classify.command()
def evaluate(
    inputs: InputsArgument,
    model: ModelOption,
    label: LabelOption = "label",
    of: OfOption = None,
    limit: Annotated[
        float | None, typer.Option(min=0, max=1, help="The probability that counts as the class; else best F1's.")
    ] = None,
    target: TargetOption = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="An HTML file to write too.")] = None,
    column: ColumnOption = None,
    store: StoreOption = STORE,
    json: JsonOption = False,
) -> None:
    """Hold a classifier against labelled documents: how good it is, and on whom it errs.

    The limit is by default the one that training found best: nothing is chosen on the documents it is judged by.
    """
    from dataclasses import asdict
    from json import dumps

    from smelt.cli.inputs import read_inputs
    from smelt.cli.judgement import print_evaluation, print_target, write_page
    from smelt.core.store import Store
    from smelt.corpus.label.classifier import load_model
    from smelt.corpus.label.evaluate import evaluate as judge
    from smelt.corpus.label.scores import parse_target
    from smelt.corpus.label.steps import check_classes, labelled

    aim, known = parse_target(target) if target else None, load_model(model)
    card = known.class_card(of or known.card.classes[0].name)
    with Store(store) as opened:
        rows = labelled(opened.make(read_inputs(inputs, column)), label)
    check_classes(rows["label"], label, name=card.name)
    found = judge(
        rows, known.probabilities(rows["text"], card.name), card.name, limit=card.best_limit if limit is None else limit
    )
    if output:
        write_page(found, card.name, output)
    if json:
        print(dumps(asdict(found), ensure_ascii=False))
        return
    print_evaluation(found, card.name)
    if aim:
        print_target(model, card.name, aim, found.limit_for(aim))


@classify.command()
def weak(
    inputs: InputsArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="Labels, one a line: id, text, label, probability.")],
    functions: Annotated[Path, typer.Option("--functions", help="TOML: words and patterns that vote for labels.")],
    limit: Annotated[float, typer.Option(min=0.5, max=1, help="How sure the joined vote must be.")] = 0.55,
    label: Annotated[
        str | None, typer.Option("--label", help="A field of true labels to hold the votes against.")
    ] = None,
    column: ColumnOption = None,
    store: StoreOption = STORE,
    json: JsonOption = False,
) -> None:
    """Label documents by words and patterns that vote (after Ratner et al. 2017); say what each is worth."""
    from smelt.cli.inputs import read_inputs
    from smelt.cli.weak import label_weakly
    from smelt.core.store import Store

    with Store(store) as opened:
        corpus = opened.make(read_inputs(inputs, column))
    label_weakly(corpus, functions, output, limit=limit, truth=label, as_json=json)


@classify.command("label")
def label_documents(
    inputs: InputsArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="Labels, one a line; kept as they are given.")],
    names: Annotated[str, typer.Option("--names", help="The labels, with commas between them.")] = "yes,no",
    model: Annotated[Path | None, typer.Option("--model", help="What it is unsure of comes first.")] = None,
    of: OfOption = None,
    n: Annotated[int, typer.Option("-n", min=1, help="How many documents to show.")] = 50,
    column: ColumnOption = None,
    store: StoreOption = STORE,
) -> None:
    """Show the documents that teach most, one by one, and keep the labels given; q ends, s leaves one out."""
    import polars as pl
    from rich.console import Console

    from smelt.cli.inputs import read_inputs
    from smelt.core.store import Store
    from smelt.corpus.label.classifier import load_model
    from smelt.corpus.label.learning import draw, keep_label, read_labels

    with Store(store) as opened:
        documents = opened.make(read_inputs(inputs, column)).kept(["id", "text"]).collect()
    open_ones = documents.filter(~pl.col("id").is_in(list(read_labels(output))))
    known = load_model(model) if model else None
    sure = known.probabilities(open_ones["text"], of or known.card.classes[0].name) if known else None
    choices, console = names.split(","), Console()
    keys = {str(number): name for number, name in enumerate(choices, 1)} | {name: name for name in choices}
    asked = "  ".join(f"{number} {name}" for number, name in enumerate(choices, 1))
    rows = draw(open_ones, sure, n)
    for place, row in enumerate(rows, 1):
        document, text = open_ones.row(row)
        console.rule(f"{place} of {len(rows)}  {document}")
        console.print(text[:SHOWN], markup=False, highlight=False)
        answer = _ask(f"{asked}  s skip  q quit: ", keys)
        if answer == "q":
            break
        if answer != "s":
            keep_label(output, document, text, keys[answer])
    print(f"{len(read_labels(output)):,} labels in {os.fspath(output)}")


def _ask(question: str, keys: dict[str, str]) -> str:
    """One of the keys, s or q; the end of the input is q."""
    while True:
        try:
            answer = input(question).strip()
        except EOFError:
            return "q"
        if answer in (*keys, "s", "q"):
            return answer

"""`classify train | score | evaluate | label`: classifiers on files."""

from __future__ import annotations

import os
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from smelt.cli.options import STORE, InputsArgument, JsonOption, OnOption, OutputOption, StoreOption, WorkersOption

classify = typer.Typer(
    help="Train classifiers on labelled documents, score with them, and label.", no_args_is_help=True
)
LabelOption = Annotated[str, typer.Option("--label", help="The column or field that holds the label.")]
ModelOption = Annotated[Path, typer.Option("--model", help="The folder of a classifier.")]
OfOption = Annotated[str | None, typer.Option("--of", help="The class, where the model knows several.")]
SHOWN = 1_200
"""Characters of a document that is to be labelled."""


@classify.command()
def train(
    inputs: InputsArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder to write the classifier to.")],
    label: LabelOption = "label",
    store: StoreOption = STORE,
    on: OnOption = None,
    workers: WorkersOption = None,
    json: JsonOption = False,
) -> None:
    """Train a classifier, and say how well it tells documents that it was not trained on."""
    from smelt.cli.console import Follower
    from smelt.cli.files import inputs_of, named
    from smelt.cli.run import choose_runner
    from smelt.core.store import Store
    from smelt.corpus.label.steps import TrainClassifier
    from smelt.corpus.steps import Read

    with named("classify train"):
        settings = {"corpus": Read(paths=inputs_of(inputs)), "label": label}
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
    print(f"{'class':<24}{'documents':>10}  average precision  ROC area  calibration error")
    for found in card.classes:
        numbers = f"{found.average_precision:>17.3f}{found.roc_area:>10.3f}{found.calibration_error:>19.3f}"
        print(f"{found.name:<24}{found.documents:>10,}  {numbers}")
    print(f"\n{output}")


@classify.command()
def score(
    inputs: InputsArgument,
    output: OutputOption,
    model: ModelOption,
    of: OfOption = None,
    min: Annotated[float | None, typer.Option(help="Drop documents with less.")] = None,  # noqa: A002
    max: Annotated[float | None, typer.Option(help="Drop documents with more.")] = None,  # noqa: A002
    store: StoreOption = STORE,
    on: OnOption = None,
    workers: WorkersOption = None,
    json: JsonOption = False,
) -> None:
    """Score documents; with --min or --max, drop by the score."""
    from smelt.cli.files import inputs_of, make_files, parse_ops
    from smelt.corpus.steps import Curate, Read

    ops = parse_ops([{"op": "classify", "model": str(model), "of": of, "min": min, "max": max}], option="classify")
    step = Curate(corpus=Read(paths=inputs_of(inputs)), ops=ops)
    make_files(step, output, store=store, on=on, workers=workers, as_json=json)


@classify.command()
def evaluate(
    inputs: InputsArgument,
    model: ModelOption,
    label: LabelOption = "label",
    of: OfOption = None,
    limit: Annotated[float, typer.Option(min=0, max=1, help="The probability that counts as the class.")] = 0.5,
    store: StoreOption = STORE,
    json: JsonOption = False,
) -> None:
    """Hold a classifier against labelled documents: how good it is, and on whom it errs."""
    from json import dumps

    from smelt.cli.files import inputs_of
    from smelt.core.store import Store
    from smelt.corpus.label.classifier import load_model
    from smelt.corpus.label.evaluate import evaluate as judge
    from smelt.corpus.label.steps import check_classes, labelled
    from smelt.corpus.steps import Read

    known = load_model(model)
    name = of or known.card.classes[0].name
    with Store(store) as opened:
        rows = labelled(opened.make(Read(paths=inputs_of(inputs))), label)
    check_classes(rows["label"], label)
    found = judge(rows, known.probabilities(rows["text"], name), name, limit=limit)
    if json:
        print(dumps(asdict(found), ensure_ascii=False))
        return
    print(
        f"average precision {found.average_precision:.3f}, ROC area {found.roc_area:.3f}, best F1 {found.best_f1:.3f}, "
    )
    print(f"calibration error {found.calibration_error:.3f}; counted as {name!r} from {limit:g}:\n")
    print(f"{'':<28}{'documents':>10}{name[:12]:>13}{'precision':>11}{'recall':>8}{'wrongly':>9}")
    for part in found.slices:
        shares = f"{part.precision:>11.3f}{part.recall:>8.3f}{part.false_positive_rate:>9.1%}"
        print(f"{part.name[:27]:<28}{part.documents:>10,}{part.of_class:>13,}{shares}")
    for title, samples in (("counted wrongly, the surest first", found.wrongly), ("missed", found.missed)):
        print(f"\n{title}:")
        for document, probability, text in samples:
            print(f"  {probability:.2f} {document}: {' '.join(text.split())[:160]}")


@classify.command("label")
def label_documents(
    inputs: InputsArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="Labels, one a line; kept as they are given.")],
    names: Annotated[str, typer.Option("--names", help="The labels, with commas between them.")] = "yes,no",
    model: Annotated[Path | None, typer.Option("--model", help="What it is unsure of comes first.")] = None,
    of: OfOption = None,
    n: Annotated[int, typer.Option("-n", min=1, help="How many documents to show.")] = 50,
    store: StoreOption = STORE,
) -> None:
    """Show the documents that teach most, one by one, and keep the labels given; q ends, s leaves one out."""
    import polars as pl
    from rich.console import Console

    from smelt.cli.files import inputs_of
    from smelt.core.store import Store
    from smelt.corpus.label.classifier import load_model
    from smelt.corpus.label.learning import draw, keep_label, read_labels
    from smelt.corpus.steps import Read

    with Store(store) as opened:
        documents = opened.make(Read(paths=inputs_of(inputs))).kept(["id", "text"]).collect()
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

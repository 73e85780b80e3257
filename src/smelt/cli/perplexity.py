"""`perplexity train | score`: how like the texts of a model documents are."""

from __future__ import annotations

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

perplexity = typer.Typer(help="Score documents by how surprising a model finds them.", no_args_is_help=True)


@perplexity.command()
def train(
    inputs: InputsArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder to write the model to.")],
    order: Annotated[int, typer.Option(min=1, max=12, help="Bytes of the longest n-gram.")] = 6,
    sample: Annotated[str, typer.Option(help="How much text to train on.")] = "16MiB",
    column: ColumnOption = None,
    store: StoreOption = STORE,
    json: JsonOption = False,
) -> None:
    """Train an n-gram model of bytes on texts such as one would have, of one language or of several."""
    from smelt.cli.console import Follower
    from smelt.cli.files import named
    from smelt.cli.inputs import read_inputs
    from smelt.core.store import Store
    from smelt.corpus.label.steps import TrainNgrams

    with named("perplexity train"):
        settings = {"corpus": read_inputs(inputs, column), "order": order, "sample_bytes": sample}
        step = TrainNgrams.model_validate(settings)
    with Store(store) as opened, Follower(opened.events):
        made = opened.make(step)
    output.mkdir(parents=True, exist_ok=True)
    for name in made.manifest.files:
        shutil.copyfile(made.folder / name, output / name)
    about = made.about
    if json:
        print(about.model_dump_json())
        return
    print(f"{about.documents:,} documents, {about.bytes:,} bytes; {about.bits_per_byte:.3f} bits a byte on every tenth")
    print(f"\n{output}")


@perplexity.command()
def score(
    inputs: InputsArgument,
    output: OutputOption,
    model: Annotated[Path, typer.Option("--model", help="The folder of a model: of `perplexity train`, or a run.")],
    min: Annotated[float | None, typer.Option(help="Drop documents with less bits a byte.")] = None,  # noqa: A002
    max: Annotated[float | None, typer.Option(help="Drop documents with more bits a byte.")] = None,  # noqa: A002
    column: ColumnOption = None,
    store: StoreOption = STORE,
    on: OnOption = None,
    workers: WorkersOption = None,
    json: JsonOption = False,
) -> None:
    """Score documents by their perplexity, and say where their languages part into head, middle and tail."""
    from smelt.cli.files import make_files, parse_ops
    from smelt.cli.inputs import read_inputs
    from smelt.corpus.label.perplexity import terciles
    from smelt.corpus.steps import Curate

    fields = {"op": "perplexity", "model": str(model), "min": min, "max": max}
    ops = parse_ops([fields], option="perplexity")
    step = Curate(corpus=read_inputs(inputs, column), ops=ops)
    corpus = make_files(step, output, store=store, on=on, workers=workers, as_json=json)
    found = terciles(corpus.kept())
    if found and not json:
        parts = ", ".join(f"{language} = [{one:g}, {two:g}]" for language, (one, two) in found.items())
        print("\nhead, middle and tail, in a recipe:\n")
        print(f'  {{ op = "perplexity", model = "{model}", terciles = {{ {parts} }} }}')

"""`smelt`: the verbs, and what becomes of errors.

Exit status: 0 done; 1 a fault of smelt's (traceback); 2 a mistake of the user's (one message, no traceback);
130 interrupted.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from smelt.cli.classify import classify
from smelt.cli.fit import fits
from smelt.cli.jobs import jobs
from smelt.cli.options import STORE, FiguresOption, FormatOption, JsonOption, OnOption, StoreOption, WorkersOption
from smelt.cli.perplexity import perplexity
from smelt.errors import InputError

app = typer.Typer(
    name="smelt",
    help="From raw documents to a language model, and to the plan for it before you pay.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

RecipeArgument = Annotated[Path, typer.Argument(help="A recipe (TOML).")]
OverridesArgument = Annotated[
    list[str] | None, typer.Argument(metavar="[TABLE.FIELD=VALUE]...", help="Fields to change; += adds to a list.")
]
INTERRUPTED = 130

app.add_typer(jobs)
app.add_typer(fits)
app.add_typer(classify, name="classify")
app.add_typer(perplexity, name="perplexity")


@app.command()
def run(
    recipe: RecipeArgument,
    overrides: OverridesArgument = None,
    store: StoreOption = STORE,
    on: OnOption = None,
    workers: WorkersOption = None,
    report: Annotated[bool, typer.Option(help="Write the HTML report at the end.")] = True,
    json: JsonOption = False,
) -> None:
    """Make everything that a recipe names, and a report of it."""
    from smelt.cli.run import run_recipe

    run_recipe(recipe, overrides or [], store=store, on=on, workers=workers, with_report=report, as_json=json)


@app.command()
def explain(
    recipe: RecipeArgument,
    overrides: OverridesArgument = None,
    store: StoreOption = STORE,
    json: JsonOption = False,
) -> None:
    """Say what a run would make, why, and at what cost; make nothing."""
    from smelt.cli.run import explain_recipe

    explain_recipe(recipe, overrides or [], store=store, as_json=json)


@app.command()
def launch(
    recipe: RecipeArgument,
    overrides: OverridesArgument = None,
    on: Annotated[str, typer.Option(help="Slurm or kubernetes.")] = "slurm",
    nodes: Annotated[int, typer.Option(min=1, help="Machines.")] = 1,
    cores: Annotated[int, typer.Option(min=1, help="Of each.")] = 8,
    gpus: Annotated[int, typer.Option(min=0, help="Of each.")] = 0,
    memory: Annotated[str, typer.Option(help="Of each, such as 64GB.")] = "32GB",
    hours: Annotated[float, typer.Option(min=0.02, help="At most.")] = 24.0,
    image: Annotated[str | None, typer.Option(help="Kubernetes: an image with smelt and Ray.")] = None,
    claim: Annotated[str | None, typer.Option(help="Kubernetes: the volume claim of the shared folder.")] = None,
    shared: Annotated[Path, typer.Option(help="The folder that all machines have, with recipe and store.")] = Path(),
    store: StoreOption = STORE,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the job; hand in nothing.")] = False,
) -> None:
    """Run a recipe on a cluster of SLURM or Kubernetes (KubeRay): print its job, or hand it in."""
    from smelt.cli.launch import Machines, launch_recipe
    from smelt.cli.options import bytes_of

    machines = Machines(
        nodes=nodes, cores=cores, gpus=gpus, memory_bytes=bytes_of(memory, option="--memory"), hours=hours, image=image,
        claim=claim,
    )  # fmt: skip
    launch_recipe(recipe, overrides or [], store=store, shared=shared, on=on, machines=machines, dry_run=dry_run)


@app.command()
def report(
    recipe: RecipeArgument,
    overrides: OverridesArgument = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The HTML file to write.")] = None,
    figures: FiguresOption = None,
    form: FormatOption = "svg",
    store: StoreOption = STORE,
    json: JsonOption = False,
) -> None:
    """Write the HTML report of what a recipe has made; with --figures its figures too, a file each."""
    from smelt.cli.run import report_recipe

    report_recipe(recipe, overrides or [], output=output, figures=figures, form=form, store=store, as_json=json)


@app.command()
def ls(store: StoreOption = STORE, json: JsonOption = False) -> None:
    """List the artifacts of the store."""
    from smelt.cli.artifacts import list_artifacts

    list_artifacts(store, as_json=json)


@app.command()
def show(
    artifact: Annotated[str, typer.Argument(help="A name, such as clean, corpus/clean or clean@0123.")],
    drop: Annotated[str | None, typer.Option(metavar="REASON", help="Show documents dropped for this instead.")] = None,
    n: Annotated[int, typer.Option("-n", min=1, help="How many of them.")] = 5,
    store: StoreOption = STORE,
    json: JsonOption = False,
) -> None:
    """Show an artifact: what it is, what it was made from, what is in it; with --drop, what it dropped."""
    if drop is not None:
        from smelt.cli.corpora import show_dropped

        show_dropped(artifact, drop, n, store=store, as_json=json)
        return
    from smelt.cli.artifacts import show_artifact

    show_artifact(artifact, store=store, as_json=json)


@app.command()
def export(
    reference: Annotated[str, typer.Argument(metavar="RUN", help="A run of the store, or its folder.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="A new folder.")],
    to: Annotated[str, typer.Option(help="What is to open it: hf, Hugging Face transformers.")] = "hf",
    store: StoreOption = STORE,
    json: JsonOption = False,
) -> None:
    """Write a trained model, its tokenizer with it, as a folder that other tools open."""
    from smelt.cli.export import export_model

    export_model(reference, to=to, target=output, store=store, as_json=json)


@app.command()
def diff(
    before: Annotated[str, typer.Argument(help="An artifact.")],
    after: Annotated[str, typer.Argument(help="Another.")],
    store: StoreOption = STORE,
    json: JsonOption = False,
) -> None:
    """Compare two artifacts: configuration, inputs, numbers, cost; of two corpora also what each keeps alone."""
    from smelt.cli.artifacts import diff_artifacts
    from smelt.cli.corpora import diff_documents

    diff_artifacts(before, after, store=store, as_json=json)
    diff_documents(before, after, store=store, as_json=json)


@app.command()
def trace(
    reference: Annotated[str, typer.Argument(help="A document's id, or a token's place such as train:81234.")],
    recipe: Annotated[str | None, typer.Option("--recipe", help="A recipe's name; else the last one run.")] = None,
    store: StoreOption = STORE,
    json: JsonOption = False,
) -> None:
    """Follow a document through every step, from its source record or back from a token."""
    from smelt.cli.artifacts import trace_document

    trace_document(reference, recipe=recipe, store=store, as_json=json)


@app.command()
def gc(
    yes: Annotated[bool, typer.Option("--yes", help="Remove; without it nothing is touched.")] = False,
    store: StoreOption = STORE,
    json: JsonOption = False,
) -> None:
    """Show what the store no longer needs, and remove it with --yes."""
    from smelt.cli.housekeeping import collect_garbage

    collect_garbage(store, yes=yes, as_json=json)


@app.command()
def doctor(on: OnOption = None, store: StoreOption = STORE, json: JsonOption = False) -> None:
    """Check the machine: cores, memory, disk, GPU, versions, Ray."""
    from smelt.cli.housekeeping import examine

    examine(store, on=on, as_json=json)


@app.command()
def plan(
    law: Annotated[
        str | None,
        typer.Option(metavar="LAW", help="law.json, its folder, or a published law's name."),
    ] = None,
    flops: Annotated[str | None, typer.Option(help="Budget in FLOPs, such as 1e21.")] = None,
    gpu: Annotated[str | None, typer.Option(help="A card, such as h100.")] = None,
    count: Annotated[
        int | None, typer.Option(min=1, help="How many of them; a budget beyond what they can do is refused.")
    ] = None,
    hours: Annotated[str | None, typer.Option(help="Budget in hours on the wall: 240, 10d.")] = None,
    money: Annotated[str | None, typer.Option(help="Budget in money; needs --price-per-hour.")] = None,
    price_per_hour: Annotated[float | None, typer.Option(help="What one card costs an hour.")] = None,
    mfu: Annotated[float | None, typer.Option(help="Share of the peak that becomes model FLOPs.")] = None,
    precision: Annotated[str, typer.Option(help="bf16 or fp8.")] = "bf16",
    inference_tokens: Annotated[str | None, typer.Option(help="Tokens the model will serve.")] = None,
    unique_tokens: Annotated[str | None, typer.Option(help="Tokens of data at hand.")] = None,
    fixed_n: Annotated[str | None, typer.Option(help="Parameters, if settled.")] = None,
    fixed_d: Annotated[str | None, typer.Option(help="Training tokens, if settled.")] = None,
    target_loss: Annotated[float | None, typer.Option(help="Loss to reach at the least cost, nats a token.")] = None,
    vocab: Annotated[int | None, typer.Option(help="Vocabulary of the shape.")] = None,
    context: Annotated[int | None, typer.Option(help="Context of the shape.")] = None,
    sweep: Annotated[bool, typer.Option("--sweep", help="A table over budgets around this one.")] = False,
    budgets: Annotated[
        str | None, typer.Option(metavar="FLOPS,FLOPS", help="The table over these: 1e20,1e21,1e22.")
    ] = None,
    against: Annotated[str | None, typer.Option(metavar="MODEL", help="How far a known model was off.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder for plan.json and plan.md.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print plan.md.")] = False,
    json: JsonOption = False,
) -> None:
    """Say what a budget should buy: parameters, tokens, loss, hours, cost, shape, memory, and what to doubt."""
    from smelt.cli.plan import plan_budget

    plan_budget(
        law,
        budget={
            "flops": flops,
            "gpu": gpu,
            "count": count,
            "hours": hours,
            "money": money,
            "price_per_hour": price_per_hour,
            "mfu": mfu,
            "precision": precision,
        },
        wishes={
            "inference_tokens": inference_tokens,
            "unique_tokens": unique_tokens,
            "fixed_n": fixed_n,
            "fixed_d": fixed_d,
            "target_loss": target_loss,
            "vocab": vocab,
            "context": context,
        },
        over_budgets=sweep,
        budgets=budgets,
        model=against,
        output=output,
        markdown=markdown,
        as_json=json,
    )


def main() -> None:
    """The console script: runs a verb and turns what it raised into a message and an exit status."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what ends a job on a cluster is met like Ctrl-C
    try:
        status = app(standalone_mode=False)
    except InputError as error:
        _fail(f"Error: {error}", status=2)
    except typer.TyperException as error:  # an unknown verb or option, a missing argument
        _fail(f"Error: {error.format_message()}", status=2)
    if status == INTERRUPTED:  # typer's word for Ctrl-C, as is the shell's
        _fail("Interrupted. Finished parts are kept: the same command goes on from them.", status=INTERRUPTED)
    sys.exit(status)


def _fail(message: str, *, status: int) -> NoReturn:
    print(message, file=sys.stderr)
    sys.exit(status)

"""The steps of this room: tokens make a run, or a ladder of runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, cast

import polars as pl
import psutil
from annotated_types import Ge, Gt, MinLen
from pydantic import SerializerFunctionWrapHandler, model_serializer

from smelt.core.artifact import Artifact, Counts
from smelt.core.shards import write_whole
from smelt.core.step import RUNTIME, Estimate, Sizes, Step
from smelt.core.work import Work
from smelt.errors import InputError
from smelt.models.config import ModelConfig
from smelt.models.flops import flops_per_token
from smelt.models.sizes import Family
from smelt.runs.hparams import Hparams, pace
from smelt.runs.ladder import Rung, Spread, expected_seconds, rungs
from smelt.runs.machine import Machine
from smelt.runs.memory import check_fits, needed_bytes
from smelt.runs.objective import Objective
from smelt.runs.rules import resolve
from smelt.runs.run import CURVE_COLUMNS, CURVES, RUNS, TABLE, Run, RunTable, table_row
from smelt.runs.watch import Watch
from smelt.tokens.examples import Examples
from smelt.tokens.tokens import Tokens
from smelt.units import Count, format_count

if TYPE_CHECKING:
    from smelt.runs.train import Assignment

MAX_EPOCHS = 4.0
"""So often repeated, text is worth nearly as much as new text (Muennighoff et al. 2023)."""
DEFAULT_VOCAB = 4096
"""Where an estimate is asked before anything is known of the tokenizer."""


class Train(Step[Run]):
    """Trains one model of a width and depth from scratch, and measures its held-out loss."""

    step: ClassVar[str] = "train"
    makes: ClassVar[type[Artifact]] = Run

    tokens: Step[Tokens]
    """What to train on, and to evaluate on."""
    d_model: Annotated[int, Ge(8)]
    """Width."""
    n_layers: Annotated[int, Ge(1)]
    """Depth."""
    n_tokens: Annotated[Count, Gt(0)]
    """Tokens to train on, repeats counted each time; rounded to whole steps."""
    family: Family = Family()
    """What else decides the shape."""
    hparams: Hparams = Hparams()
    """Constants of the learning-rate and batch rules."""
    objective: Objective = Objective()
    """What it is asked; the family's kind must be one that can answer."""
    seed: Annotated[int, Ge(0)] = 0
    """Of the weights and of the order of the text."""
    branches: tuple[Annotated[Count, Gt(0)], ...] = ()
    """Tokens of shorter runs that will share the level part of this one, whose schedule is wsd: see `train-branch`."""
    held_out_tokens: Annotated[int, Ge(1)] = 2**16
    """Held-out tokens to evaluate on, at most; at 65,536 the standard error is .02 nats, and common to all runs."""
    max_epochs: Annotated[float, Gt(0), RUNTIME] = MAX_EPOCHS
    """How often the same text may come; more is refused."""
    machine: Annotated[Machine, RUNTIME] = Machine()
    """What to train it on."""
    watch: Annotated[Watch, RUNTIME] = Watch()
    """What is told of it on its way."""

    @property
    def default_name(self) -> str:
        """Such as `d24-l2-251k-s0`."""
        return f"d{self.d_model}-l{self.n_layers}-{format_count(self.n_tokens)}-s{self.seed}"

    @model_serializer(mode="wrap")
    def _without_objective(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """As runs were written before there was another: they keep their names in the store."""
        values: dict[str, Any] = handler(self)
        later = {"objective": self.objective == Objective(), "branches": not self.branches}
        return {name: value for name, value in values.items() if not later.get(name, False)}

    def config(self, vocab: int) -> ModelConfig:
        """The model's shape with a tokenizer's vocabulary, and what the objective adds to it."""
        vocab += self.objective.extra_ids(self.family.context)
        return self.family.shape(vocab=vocab, d_model=self.d_model, n_layers=self.n_layers)

    def make(self, work: Work) -> Counts:
        """Writes run.json, curve.parquet, config.json and model.safetensors; in branches/, states to branch from."""
        return self.run(work, self.assignment(work.open(self.tokens).vocab), self.default_name)

    def assignment(self, vocab: int) -> Assignment:
        """What it is to do, with a tokenizer's vocabulary."""
        from smelt.runs.train import Assignment  # torch takes seconds to import, which a listing should not pay

        config = self.config(vocab)
        return Assignment(
            config=config,
            n_tokens=self.n_tokens,
            hparams=resolve(self.hparams, config, self.n_tokens),
            objective=self.objective,
            seed=self.seed,
            held_out_tokens=self.held_out_tokens,
            branches=self.branches,
        )

    def run(self, work: Work, assignment: Assignment, name: str) -> Counts:
        """Trains what is assigned, and writes it."""
        from smelt.runs.launch import launch
        from smelt.runs.output import Output
        from smelt.runs.train import train_into

        tokens = work.open(self.tokens)
        self._check_epochs(assignment.n_tokens, len(tokens.stream("train")))
        self.machine.check(assignment.config, assignment.pace.windows)
        self._check_memory(assignment)
        output = Output.of(work, name)
        record = launch(train_into, self.machine, assignment, tokens, output, self.watch)
        fields = {"n_params", "n_tokens", "flops", "loss_nats", "bpb"}
        return cast("Counts", record.model_dump(mode="json", include=fields))

    def estimate(self, sizes: Sizes) -> Estimate:
        """Time goes with FLOPs, and for small models with tokens."""
        config = self.config(vocab_of(sizes, self.tokens))
        counts: Counts = {"n_tokens": self.n_tokens, "flops": flops_per_token(config) * self.n_tokens}
        seconds = expected_seconds(config, self.n_tokens) / self.hparams.speed
        return Estimate(core_seconds=seconds, process_bytes=self.process_bytes(config), counts=counts)

    def _check_epochs(self, n_tokens: float, n_there: int) -> None:
        if n_tokens > self.max_epochs * n_there:
            raise InputError(
                where=f"n_tokens {format_count(n_tokens)}",
                what=f"takes {n_tokens / max(1, n_there):.3g} epochs of the {format_count(n_there)} tokens there are",
                expected=f"at most {self.max_epochs:g}",
                do="take more text, fewer tokens or a larger max_epochs",
            )

    def process_bytes(self, config: ModelConfig) -> float:
        """Memory that training the model takes."""
        hparams, row_tokens = resolve(self.hparams, config, self.n_tokens), self._row_tokens(config)
        rows = pace(hparams, n_tokens=self.n_tokens, context=row_tokens).windows
        return needed_bytes(config, hparams, self.machine, rows=rows, row_tokens=row_tokens)

    def _row_tokens(self, config: ModelConfig) -> int:
        return config.context * self.objective.segments

    def _check_memory(self, assignment: Assignment) -> None:
        if self.machine.device == "cpu":
            config, rows, free = assignment.config, assignment.pace.windows, psutil.virtual_memory().available
            tokens = self._row_tokens(config)
            check_fits(config, assignment.hparams, self.machine, rows=rows, row_tokens=tokens, available=free)


class Ladder(Step[RunTable]):
    """Trains small models of several sizes at each of several budgets, side by side, longest first.

    Each run is an artifact of its own: another budget or seed trains only the runs that are new.
    """

    step: ClassVar[str] = "ladder"
    makes: ClassVar[type[Artifact]] = RunTable

    tokens: Step[Tokens]
    """What to train on, and to evaluate on."""
    flops: Annotated[tuple[Annotated[Count, Gt(0)], ...], MinLen(1)]
    """The budgets: training FLOPs of each run."""
    sizes_per_budget: Annotated[int, Ge(1)] = 5
    """Widths tried at each budget."""
    seeds: Annotated[int, Ge(1)] = 1
    """Runs of each size, with seeds from 0 on."""
    span: Annotated[float, Gt(1)] = 2.5
    """The largest size of a budget over the expected optimum, and that over the smallest."""
    tokens_per_param: Annotated[float, Gt(0)] = 10.0
    """Tokens a weight (matrices and head) of the expected optimum, on which sizes are centred: see `ladder`."""
    family: Family = Family()
    """What the shapes have in common."""
    hparams: Hparams = Hparams()
    """Constants of the learning-rate and batch rules."""
    held_out_tokens: Annotated[int, Ge(1)] = Train.model_fields["held_out_tokens"].default
    """Held-out tokens to evaluate on, at most."""
    max_epochs: Annotated[float, Gt(0), RUNTIME] = MAX_EPOCHS
    """How often the same text may come in a run; more is refused."""
    machine: Annotated[Machine, RUNTIME] = Machine()
    """What to train each run on."""
    watch: Annotated[Watch, RUNTIME] = Watch()
    """What is told of each on its way."""

    def rungs(self, vocab: int) -> list[Rung]:
        """The runs of the ladder with a tokenizer's vocabulary."""
        spread = Spread(sizes=self.sizes_per_budget, span=self.span, tokens_per_param=self.tokens_per_param)
        return rungs(self.family, spread, vocab=vocab, budgets=self.flops, seeds=self.seeds)

    def train_step(self, rung: Rung) -> Train:
        """The step that runs a rung."""
        return Train(
            tokens=self.tokens,
            d_model=rung.config.d_model,
            n_layers=rung.config.n_layers,
            n_tokens=rung.n_tokens,
            family=self.family,
            hparams=self.hparams,
            seed=rung.seed,
            held_out_tokens=self.held_out_tokens,
            max_epochs=self.max_epochs,
            machine=self.machine,
            watch=self.watch,
        )

    def make(self, work: Work) -> Counts:
        """Makes the runs; writes runs.parquet and curves.parquet."""
        vocab = work.open(self.tokens).vocab
        ladder = self.rungs(vocab)
        runs = work.make([self.train_step(rung) for rung in ladder], cost=lambda step: train_seconds(step, vocab))
        return write_run_table(work, runs, [rung.budget_flops for rung in ladder])

    def estimate(self, sizes: Sizes) -> Estimate:
        """The runs that are left to train."""
        ladder = self.rungs(vocab_of(sizes, self.tokens))
        todo = [rung for rung in ladder if not sizes.is_made(self.train_step(rung))]
        return Estimate(
            core_seconds=sum(expected_seconds(rung.config, rung.n_tokens) for rung in todo) / self.hparams.speed,
            process_bytes=max((self.train_step(rung).process_bytes(rung.config) for rung in todo), default=0.0),
            counts={"runs": len(ladder), "budgets": len(set(self.flops))},
            note=f"{len(ladder)} runs, {len(todo)} to train",
        )


def run_rows(runs: Sequence[Run], budgets: Sequence[float]) -> pl.DataFrame:
    """The columns of `TABLE`, one row a run, each with the budget it was meant for."""
    rows = [
        table_row(run.folder.name, run.record, budget_flops=budget) for run, budget in zip(runs, budgets, strict=True)
    ]
    return pl.DataFrame(rows, schema=TABLE)


def write_run_table(work: Work, runs: Sequence[Run], budgets: Sequence[float]) -> Counts:
    """Writes runs.parquet and curves.parquet; gives the counts of a ladder."""
    table = run_rows(runs, budgets)
    curves = [run.curve.select(pl.lit(run.folder.name).alias("run"), *CURVE_COLUMNS) for run in runs]
    for name, frame in ((RUNS, table), (CURVES, pl.concat(curves))):
        with write_whole(work.folder / name) as path:
            frame.write_parquet(path)
    return {"runs": len(runs), "budgets": len(set(budgets)), "flops": float(table["flops"].sum())}


def train_seconds(step: Step[Run], vocab: int) -> float:
    """What a `Train` step will take on one core: the order in which runs are started."""
    train = cast("Train", step)
    return expected_seconds(train.config(vocab), train.n_tokens)


def vocab_of(sizes: Sizes, tokens: Step[Tokens] | Step[Examples]) -> int:
    """The vocabulary of tokens, made or to be made."""
    return int(sizes.number(tokens, "vocab")) or DEFAULT_VOCAB

"""The step that trains an adaptive ladder: where runs, which know no law, and laws, which train nothing, meet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Self

from annotated_types import Ge, Gt, MinLen
from pydantic import model_validator

from smelt.core.artifact import Artifact, Counts
from smelt.core.step import Estimate, Sizes, Step
from smelt.core.work import Work
from smelt.laws.curves.minima import SIZES
from smelt.laws.design.designs import Candidate
from smelt.laws.design.rounds import MINIMA, Goal, Standing, climb
from smelt.laws.points import Points
from smelt.models.config import ModelConfig
from smelt.models.flops import flops_per_token, n_params
from smelt.models.sizes import Family
from smelt.runs.hparams import Hparams
from smelt.runs.ladder import Spread, affordable_tokens, expected_optimum, expected_seconds, shapes_about
from smelt.runs.ladder import sizes as ladder_sizes
from smelt.runs.run import Run, RunTable
from smelt.runs.steps import Ladder, Train, run_rows, train_seconds, vocab_of, write_run_table
from smelt.tokens.tokens import Tokens
from smelt.units import Count

REACH = 4.0
"""Sizes offered go so many spans beyond the expected optimum: far enough to follow a minimum that is not where it was
expected, in rounds of half a span (taste)."""


@dataclass(frozen=True, slots=True)
class Shape(Candidate):
    """A run of a model that has a shape."""

    config: ModelConfig

    @classmethod
    def of(cls, config: ModelConfig, budget: float) -> Shape:
        """The run of a budget."""
        size = flops_per_token(config) / 6
        return cls(budget_flops=budget, n_params=float(n_params(config)), size=size, config=config)


class AdaptiveLadder(Step[RunTable]):
    """Trains small models, round by round where they tell most of N* at a target, until it is known well enough.

    Starts with three sizes at each of the three cheapest budgets. Each run is an artifact of its own, the same as a
    `ladder` would train. What it makes does not depend on the number of workers.
    """

    step: ClassVar[str] = "adaptive-ladder"
    version: ClassVar[int] = 3
    makes: ClassVar[type[Artifact]] = RunTable

    tokens: Step[Tokens]
    """What to train on, and to evaluate on."""
    flops: Annotated[tuple[Annotated[Count, Gt(0)], ...], MinLen(MINIMA)]
    """The budgets that runs may have: training FLOPs of each."""
    target: Annotated[Count, Gt(0)]
    """The budget, in FLOPs, whose N* is wanted."""
    until: Annotated[float, Gt(1)] = 1.25
    """The factor either way within which N* at the target is to be known, at 95%. A model 25% too
    small or too large loses .07% (Hoffmann et al. 2022's surface, and Besiroglu et al. 2024's, at 1e21 FLOPs)."""
    spend: Annotated[Count, Gt(0)]
    """FLOPs in all, at most."""
    batch: Annotated[int, Ge(1)] = 4
    """Runs a round: chosen together, trained side by side. Part of what is made, unlike the number of workers."""
    span: Annotated[float, Gt(1)] = Ladder.model_fields["span"].default
    """How far sizes go from N*, as a factor; at an edge, further."""
    tokens_per_param: Annotated[float, Gt(0)] = Ladder.model_fields["tokens_per_param"].default
    """Tokens a weight (matrices and head) of the expected optimum, about which the first runs lie: see `ladder`."""
    seed: Annotated[int, Ge(0)] = 0
    """Seed of the first run of a size; the next of the same size has the next."""
    family: Family = Family()
    """What the shapes have in common."""
    hparams: Hparams = Hparams()
    """Constants of the learning-rate and batch rules."""
    held_out_tokens: Annotated[int, Ge(1)] = Train.model_fields["held_out_tokens"].default
    """Held-out tokens to evaluate on, at most."""

    @property
    def goal(self) -> Goal:
        """When it ends."""
        return Goal(target_flops=self.target, until=self.until, spend=self.spend, batch=self.batch, span=self.span)

    def seed_shapes(self, vocab: int) -> list[Shape]:
        """Three sizes at each of the cheapest budgets, the dearest first."""
        spread = Spread(sizes=SIZES, span=self.span, tokens_per_param=self.tokens_per_param)
        return [
            Shape.of(config, budget)
            for budget in self._cheapest[::-1]
            for config in ladder_sizes(self.family, spread, vocab=vocab, budget=budget)
        ]

    def candidates(self, vocab: int) -> list[Shape]:
        """All runs that it may train, each any number of times: with a seed of its own each."""
        return [
            Shape.of(config, budget)
            for budget in sorted(set(self.flops))
            for config in shapes_about(self.family, self._expected_optimum(vocab, budget), reach=REACH * self.span)
        ]

    def make(self, work: Work) -> Counts:
        """Makes the runs, round by round; writes runs.parquet and curves.parquet."""
        vocab = work.open(self.tokens).vocab
        trained = _Trained(self, work, vocab)
        standing = climb(
            self.seed_shapes(vocab), self.candidates(vocab), self.goal, train=trained.more, tell=trained.tell
        )
        if not standing.is_narrow(self.goal):
            work.events.emit("warning", message=f"ends without its goal: {standing.in_words(self.goal)}")
        known: Counts = {} if standing.known_to is None else {"n_opt_factor": standing.known_to}
        return {**write_run_table(work, trained.runs, trained.budgets), **known}

    def estimate(self, sizes: Sizes) -> Estimate:
        """The first runs and, at their price a FLOP, what else may be spent: it can only be less."""
        vocab = vocab_of(sizes, self.tokens)
        seed = self.seed_shapes(vocab)
        seconds = sum(expected_seconds(shape.config, shape.n_tokens) for shape in seed)
        seconds_per_flop = seconds / sum(shape.budget_flops for shape in seed)
        return Estimate(
            core_seconds=seconds_per_flop * self.spend,
            counts={"budgets": len(set(self.flops))},
            note=f"at most; ends when N* at {self.target:.3g} FLOPs is known to x{self.until:g}",
        )

    def train_step(self, shape: Shape, seed: int) -> Train:
        """The step that trains a shape."""
        return Train(
            tokens=self.tokens,
            d_model=shape.config.d_model,
            n_layers=shape.config.n_layers,
            n_tokens=affordable_tokens(shape.config, shape.budget_flops),
            family=self.family,
            hparams=self.hparams,
            seed=seed,
            held_out_tokens=self.held_out_tokens,
        )

    @property
    def _cheapest(self) -> list[float]:
        """The budgets to start with, ascending."""
        return sorted(set(self.flops))[:MINIMA]

    @model_validator(mode="after")
    def _affords_its_first_runs(self) -> Self:
        if len(self._cheapest) < MINIMA:
            raise ValueError(f"flops: a line needs {MINIMA} different budgets")
        if (first := SIZES * sum(self._cheapest)) > self.spend:
            raise ValueError(f"spend: the first {SIZES * MINIMA} runs alone cost {first:.3g} FLOPs")
        return self

    def _expected_optimum(self, vocab: int, budget: float) -> ModelConfig:
        return expected_optimum(self.family, vocab=vocab, budget=budget, tokens_per_param=self.tokens_per_param)


@dataclass(slots=True)
class _Trained:
    """What an adaptive ladder has trained so far."""

    ladder: AdaptiveLadder
    work: Work
    vocab: int
    shapes: list[Shape] = field(default_factory=list[Shape])
    runs: list[Run] = field(default_factory=list[Run])
    rounds: int = 0

    @property
    def budgets(self) -> list[float]:
        """What each run was meant to cost."""
        return [shape.budget_flops for shape in self.shapes]

    def more(self, batch: Sequence[Shape]) -> Points:
        """Trains a round; the points of all rounds."""
        steps: list[Train] = []
        for shape in batch:
            steps.append(self.ladder.train_step(shape, seed=self.ladder.seed + self.shapes.count(shape)))
            self.shapes.append(shape)
        label = f"round {self.rounds}"
        self.runs += self.work.make(steps, label=label, cost=lambda step: train_seconds(step, self.vocab))
        self.rounds += 1
        return Points.from_frame(run_rows(self.runs, self.budgets))[0]

    def tell(self, standing: Standing) -> None:
        """Says how far it has come."""
        self.work.events.emit("note", message=standing.in_words(self.ladder.goal))

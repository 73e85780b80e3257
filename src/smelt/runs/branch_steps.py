"""A step of this room: a run's level part, trained once, serves shorter runs too."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, ClassVar, Self, cast

from annotated_types import Gt
from pydantic import model_validator

from smelt.core.artifact import Artifact, Counts
from smelt.core.step import Estimate, Sizes, Step
from smelt.core.work import Work
from smelt.runs.branches import branch_hparams, branch_pace, fork, kept_state
from smelt.runs.run import Run
from smelt.runs.steps import Train
from smelt.units import Count, format_count


class TrainBranch(Step[Run]):
    """A shorter run that shares the level part of another, and is trained from where it begins to fall."""

    step: ClassVar[str] = "train-branch"
    makes: ClassVar[type[Artifact]] = Run

    trunk: Step[Run]
    """A step `train` that names these tokens among its `branches`."""
    n_tokens: Annotated[Count, Gt(0)]
    """Tokens of the whole branch, the shared ones too."""

    @property
    def default_name(self) -> str:
        """Such as `d24-l2-1m-s0-251k`."""
        return f"{self.trunk.default_name}-{format_count(self.n_tokens)}"

    @model_validator(mode="after")
    def _is_kept(self) -> Self:
        if not isinstance(self.trunk, Train):
            raise ValueError(f"trunk is a step {self.trunk.step}, not train")
        if self.n_tokens not in self.trunk.branches:
            raise ValueError(f"the trunk keeps no state for {self.n_tokens:g} tokens: add them to its branches")
        return self

    def make(self, work: Work) -> Counts:
        """Writes what `train` writes: the same weights as if all had been trained anew."""
        train = cast("Train", self.trunk)
        whole = train.assignment(work.open(train.tokens).vocab)
        pace = branch_pace(whole.pace, self.n_tokens)
        hparams = branch_hparams(whole.hparams, whole.pace, pace)
        start = kept_state(work.open(self.trunk).folder, fork(whole.hparams, whole.pace, self.n_tokens))
        branch = replace(
            whole, n_tokens=self.n_tokens, hparams=hparams, branches=(), trunk=whole.pace, start=start
        )  # fmt: skip
        return train.run(work, branch, self.default_name)

    def estimate(self, sizes: Sizes) -> Estimate:
        """Of the fall alone."""
        train = cast("Train", self.trunk)
        whole, share = train.estimate(sizes), self.n_tokens / train.n_tokens
        seconds = whole.core_seconds * share * train.hparams.schedule.decay
        counts: Counts = {"n_tokens": self.n_tokens, "flops": cast("float", whole.counts["flops"]) * share}
        return Estimate(core_seconds=seconds, process_bytes=whole.process_bytes, counts=counts)

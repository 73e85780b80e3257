"""What a run writes, and what it tells on its way."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from smelt.core.events import Events
from smelt.core.shards import write_json, write_whole
from smelt.core.work import Work
from smelt.errors import InputError
from smelt.runs.branches import FOLDER
from smelt.runs.checkpoint import Checkpoint, Point
from smelt.runs.guard import LostLoss
from smelt.runs.machine import Machine
from smelt.runs.run import CURVE, CURVE_COLUMNS, RECORD, RunRecord

LOWER = "lower the learning rates: hparams.matrix_lr, embedding_lr and head_lr, each halved, is a start"


@dataclass(frozen=True, slots=True)
class Output:
    """Where the files of a run go; picklable, for processes that share one."""

    folder: Path
    scratch: Path
    """Of checkpoints."""
    events: Events
    name: str

    @classmethod
    def of(cls, work: Work, name: str) -> Output:
        """Into the artifact that is being made."""
        return cls(work.folder, work.scratch, work.events, name)

    def checkpoint(
        self, setting: str, machine: Machine, *, start: Path | None = None, forks: frozenset[int] = frozenset()
    ) -> Checkpoint:
        """What a killed run goes on from, and one that is not begun starts with; after some steps, what branches of it
        begin with."""
        return Checkpoint(
            self.scratch, setting=f"{setting}, {machine}", accepts_change=machine.accept_change,
            start=start, kept=self.folder / FOLDER, kept_steps=forks,
        )  # fmt: skip

    @property
    def trackers(self) -> Path:
        """Beside the store."""
        return self.folder.parents[2] / "trackers"

    @contextmanager
    def named(self) -> Generator[None]:
        """`InputError` that names the run, where no step can save it."""
        try:
            yield
        except LostLoss as error:
            raise InputError(where=f"run {self.name}", what=str(error), expected="a finite loss", do=LOWER) from error

    def write(self, record: RunRecord, curve: list[Point], routed: dict[str, float]) -> None:
        """Writes run.json and curve.parquet, and tells of steps left out and of what routers did."""
        if record.skipped:
            what = f"run {self.name}: {record.skipped} of {record.steps} steps were left out"
            self.events.emit("warning", message=f"{what}, their gradients being no numbers or far too long")
        for change in record.changes:
            self.events.emit("warning", message=f"run {self.name} was gone on with otherwise: {change}")
        if routed:
            self.events.emit("router", run=self.name, **routed)
        with write_whole(self.folder / CURVE) as path:
            curve_frame(curve, record).write_parquet(path)
        write_json(self.folder / RECORD, record.model_dump(mode="json"))


def curve_frame(curve: list[Point], record: RunRecord) -> pl.DataFrame:
    """A learning curve as it is written: the columns of `CURVE_COLUMNS`."""
    share = record.flops / record.steps
    rows = [(point.step, point.n_tokens, point.step * share, point.loss_nats) for point in curve]
    return pl.DataFrame(rows, schema=CURVE_COLUMNS, orient="row")

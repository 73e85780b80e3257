"""The bench a step is handed: its folder, its log, its inputs, and `map`, the only way it meets the machine.

A step cuts its work into items and maps a function over them. Where they run (processes, Ray) is a `Runner`'s
business. Each finished item leaves a record in the artifact's folder, so that a step killed at any moment
goes on from its finished items.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar, cast

from pydantic import BaseModel, JsonValue

from smelt.core.artifact import Artifact, Ref
from smelt.core.events import Events
from smelt.core.shards import read_json, write_json

if TYPE_CHECKING:
    from smelt.core.step import Step
    from smelt.core.store import Store

A = TypeVar("A", bound=Artifact)
T = TypeVar("T")
R = TypeVar("R", bound=JsonValue)

PROGRESS = ".progress"
"""Records of finished items; removed once the artifact is whole."""
SCRATCH = ".scratch"
"""Intermediate files of a step; removed once the artifact is whole."""


class Amounts(NamedTuple):
    """What a finished item dealt with, for those who watch."""

    documents: int
    bytes: int


class Record(BaseModel):
    """A finished item: what its function returned, and its cost."""

    result: JsonValue
    seconds: float
    cpu_seconds: float
    peak_memory_bytes: int


@dataclass(frozen=True, slots=True)
class Task:
    """One item of one `map`: what a runner carries to a worker."""

    function: Callable[[Any], JsonValue]
    item: Any
    record: Path
    """Written whole when the function has returned."""

    def run(self) -> None:
        """Calls the function and leaves the record."""
        started, cpu = time.perf_counter(), time.process_time()
        try:
            result = self.function(self.item)
        except Exception as error:
            error.add_note(f"while {self.record.parent.name} {self.record.stem} was being done")
            raise
        record = Record(
            result=result,
            seconds=time.perf_counter() - started,
            cpu_seconds=time.process_time() - cpu,
            peak_memory_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        )
        write_json(self.record, record.model_dump(mode="json"))


class Runner(Protocol):
    """Where tasks run: on local processes, or on a Ray cluster."""

    @property
    def name(self) -> str:
        """What the manifest calls it: "2 processes", "ray"."""
        ...

    @property
    def workers(self) -> int:
        """How many tasks run side by side."""
        ...

    def run(self, tasks: Sequence[Task]) -> Iterator[Task]:
        """Runs all, started in the order given; yields each as it ends; raises what a task raised."""
        ...

    def close(self) -> None:
        """Lets the workers go, whatever they are doing."""
        ...


class Inline:
    """Runs tasks one by one where it stands: inside a worker that is itself one of many."""

    name = "inline"
    workers = 1

    def run(self, tasks: Sequence[Task]) -> Iterator[Task]:
        """Runs all, one after the other."""
        for task in tasks:
            task.run()
            yield task

    def close(self) -> None:
        """Nothing to let go."""


class Work:
    """What a step's `make` is given."""

    def __init__(self, store: Store, *, folder: Path, runner: Runner, events: Events) -> None:
        self.folder = folder
        """The artifact's folder, where its files go."""
        self.events = events
        self.made: list[Ref] = []
        """Artifacts made on the way by `make`."""
        self._store = store
        self._runner = runner

    @property
    def scratch(self) -> Path:
        """A folder for intermediate files: kept over a crash, removed once the artifact is whole."""
        folder = self.folder / SCRATCH
        folder.mkdir(exist_ok=True)
        return folder

    def open(self, step: Step[A]) -> A:
        """The made artifact of an input."""
        return self._store.open(step)

    def map(
        self,
        function: Callable[[T], R],
        items: Sequence[T],
        *,
        label: str,
        cost: Callable[[T], float] | None = None,
        counts: Callable[[R], Amounts] | None = None,
    ) -> list[R]:
        """The results of `function` over `items`, in their order, computed side by side.

        `function` must be picklable, deterministic, and leave its files whole, since an item is done again
        when a crash comes between its files and its record. Its result must be a JSON value. With `cost` the
        costliest items start first, which keeps all cores busy to the end. `label` names the phase. What `counts` finds
        in a result goes to the log beside the item's share of all cost and its seconds: rates and the time left.
        """
        tasks = [
            Task(function, item, self.folder / PROGRESS / label / f"{number:05d}.json")
            for number, item in enumerate(items)
        ]
        costs = {task.record: float(cost(task.item)) if cost else 1.0 for task in tasks}
        todo = [task for task in tasks if not task.record.exists()]
        if cost is not None:
            todo.sort(key=lambda task: costs[task.record], reverse=True)
        whole = sum(costs.values()) or 1.0
        left = sum(costs[task.record] for task in todo) / whole
        amount: dict[str, JsonValue] = {"items": len(tasks), "done": len(tasks) - len(todo), "left": left}
        self.events.emit("phase", label=label, **amount, workers=self._runner.workers if todo else 0)
        for task in self._runner.run(todo):
            record = read_record(task.record)
            amounts = counts(cast("R", record.result))._asdict() if counts else {}
            cost_of = {"share": costs[task.record] / whole, "seconds": record.seconds}
            self.events.emit("item", label=label, number=task.record.stem, **cost_of, **amounts)
        return [cast("R", read_record(task.record).result) for task in tasks]

    def make(
        self, steps: Sequence[Step[A]], *, label: str = "make", cost: Callable[[Step[A]], float] | None = None
    ) -> list[A]:
        """Makes several artifacts side by side, each with a fingerprint, a lock and a manifest of its own.

        A step that makes some, and then others chosen by these, gives each batch a `label` of its own.
        """
        self.map(self._store.maker(), steps, label=label, cost=cost)
        artifacts = [self._store.open(step) for step in steps]
        self.made.extend(artifact.ref for artifact in artifacts)
        return artifacts


def read_record(path: Path) -> Record:
    """What a finished item left."""
    return Record.model_validate(read_json(path))

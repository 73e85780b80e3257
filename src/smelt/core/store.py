"""Where artifacts live, and how one is made once.

    store/<kind>/<name>@<12 hex of the fingerprint>/manifest.json     written last: the artifact is whole
    store/events/<session>.jsonl                                      what happened, line by line
    store/recipes/<name>.json                                         what each recipe last made: the roots of gc

`Store.make` gives the artifact of a step: the one that is there, or a new one, made from inputs that are made first.
"""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar, cast

from pydantic import BaseModel, JsonValue

from smelt.core.artifact import MANIFEST, Artifact, Counts, FileRecord, Manifest, Ref, read_manifest
from smelt.core.events import Events
from smelt.core.local import LocalRunner
from smelt.core.lock import Lock
from smelt.core.meter import Meter, library_versions, read_records, this_host
from smelt.core.shards import canonical_json, file_digest, read_json, remove_temporary, write_json
from smelt.core.step import Step
from smelt.core.work import PROGRESS, SCRATCH, Inline, Runner, Work
from smelt.errors import InputError, StoreError, StoreFull

A = TypeVar("A", bound=Artifact)


class Remembered(BaseModel):
    """What a recipe's last run makes, inputs first."""

    recipe: str
    artifacts: list[Ref]


class Store:
    """A folder of artifacts.

    >>> with Store("store") as store:                                        # doctest: +SKIP
    ...     law = store.make(sm.FitLaw(runs=sm.Ladder(tokens=tokens)))
    """

    def __init__(
        self, root: Path | str = "store", *, runner: Runner | None = None, events: Events | None = None
    ) -> None:
        self.root = Path(root).absolute()
        self.runner = runner or LocalRunner()
        session = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{os.getpid()}.jsonl"
        self.events = events or Events(self.root / "events" / session)

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Lets the workers go."""
        self.runner.close()

    def find(self, step: Step[A]) -> A | None:
        """The whole artifact of `step`, or None."""
        for folder in self._folders(step):
            manifest = read_manifest(folder)
            if manifest is not None and manifest.fingerprint == step.fingerprint:
                return cast("A", step.makes(folder, manifest))
        return None

    def open(self, step: Step[A]) -> A:
        """The whole artifact of `step`; an error where it has not been made."""
        found = self.find(step)
        if found is None:
            raise StoreError(
                where=str(self.root),
                what=f"holds no {step.makes.kind} for this {step.step!r} step",
                do="make it first: smelt run, or Store.make",
            )
        return found

    def make(self, step: Step[A], name: str | None = None) -> A:
        """The artifact of `step`: found, or made after its inputs.

        `name` is for people; it is no part of the identity. Raises `StoreLocked` where another run makes the same
        artifact, `StoreFull` without space; what was finished before an error is kept for the next attempt.
        """
        found = self.find(step)
        if found is not None:
            _clear_traces(found.folder)
            return found
        for source in step.inputs.values():
            self.make(source)
        folder = next(self._folders(step), self._folder(step, name or step.default_name))
        with _explained(folder), Lock(folder, on_takeover=partial(self._say, folder)):
            if self.find(step) is None:  # another run may have finished it while the lock was awaited
                self._make(step, folder)
        _clear_traces(folder)
        return self.open(step)

    def maker(self) -> Callable[[Step[Artifact]], str]:
        """A picklable function that makes one step in this store, where it is called: `Work.make` maps it."""
        return partial(_make_alone, self.root, self.events)

    def remember(self, recipe: str, refs: Sequence[Ref]) -> None:
        """Notes what a recipe's run makes: what garbage collection keeps."""
        note = Remembered(recipe=recipe, artifacts=list(refs))
        write_json(self.root / "recipes" / f"{recipe}.json", note.model_dump(mode="json"))

    def remembered(self) -> list[Remembered]:
        """What each recipe's last run makes, the latest last."""
        paths = sorted((self.root / "recipes").glob("*.json"), key=lambda path: path.stat().st_mtime)
        return [Remembered.model_validate(read_json(path)) for path in paths]

    def manifests(self) -> Iterator[tuple[Path, Manifest]]:
        """All whole artifacts: folder and manifest, by kind and name."""
        for path in sorted(self.root.glob(f"*/*@*/{MANIFEST}")):
            manifest = read_manifest(path.parent)
            if manifest is not None:
                yield path.parent, manifest

    def _make(self, step: Step[Artifact], folder: Path) -> None:
        events = self.events.about(f"{folder.parent.name}/{folder.name}")
        _keep_or_clear(folder, key=_progress_key(step))
        events.emit("start", step=step.step)
        work = Work(self, folder=folder, runner=self.runner, events=events)
        with Meter() as meter:
            counts = step.make(work)
        manifest = _manifest(step, work, counts=counts, meter=meter, runner=self.runner.name)
        write_json(folder / MANIFEST, manifest.model_dump(mode="json"))
        events.emit("done", seconds=manifest.seconds, counts=counts)

    def _say(self, folder: Path, message: str) -> None:
        self.events.about(f"{folder.parent.name}/{folder.name}").emit("warning", message=message)

    def _folder(self, step: Step[Artifact], name: str) -> Path:
        return self.root / step.makes.kind / f"{name}@{step.fingerprint[:12]}"

    def _folders(self, step: Step[Artifact]) -> Iterator[Path]:
        return (self.root / step.makes.kind).glob(f"*@{step.fingerprint[:12]}")


def _make_alone(root: Path, events: Events, step: Step[Artifact]) -> str:
    return str(Store(root, runner=Inline(), events=events).make(step).ref)


def _manifest(step: Step[Artifact], work: Work, *, counts: Counts, meter: Meter, runner: str) -> Manifest:
    records = read_records(work.folder)
    inputs = {name: work.open(source).ref for name, source in step.inputs.items()}
    return Manifest(
        kind=step.makes.kind,
        name=work.folder.name.rpartition("@")[0],
        fingerprint=step.fingerprint,
        step=step.step,
        step_version=step.version,
        identity=step.identity,
        inputs=inputs,
        runtime=step.runtime,
        made=work.made,
        counts=counts,
        files=_file_records(work.folder),
        versions=library_versions(),
        host=this_host(runner),
        started=meter.started,
        seconds=round(meter.seconds, 3),
        cpu_seconds=round(meter.cpu_seconds + sum(record.cpu_seconds for record in records), 3),
        peak_memory_bytes=meter.peak_memory_bytes,
        peak_process_bytes=meter.peak_process_bytes,
    )


def _file_records(folder: Path) -> dict[str, FileRecord]:
    remove_temporary(folder)
    names = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {
        str(name): FileRecord(bytes=(folder / name).stat().st_size, xxh3=file_digest(folder / name))
        for name in names
        if not name.parts[0].startswith(".")
    }


def _progress_key(step: Step[Artifact]) -> str:
    """What finished items may be kept for: another shard size or library could make other bytes."""
    value: JsonValue = {
        "fingerprint": step.fingerprint,
        "runtime": step.runtime,
        "versions": cast("JsonValue", library_versions()),
    }
    return canonical_json(value)


def _keep_or_clear(folder: Path, *, key: str) -> None:
    path = folder / PROGRESS / "key.json"
    if path.exists() and read_json(path) == key:
        return
    for entry in folder.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        elif not entry.name.startswith(".lock"):
            entry.unlink()
    write_json(path, key)


def _clear_traces(folder: Path) -> None:
    for name in (PROGRESS, SCRATCH):
        shutil.rmtree(folder / name, ignore_errors=True)


@contextmanager
def _explained(folder: Path) -> Generator[None]:
    """Turns "no space left" and "not permitted" into messages for people."""
    try:
        yield
    except Exception as error:
        if _is_full(error):
            raise StoreFull(
                where=str(folder),
                what="no space is left on the device",
                do="free some (smelt gc shows what can go), then run the same command: finished parts are kept",
            ) from error
        if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EROFS):
            raise InputError(
                where=str(folder), what=f"cannot be written: {error.strerror}", do="name another --store"
            ) from error
        raise


def _is_full(error: Exception) -> bool:
    """Libraries wrap the system's error in their own (Polars: ComputeError): its words are what they share."""
    code = error.errno if isinstance(error, OSError) else None
    return code in (errno.ENOSPC, errno.EDQUOT) or os.strerror(errno.ENOSPC) in str(error)

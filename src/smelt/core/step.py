"""A step: what is to be made, said as a frozen, validated record.

Its plain fields are configuration and its `Step`-typed fields are inputs, so a step and all that it stands on
is one value, with one fingerprint. Fields marked `RUNTIME` say how fast, not what, and are left out of it.

    class Dedup(Step[Corpus]):
        step = "dedup"                              # its name in recipes
        makes = Corpus
        corpus: Step[Corpus]                        # an input; several: tuple[Step[Corpus], ...]
        jaccard: float = 0.8                        # configuration
        shard_bytes: Annotated[Bytes, RUNTIME] = 2**26
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Generic, TypeVar, cast, get_args

from pydantic import BaseModel, ConfigDict, JsonValue
from pydantic.fields import FieldInfo

from smelt.core.artifact import Artifact, Counts
from smelt.core.shards import canonical_json
from smelt.core.work import Work

A = TypeVar("A", bound=Artifact, covariant=True)


@dataclass(frozen=True, slots=True)
class Runtime:
    """Marks a field that changes how a step runs and never what it makes."""


RUNTIME = Runtime()


@dataclass(frozen=True, slots=True)
class Estimate:
    """What making an artifact will roughly cost and hold, before it is made."""

    core_seconds: float = 0.0
    process_bytes: float = 0.0
    """Memory of one process at its peak; 0 where it is not known."""
    counts: Counts = field(default_factory=dict[str, JsonValue])
    """What the manifest's counts will roughly be: the next step's estimate starts from them."""
    note: str = ""
    """A few words for `explain`, such as "20 runs"."""


class Step(BaseModel, Generic[A]):
    """Base of all steps; see the module's docstring."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    step: ClassVar[str]
    """The step's name in recipes."""
    version: ClassVar[int] = 1
    """Part of the fingerprint: bumped when the code makes something else of the same fields and inputs."""
    makes: ClassVar[type[Artifact]]
    """The type of artifact it makes."""

    def make(self, work: Work) -> Counts:
        """Writes the artifact's files into `work.folder`; gives the counts for its manifest."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it is made")

    def estimate(self, sizes: Sizes) -> Estimate:
        """The cost of `make`, from the counts of the inputs (made already, or themselves estimated)."""
        return Estimate()

    def extra_identity(self) -> dict[str, JsonValue]:
        """What else, beside its fields, decides what is made: for a reader, the files it will read."""
        return {}

    @property
    def default_name(self) -> str:
        """What its artifact is called where nobody names it; no part of the identity."""
        return self.step

    @property
    def inputs(self) -> dict[str, Step[Artifact]]:
        """The steps that this one stands on, by field; of a field that holds several: `corpora.0`, `corpora.1`."""
        found: dict[str, Step[Artifact]] = {}
        for name, value in self._fields():
            if isinstance(value, Step):
                found[name] = value
            elif isinstance(value, tuple):
                several = enumerate(cast("tuple[object, ...]", value))
                found |= {f"{name}.{n}": step for n, step in several if isinstance(step, Step)}
        return found

    @cached_property
    def identity(self) -> dict[str, JsonValue]:
        """Everything that decides what is made, inputs aside, readable."""
        excluded = {*(name.partition(".")[0] for name in self.inputs), *self.runtime}
        return {**self.model_dump(mode="json", exclude=excluded), **self.extra_identity()}

    @property
    def runtime(self) -> dict[str, JsonValue]:
        """The fields that never change what is made, with their values."""
        names = {name for name, info in type(self).model_fields.items() if RUNTIME in info.metadata}
        return self.model_dump(mode="json", include=names)

    @cached_property
    def fingerprint(self) -> str:
        """64 hex digits over kind, step, version, identity and the inputs' fingerprints."""
        value: dict[str, JsonValue] = {
            "kind": self.makes.kind,
            "step": self.step,
            "version": self.version,
            "identity": self.identity,
            "inputs": {name: step.fingerprint for name, step in self.inputs.items()},
        }
        return hashlib.sha256(canonical_json(value).encode()).hexdigest()

    def upstream(self) -> Iterator[Step[Artifact]]:
        """This step and all that it stands on, inputs first, each once."""
        seen: set[str] = set()
        yield from _visit(self, seen)

    def _fields(self) -> Iterator[tuple[str, Any]]:
        return ((name, getattr(self, name)) for name in type(self).model_fields)


class Sizes:
    """The counts of the artifacts a step stands on, measured where they are made and estimated elsewhere."""

    def __init__(self, counts: Mapping[str, Counts], *, is_made: Callable[[Step[Artifact]], bool]) -> None:
        self._counts = counts
        self.is_made = is_made
        """Whether the artifact of a step is there: a ladder counts the runs that are left to train."""

    def __getitem__(self, step: Step[Artifact]) -> Counts:
        return self._counts[step.fingerprint]

    def number(self, step: Step[Artifact], name: str) -> float:
        """One count as a number; 0 where neither made nor estimated."""
        value = self._counts[step.fingerprint].get(name, 0)
        return float(value) if isinstance(value, int | float) else 0.0


def input_fields(step: type[Step[Artifact]]) -> dict[str, type[Artifact]]:
    """The fields of a step class that name inputs, with the artifact type each expects."""
    found = ((name, _expected(info)) for name, info in step.model_fields.items())
    return {name: expected for name, expected in found if expected is not None}


def _expected(info: FieldInfo) -> type[Artifact] | None:
    """Of `Step[Corpus]`, `Step[Corpus] | None` and `tuple[Step[Corpus], ...]`: Corpus."""
    for annotation in (info.annotation, *get_args(info.annotation)):
        if isinstance(annotation, type) and issubclass(annotation, Step):
            generic = cast("dict[str, Any]", annotation.__pydantic_generic_metadata__)
            return cast("type[Artifact]", generic["args"][0] if generic["args"] else annotation.makes)
    return None


def _visit(step: Step[Artifact], seen: set[str]) -> Iterator[Step[Artifact]]:
    if step.fingerprint in seen:
        return
    seen.add(step.fingerprint)
    for source in step.inputs.values():
        yield from _visit(source, seen)
    yield step

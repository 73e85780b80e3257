"""An artifact: a folder with a manifest.

The folder is whole if and only if `manifest.json` is there: it is written last. The manifest says what was made
(identity, inputs), by what (versions, host), at what cost (seconds, CPU-seconds, memory) and how much of it there
is (counts, files with their digests).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from smelt.core.shards import read_json
from smelt.errors import StoreTooNew

Counts = dict[str, JsonValue]
"""The numbers by which an artifact is described: `{"documents": 12, "bytes": 3400}`."""

MANIFEST = "manifest.json"
STORE_FORMAT = 1
"""The layout of folders and manifests; an older smelt refuses a newer one."""


class Ref(BaseModel):
    """Names an artifact: `corpus/clean@0123456789ab`."""

    model_config = ConfigDict(frozen=True)

    kind: str
    name: str
    fingerprint: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}@{self.fingerprint[:12]}"


class FileRecord(BaseModel):
    """A file of an artifact: its size, and the 128-bit xxh3 of its bytes."""

    model_config = ConfigDict(frozen=True)

    bytes: int
    xxh3: str


class Host(BaseModel):
    """Where an artifact was made."""

    model_config = ConfigDict(frozen=True)

    name: str
    platform: str
    cores: int
    memory_bytes: int
    runner: str


class Manifest(BaseModel):
    """What `manifest.json` says."""

    model_config = ConfigDict(frozen=True)

    store_format: int = STORE_FORMAT
    kind: str
    name: str
    fingerprint: str
    step: str
    step_version: int
    identity: dict[str, JsonValue]
    """The step's configuration: with the inputs, what the fingerprint is taken of."""
    inputs: dict[str, Ref]
    runtime: dict[str, JsonValue]
    made: list[Ref] = Field(default_factory=list[Ref])
    """Artifacts of their own that were made on the way: a ladder's runs."""
    counts: Counts
    files: dict[str, FileRecord]
    versions: dict[str, str]
    """smelt, Python and the libraries."""
    host: Host
    started: str
    """UTC, ISO 8601."""
    seconds: float
    """Wall time of the attempt that finished it."""
    cpu_seconds: float
    """CPU time of all that was kept, earlier attempts' finished items included."""
    peak_memory_bytes: int
    """The highest resident memory seen, summed over the processes of the run."""
    peak_process_bytes: int | None = None
    """The same of the largest single process: what one core's share of a machine must hold. None in manifests that are
    older than this field."""

    @property
    def ref(self) -> Ref:
        """The artifact's name."""
        return Ref(kind=self.kind, name=self.name, fingerprint=self.fingerprint)


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a whole artifact; None where there is none; `StoreTooNew` for a later format."""
    path = folder / MANIFEST
    if not path.exists():
        return None
    value = read_json(path)
    found = value.get("store_format") if isinstance(value, Mapping) else None
    if isinstance(found, int) and found > STORE_FORMAT:
        raise StoreTooNew(
            where=str(path),
            what=f"the store has format {found}, and this smelt knows formats up to {STORE_FORMAT}",
            do="update smelt, or name another store with --store; nothing was changed",
        )
    return Manifest.model_validate(value)


@dataclass(frozen=True, slots=True)
class Trace:
    """What became of a document in one place of its journey."""

    where: str
    """The op or step."""
    fate: Literal["kept", "dropped"]
    detail: str = ""
    """What was measured, or why it was dropped: `dup_line_frac 0.41 > 0.30`."""


class Artifact:
    """Base of all artifacts: a whole folder of the store, opened for reading."""

    kind: ClassVar[str]
    """The artifact's type, and the folder of the store it lives in."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder = folder
        self.manifest = manifest

    @property
    def ref(self) -> Ref:
        """The artifact's name: `corpus/clean@0123456789ab`."""
        return self.manifest.ref

    def trace(self, document: str) -> list[Trace]:
        """What became of a document here; empty where it never arrived."""
        return []

    def find_document(self, reference: str) -> str | None:
        """The id of the document that `reference`, a place in this artifact, comes from."""
        return None

    def __repr__(self) -> str:
        return f"<{self.ref}>"

"""Files that are whole or absent.

Everything the store holds is written to a temporary name beside its place, flushed to the disk and renamed: a
process killed at any moment leaves either the whole file or none, and temporary names that `remove_temporary`
clears away.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import xxhash
from pydantic import JsonValue

TEMPORARY = ".tmp-"


@contextmanager
def write_whole(path: Path) -> Generator[Path]:
    """Gives a temporary path to write to; renamed to `path` when the block ends, removed when it raises.

    The temporary name keeps the suffix of `path`, since some libraries choose a format by it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{TEMPORARY}{uuid.uuid4().hex[:12]}-{path.name}")
    try:
        yield temporary
        _flush(temporary)
        os.replace(temporary, path)
        _flush(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def link_whole(source: Path, target: Path) -> None:
    """The same bytes under another name; copied where the two lie on different disks."""
    with write_whole(target) as temporary:
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)


def shard_size(shard: Path) -> float:
    """Bytes of a shard's file: what a task on it costs, roughly."""
    return shard.stat().st_size


def write_json(path: Path, value: JsonValue) -> None:
    """Writes `value` whole, with sorted keys: the same value gives the same bytes."""
    with write_whole(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> JsonValue:
    """The value in a JSON file."""
    return cast("JsonValue", json.loads(path.read_text()))


def canonical_json(value: JsonValue) -> str:
    """The one spelling of a JSON value that fingerprints are taken of."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def file_digest(path: Path) -> str:
    """The 128-bit xxh3 of a file's bytes, in hex."""
    digest = xxhash.xxh3_128()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def remove_temporary(folder: Path) -> None:
    """Removes what an interrupted `write_whole` left under `folder`."""
    for path in folder.rglob(f"{TEMPORARY}*"):
        path.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

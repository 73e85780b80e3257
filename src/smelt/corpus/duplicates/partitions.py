"""Keys of a whole corpus, grouped by value without ever being held together.

Each shard writes its keys in order; a partition is a range of keys, and reads its part of every shard's. What is found
in a group of equal keys does not depend on how many shards or partitions there are, since a group is never cut.

A document is called by its place: how many come before it, those of older corpora first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from smelt.core.shards import write_whole
from smelt.corpus.corpus import scan_shards

PARTITION_KEYS = 1_000_000
"""Keys in a partition, about: with what sorting them takes, some 50 MB; with the shingles of the documents they belong
to, some 300."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How corpora are cut, and where the intermediate files of each shard lie."""

    shards: tuple[Path, ...]
    """Those of older corpora first."""
    starts: tuple[int, ...]
    """The place of each shard's first document, and behind them the number of all documents."""
    n_old: int
    """How many shards are of older corpora."""
    scratch: Path

    @property
    def old(self) -> range:
        """The numbers of the shards that are only compared with."""
        return range(self.n_old)

    @property
    def new(self) -> range:
        """The numbers of the shards whose documents are decided on."""
        return range(self.n_old, len(self.shards))

    @property
    def first_new(self) -> int:
        """The place of the first document that is decided on."""
        return self.starts[self.n_old]

    def size(self, number: int) -> int:
        """Documents in a shard."""
        return self.starts[number + 1] - self.starts[number]

    def bytes(self, number: int) -> float:
        """What a shard costs, about."""
        return self.shards[number].stat().st_size

    def file(self, number: int, what: str) -> Path:
        """An intermediate file of a shard: "band-keys.npy" and so on."""
        return self.scratch / f"{number:05d}.{what}"

    def part(self, partition: int, what: str) -> Path:
        """An intermediate file of a partition."""
        return self.scratch / f"part-{partition:05d}.{what}"

    def save(self, number: int, **arrays: NDArray[Any]) -> None:
        """Writes arrays of a shard, each to a file of its own."""
        for name, array in arrays.items():
            save(self.file(number, f"{name}.npy"), array)

    def load(self, number: int, name: str) -> NDArray[Any]:
        """An array of a shard, as a memory map."""
        return load(self.file(number, f"{name}.npy"))

    def gather(self, name: str, places: NDArray[np.int64]) -> NDArray[Any]:
        """The rows of a shard-wise array at places anywhere in the corpora; `places` in ascending order."""
        return np.concatenate(
            [self.load(number, name)[places[inside] - self.starts[number]] for number, inside in self.spread(places)]
        )

    def spread(self, places: NDArray[np.int64]) -> list[tuple[int, slice]]:
        """Which of the ascending places lie in which shard; the first shard stands for none."""
        bounds = np.searchsorted(places, self.starts)
        cut = [(n, slice(low, high)) for n, (low, high) in enumerate(pairwise(bounds))]
        return [(n, inside) for n, inside in cut if inside.stop > inside.start] or cut[:1]

    def of_shard(self, number: int, table: NDArray[Any]) -> NDArray[Any]:
        """The rows of a table in order of its field `place` that are of a shard's documents."""
        places = np.ascontiguousarray(table["place"])
        low, high = np.searchsorted(places, [self.starts[number], self.starts[number + 1]])
        return table[low:high]


def lay_out(old: Sequence[Path], new: Sequence[Path], scratch: Path) -> Layout:
    """The layout for the shards of older corpora and of the one to be decided on."""
    shards = (*old, *new)
    sizes = [scan_shards([shard]).select(pl.len()).collect().item() for shard in shards]
    return Layout(shards, tuple(accumulate(sizes, initial=0)), len(old), scratch)


def count_partitions(n_keys: int) -> int:
    """How many partitions so many keys are cut into."""
    return 1 + n_keys // PARTITION_KEYS


def partitions_of(n_keys: Sequence[int]) -> list[tuple[int, int]]:
    """The partitions that the keys of all shards are cut into: the number of each, of how many."""
    n_partitions = count_partitions(sum(n_keys))
    return [(partition, n_partitions) for partition in range(n_partitions)]


def save_keys(layout: Layout, number: int, name: str, keys: NDArray[np.uint64], **columns: NDArray[Any]) -> int:
    """Writes a shard's keys in order, with what belongs to each (`row`: of the document); gives how many there are."""
    order = np.argsort(keys, kind="stable")
    layout.save(number, **{f"{name}-keys": keys[order]})
    layout.save(number, **{f"{name}-{column}": values[order] for column, values in columns.items()})
    return len(keys)


def read_keys(
    layout: Layout, name: str, part: tuple[int, int], columns: Sequence[str] = ()
) -> tuple[NDArray[np.uint64], NDArray[np.int64], list[NDArray[Any]]]:
    """The keys of a partition (its number, of how many), the places of their documents, and the columns asked for."""
    low, high = (2**64 * edge // part[1] for edge in (part[0], part[0] + 1))
    found: list[list[NDArray[Any]]] = []
    for number, start in enumerate(layout.starts[:-1]):
        keys = layout.load(number, f"{name}-keys")
        inside = slice(np.searchsorted(keys, np.uint64(low)), np.searchsorted(keys, np.uint64(high - 1), side="right"))
        places = layout.load(number, f"{name}-row")[inside].astype(np.int64) + start
        found.append([keys[inside], places, *(layout.load(number, f"{name}-{column}")[inside] for column in columns)])
    keys, places, *others = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return keys, places, others


def met_rows(layout: Layout, number: int, n_partitions: int) -> NDArray[np.int64]:
    """The rows of a shard's documents whose texts are to be compared: those that partitions wrote as `met.npy`."""
    bounds = [layout.starts[number], layout.starts[number + 1]]
    parts = [load(layout.part(partition, "met.npy")) for partition in range(n_partitions)]
    found = np.concatenate([part[slice(*np.searchsorted(part, bounds))] for part in parts])
    return np.unique(found) - layout.starts[number]


def save(path: Path, array: NDArray[Any]) -> None:
    """Writes an array whole."""
    with write_whole(path) as temporary, temporary.open("wb") as file:
        np.save(file, array, allow_pickle=False)


def load(path: Path) -> NDArray[Any]:
    """An array, as a memory map."""
    return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))

"""Which documents are trained on and which are held out: a column that dedup fills, or a field of `meta` read back.

A corpus is split or it is not. One that is split in part comes of files put together, and nobody knows what its other
documents are near-duplicates of: they may be what models are judged by. It is refused by a look at that one column,
before anything is made of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import polars as pl
from pydantic import JsonValue

from smelt.core.shards import shard_size
from smelt.core.work import Work
from smelt.corpus.corpus import scan_shards
from smelt.corpus.document import field_of
from smelt.errors import InputError

SPLITS = ("train", "held_out")
WITHOUT = "without a split"
DEDUP = 'run dedup over all of them together, which splits anew: step = "dedup"'


def count_splits(work: Work, shards: Sequence[Path]) -> list[Mapping[str, int]]:
    """Documents of each shard by split; those that have none under `WITHOUT`."""
    return cast("list[Mapping[str, int]]", work.map(splits_of_shard, shards, label="splits", cost=shard_size))


def splits_of_shard(shard: Path) -> JsonValue:
    """Documents by split."""
    frame = scan_shards([shard])
    split = field_of("split", pl.DataFrame(schema=frame.collect_schema()))
    rows = frame.select(split=split.fill_null(WITHOUT)).group_by("split").len().sort("split").collect().rows()
    return dict(cast("list[tuple[str, Any]]", rows))


def check_splits(shards: Sequence[Path], counts: Sequence[Mapping[str, int]]) -> Mapping[str, int]:
    """Documents of a corpus by split; `InputError` where some have none, or one that is none of ours."""
    every = sum((Counter(count) for count in counts), Counter[str]())
    for shard, count in zip(shards, counts, strict=True):
        unknown = sorted(set(count) - {*SPLITS, WITHOUT})
        if unknown:
            what = f"holds documents of the split {unknown[0]!r}: {_in_words(count)}"
            raise InputError(where=_name(shard), what=what, expected=" or ".join(SPLITS), do=DEDUP)
        if WITHOUT in count and len(every) > 1:
            of_all = f"; of all documents {_in_words(every)}" if len(shards) > 1 else ""
            what = f"is split in part: {_in_words(count)}{of_all}"
            raise InputError(where=_name(shard), what=what, expected="a split for each document", do=DEDUP)
    return every


def check_is_split(work: Work, shards: Sequence[Path], *, where: str) -> None:
    """Raises `InputError` where a corpus is not split, or in part."""
    if WITHOUT in check_splits(shards, count_splits(work, shards)):
        raise not_split(where)


def not_split(where: str) -> InputError:
    """What is said where held-out documents cannot be told."""
    return InputError(
        where=where,
        what="the documents are not split: it would change those that models are judged by",
        expected="a corpus made by dedup",
        do='add a step = "dedup" before it',
    )


def _name(shard: Path) -> str:
    return "/".join(shard.parts[-3:])


def _in_words(count: Mapping[str, int]) -> str:
    return ", ".join(f"{count[name]:,} {name}" for name in sorted(count, key=lambda name: (name == WITHOUT, name)))

"""Curation of one shard: ops applied batch by batch, and the ledger of what they did."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import polars as pl
from pydantic import JsonValue

from smelt.core.work import Amounts
from smelt.corpus.corpus import read_shard, write_shard
from smelt.corpus.document import DROP, Op
from smelt.corpus.ledger import Entry, add_up, entry_of

BATCH = 1_024
"""Documents an op is given at a time: some MB, so that what it makes on the way stays small beside a shard."""


def apply_ops(batch: pl.DataFrame, ops: Sequence[Op]) -> tuple[pl.DataFrame, list[Entry]]:
    """The batch after all ops, and what each of them did."""
    ledger: list[Entry] = []
    for op in ops:
        after = op.apply(batch)
        ledger.append(entry_of(op.label, batch, after))
        batch = after
    return batch, ledger


def curate_shard(shard: Path, *, ops: Sequence[Op], folder: Path) -> JsonValue:
    """Writes the shard of the same name in `folder`, and gives its ledger."""
    documents = read_shard(shard).with_columns(drop=pl.lit(None, DROP))
    # An empty shard is a batch too: its columns must be those of the others.
    batches = list(documents.iter_slices(BATCH)) or [documents]
    done = [apply_ops(batch, ops) for batch in batches]
    write_shard(folder, shard.stem, pl.concat([batch for batch, _ in done]))
    return [entry.model_dump(mode="json") for entry in add_up(ledger for _, ledger in done)]


def parse_ledgers(results: Sequence[JsonValue]) -> list[Entry]:
    """The ledger of a step from what its tasks returned."""
    parsed = ([Entry.model_validate(entry) for entry in cast("list[Any]", ledger)] for ledger in results)
    return add_up(parsed)


def amounts_in(ledger: JsonValue) -> Amounts:
    """The documents and bytes that came to a task, from the ledger it returned."""
    first = Entry.model_validate(cast("list[Any]", ledger)[0])
    return Amounts(first.documents_in, first.bytes_in)

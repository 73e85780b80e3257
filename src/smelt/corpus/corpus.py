"""The corpus: documents worth going on with, those that are not, and the ledger of what became of all.

kept/00000.parquet ...      the documents, in order; the columns of document.py and those that ops added
dropped/00000.parquet ...   the same columns and `drop`, numbered alike
ledger.json                 a list of entries, one an op: see ledger.py
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from smelt.core.artifact import Artifact, Trace
from smelt.core.shards import read_json, write_json, write_whole
from smelt.corpus.document import Drop, is_kept
from smelt.corpus.ledger import Entry

KEPT, DROPPED, LEDGER = "kept", "dropped", "ledger.json"
ROW_GROUP = 1_024
"""Documents in a block of a shard: what a reader unpacks at a time (taste: some MB)."""


class Corpus(Artifact):
    """Documents with their history. Everything is read lazily: a corpus may be larger than memory."""

    kind: ClassVar[str] = "corpus"

    @property
    def shards(self) -> list[Path]:
        """The files of the kept documents, in order."""
        return sorted((self.folder / KEPT).glob("*.parquet"))

    def kept(self, columns: Sequence[str] | None = None) -> pl.LazyFrame:
        """The documents, in order."""
        frame = scan_shards(self.shards)
        return frame if columns is None else frame.select(columns)

    def dropped(self, reason: str | None = None) -> pl.LazyFrame:
        """The dropped documents, in order; those of one reason if it is given."""
        frame = scan_shards(sorted((self.folder / DROPPED).glob("*.parquet")))
        return frame if reason is None else frame.filter(pl.col("drop").struct.field("reason") == reason)

    def sample(self, n: int, *, seed: int, dropped_for: str | None = None) -> pl.DataFrame:
        """`n` documents at random, in order: kept ones, or those dropped for a reason; all where there are fewer."""
        frame = self.kept() if dropped_for is None else self.dropped(dropped_for)
        length = int(frame.select(pl.len()).collect(engine="streaming").item())
        chosen = random.Random(seed).sample(range(length), min(n, length))
        # By place and not by id: a mixture repeats documents.
        is_chosen = pl.col("index").is_in(pl.Series(chosen, dtype=pl.UInt32).implode())
        return frame.with_row_index().filter(is_chosen).drop("index").collect(engine="streaming")

    def ledger(self) -> list[dict[str, Any]]:
        """What each op let through and dropped, in order: the fields of `Entry`."""
        return cast("list[dict[str, Any]]", read_json(self.folder / LEDGER))

    def document(self, document_id: str) -> dict[str, Any] | None:
        """The document of that id, with `drop` if it was dropped; None where it never arrived."""
        for frame in (self.kept(), self.dropped()):
            found = frame.filter(pl.col("id") == document_id).head(1).collect(engine="streaming")
            if len(found):
                return found.row(0, named=True)
        return None

    def trace(self, document: str) -> list[Trace]:
        """What each op decided on a document; none behind the one that dropped it."""
        row = self.document(document)
        if row is None:
            return []
        drop = Drop(**row["drop"]) if row.get("drop") else None
        traces: list[Trace] = []
        for entry in self.ledger():
            if drop is not None and drop.reason in entry["dropped"]:
                return [*traces, Trace(entry["op"], "dropped", drop.why)]
            traces.append(Trace(entry["op"], "kept", _seen(entry["op"], row)))
        return traces


def scan_shards(paths: Sequence[Path]) -> pl.LazyFrame:
    """The rows of shards, in order."""
    return pl.scan_parquet(list(paths), glob=False, hive_partitioning=False)


def read_shard(path: Path, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """The rows of a shard."""
    frame = scan_shards([path])
    return (frame if columns is None else frame.select(columns)).collect()


def read_rows(path: Path, rows: NDArray[np.int64], columns: Sequence[str]) -> pl.DataFrame:
    """Some rows of a shard, in ascending order; blocks that have none of them are not unpacked."""
    with pq.ParquetFile(path) as file:
        sizes = [file.metadata.row_group(block).num_rows for block in range(file.num_row_groups)]
        bounds = np.cumsum([0, *sizes])
        cuts = np.searchsorted(rows, bounds)
        blocks = [block for block in range(len(sizes)) if cuts[block + 1] > cuts[block]]
        inside = [rows[cuts[block] : cuts[block + 1]] - bounds[block] for block in blocks]
        found = [file.read_row_group(block, list(columns)).take(own) for block, own in zip(blocks, inside, strict=True)]
        table = pa.concat_tables([file.schema_arrow.empty_table().select(list(columns)), *found])
    return cast("pl.DataFrame", pl.from_arrow(table))


def write_shard(folder: Path, name: str, batch: pl.DataFrame) -> None:
    """Writes a batch into `kept` and `dropped` of a corpus folder."""
    for place, rows in (
        (KEPT, batch.filter(is_kept()).drop("drop")),
        (DROPPED, batch.filter(~is_kept())),
    ):
        with write_whole(folder / place / f"{name}.parquet") as path:
            rows.write_parquet(path, row_group_size=ROW_GROUP)


def write_ledger(folder: Path, ledger: Iterable[Entry]) -> None:
    """Writes a corpus's ledger."""
    write_json(folder / LEDGER, [entry.model_dump(mode="json") for entry in ledger])


def _seen(op: str, row: dict[str, Any]) -> str:
    """What an op left in the columns of a document."""
    if op == "language" and row.get("language_score") is not None:
        return f"{row['language']} {row['language_score']:.2f}"
    if op == "mix" and row.get("copies", 1) > 1:
        return f"{row['copies']} times"
    augmentation = row.get("augmentation")
    if op == "augment" and augmentation is not None:
        return f"{augmentation['name']} of {augmentation['parent']}, seed {augmentation['seed']}"
    return ""

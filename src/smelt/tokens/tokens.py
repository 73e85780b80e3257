"""Token streams on disk, and the artifact that holds them.

A split (`train`, `held_out`) is one stream of token ids: its documents in the corpus's order, each closed by the
end token. It lies in flat shards, little-endian uint16 (uint32 for vocabularies past 65,536), which are mapped into
memory and never copied whole. How the stream is cut into shards is invisible to its readers.

    train/00000.bin ...   held_out/00000.bin ...   documents.parquet: where each document lies
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Literal, cast, get_args

import numpy as np
import numpy.typing as npt
import polars as pl

from smelt.core.artifact import Artifact, Trace
from smelt.errors import InputError

Split = Literal["train", "held_out"]
SPLITS: tuple[Split, ...] = get_args(Split)
DOCUMENTS = "documents.parquet"

Int64s = npt.NDArray[np.int64]
Ids = npt.NDArray[np.uint16] | npt.NDArray[np.uint32]


def smallest_dtype(vocab: int) -> str:
    """How ids are stored: `<u2` where all fit, else `<u4`."""
    return "<u2" if vocab <= 2**16 else "<u4"


class Stream:
    """One split as a sequence of token ids over its shards."""

    def __init__(self, shards: Sequence[Ids]) -> None:
        self._shards = [shard for shard in shards if len(shard)]
        self._ends = np.cumsum([len(shard) for shard in self._shards], dtype=np.int64)

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def windows(self, starts: Int64s, length: int) -> Int64s:
        """The `length` ids from each of `starts` on, `(n, length)`; `IndexError` for a window outside."""
        if len(starts) and not 0 <= int(starts.min()) <= int(starts.max()) <= len(self) - length:
            raise IndexError(f"a window of {length} reaches outside a stream of {len(self)} tokens")
        positions = starts[:, None] + np.arange(length)
        owners = np.searchsorted(self._ends, positions, side="right")
        ids = np.empty(positions.shape, dtype=np.int64)
        for owner in np.unique(owners):
            here, shard = owners == owner, self._shards[owner]
            ids[here] = shard[positions[here] - (self._ends[owner] - len(shard))]
        return ids


def read_stream(folder: Path, dtype: str) -> Stream:
    """The stream whose shards lie in `folder`, in the order of their names."""
    paths = [path for path in sorted(folder.glob("*.bin")) if path.stat().st_size]
    return Stream([cast("Ids", np.memmap(path, dtype=np.dtype(dtype), mode="r")) for path in paths])


class Tokens(Artifact):
    """A corpus as token ids: two streams, and where each document lies in them."""

    kind: ClassVar[str] = "tokens"

    def stream(self, split: Split) -> Stream:
        """The token ids of a split."""
        return read_stream(self.folder / split, str(self.manifest.counts["dtype"]))

    @cached_property
    def documents(self) -> pl.DataFrame:
        """One row a document in stream order: split, id, start, n_tokens (end token included), n_bytes, language,
        domain."""
        return pl.read_parquet(self.folder / DOCUMENTS)

    @property
    def vocab(self) -> int:
        """The number of token ids."""
        return cast("int", self.manifest.counts["vocab"])

    @cached_property
    def end(self) -> int:
        """The id that closes a document: the last of the stream."""
        stream = self.stream("train")
        return int(stream.windows(np.array([len(stream) - 1]), 1)[0, 0])

    def bytes_per_token(self, split: Split) -> float:
        """UTF-8 bytes of text for each token of a split: turns nats per token into bits per byte."""
        counts = self.manifest.counts
        return cast("int", counts[f"{split}_bytes"]) / cast("int", counts[f"{split}_tokens"])

    def document_at(self, split: Split, position: int) -> str:
        """The id of the document that the token at `position` of a split belongs to; `IndexError` outside."""
        rows = self.documents.filter(pl.col("split") == split)
        row = int(np.searchsorted(rows["start"].to_numpy(), position, side="right")) - 1
        if row < 0 or position >= rows["start"][row] + rows["n_tokens"][row]:
            raise IndexError(f"{split} has no token {position}")
        return rows["id"][row]

    def find_document(self, reference: str) -> str | None:
        """The document at a place in a stream, written `train:12345`; None for anything else."""
        split, _, position = reference.partition(":")
        if split not in SPLITS or not position.isdigit():
            return None
        try:
            return self.document_at(split, int(position))
        except IndexError as error:
            where = f"{self.ref} {reference}"
            raise InputError(where=where, what=str(error), expected="a smaller number") from error

    def trace(self, document: str) -> list[Trace]:
        """Where a document's tokens lie."""
        rows = self.documents.filter(pl.col("id") == document).iter_rows(named=True)
        return [Trace(where="tokenize", fate="kept", detail=_extent(row)) for row in rows]


def _extent(row: dict[str, object]) -> str:
    start, n_tokens = cast("int", row["start"]), cast("int", row["n_tokens"])
    return f"{n_tokens} tokens, {row['split']} {start} to {start + n_tokens - 1}"

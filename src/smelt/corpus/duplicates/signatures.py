"""What a deduplicated corpus keeps beside its documents, so that the next can be compared with it and not redo it.

signatures/settings.json     how they were made
signatures/00000.parquet     of the kept documents of the shard of that name: content (the key of exact.py as two
                             64-bit numbers, 0 where there is no word), bands (64 bits each; the near method only)

Some 150 bytes a document. Signatures of other settings are of no use: they are made anew from the texts.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import JsonValue

from smelt.core.shards import read_json, write_json, write_whole
from smelt.corpus.duplicates.banding import Banding
from smelt.corpus.duplicates.exact import content_keys
from smelt.corpus.duplicates.minhash import EMPTY, bands, signatures
from smelt.corpus.duplicates.normalise import normalise

SIGNATURES, SETTINGS = "signatures", "settings.json"
VERSION = 1
"""Bumped when a text gets another signature of the same settings."""


@dataclass(frozen=True, slots=True)
class Signatures:
    """What some documents are compared by."""

    content: NDArray[np.uint64]
    """(n, 2): the key of the normal form; 0 where no word is left."""
    bands: NDArray[np.uint64]
    """(n, bands); without columns where only equal texts are looked for."""
    has_words: NDArray[np.bool_]
    """Documents without words are like none."""

    def table(self) -> pl.DataFrame:
        """As a file holds them."""
        columns = {"content": self.content, "bands": self.bands} if self.bands.shape[1] else {"content": self.content}
        return pl.DataFrame({name: pl.Series(name, array) for name, array in columns.items()})


def sign(texts: pl.Series, banding: Banding | None) -> Signatures:
    """The signatures of texts."""
    normal = normalise(texts)
    content = _content(content_keys(normal))
    if banding is None:
        return Signatures(content, np.empty((len(texts), 0), np.uint64), (content != 0).sum(axis=1) > 0)
    minima = signatures(normal, banding)
    return Signatures(content, bands(minima, banding), (minima != EMPTY).any(axis=1))


def settings(banding: Banding | None) -> dict[str, JsonValue]:
    """What signatures must agree in to be compared."""
    shape: list[JsonValue] | None = [banding.bands, banding.rows] if banding else None
    return {"version": VERSION, "banding": shape}


def write_settings(folder: Path, banding: Banding | None) -> None:
    """Notes how the signatures of a corpus folder were made."""
    write_json(folder / SIGNATURES / SETTINGS, settings(banding))


def write_signatures(folder: Path, name: str, table: pl.DataFrame) -> None:
    """Writes those of a shard's kept documents."""
    with write_whole(folder / SIGNATURES / f"{name}.parquet") as path:
        table.write_parquet(path)


def kept_signatures(shard: Path, banding: Banding | None) -> Signatures | None:
    """The signatures beside a shard of kept documents; None where there are none that can be used."""
    beside = shard.parent.parent / SIGNATURES
    if not (beside / SETTINGS).exists() or not _serve(read_json(beside / SETTINGS), banding):
        return None
    table = pl.read_parquet(beside / f"{shard.stem}.parquet")
    wide: Any = table["bands"].to_numpy() if banding else np.empty((len(table), 0), np.uint64)
    content: Any = table["content"].to_numpy()
    return Signatures(content, wide, (content != 0).sum(axis=1) > 0)


def _serve(found: JsonValue, banding: Banding | None) -> bool:
    """Equal texts need no bands: any signatures of this version have what it takes."""
    wanted = settings(banding)
    return found == wanted if banding else isinstance(found, dict) and found.get("version") == VERSION


def _content(keys: pl.Series) -> NDArray[np.uint64]:
    return np.frombuffer(b"".join(key or bytes(16) for key in keys), np.uint64).reshape(-1, 2)

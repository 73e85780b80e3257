"""What a deduplicated corpus keeps beside its documents, so that the next can be compared with it and not redo it.

signatures/settings.json     how they were made
signatures/00000.parquet     of the kept documents of the shard of that name:
    exact, near              content (the key of exact.py as two 64-bit numbers, 0 where there is no word), length (in
                             characters), bands (64 bits each; near only): some 150 bytes a document
    lines, paragraphs        key, row (of the document), start, end: of each that is long enough
    substring                key, row, at: of each selected gram, one in about `length` / 4 symbols; nearly half as
                             many bytes as the documents take

Signatures of other settings are of no use: they are made anew from the texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

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
VERSION = 2
"""Bumped when a text gets another signature of the same settings."""


@dataclass(frozen=True, slots=True)
class Signatures:
    """What some documents are compared by."""

    content: NDArray[np.uint64]
    """(n, 2): the key of the normal form; 0 where no word is left."""
    bands: NDArray[np.uint64]
    """(n, bands); without columns where only equal texts are looked for."""
    lengths: NDArray[np.uint32]
    """Characters of each text: of alike ones the longest stays."""
    has_words: NDArray[np.bool_]
    """Documents without words are like none."""

    def table(self) -> pl.DataFrame:
        """As a file holds them."""
        columns: dict[str, NDArray[Any]] = {"content": self.content, "length": self.lengths}
        columns |= {"bands": self.bands} if self.bands.shape[1] else {}
        return pl.DataFrame({name: pl.Series(name, array) for name, array in columns.items()})


def sign(texts: pl.Series, banding: Banding | None) -> Signatures:
    """The signatures of texts."""
    normal = normalise(texts)
    content, lengths = _content(content_keys(normal)), texts.str.len_chars().to_numpy()
    if banding is None:
        return Signatures(content, np.empty((len(texts), 0), np.uint64), lengths, (content != 0).sum(axis=1) > 0)
    minima = signatures(normal, banding)
    return Signatures(content, bands(minima, banding), lengths, (minima != EMPTY).any(axis=1))


def settings(banding: Banding | None) -> dict[str, JsonValue]:
    """What signatures of documents must agree in to be compared."""
    return {"banding": [banding.bands, banding.rows] if banding else None}


def write_settings(folder: Path, settings: Mapping[str, JsonValue]) -> None:
    """Notes how the signatures of a corpus folder were made."""
    write_json(folder / SIGNATURES / SETTINGS, {"version": VERSION, **settings})


def write_signatures(folder: Path, name: str, table: pl.DataFrame) -> None:
    """Writes those of a shard's kept documents."""
    with write_whole(folder / SIGNATURES / f"{name}.parquet") as path:
        table.write_parquet(path)


def kept_signatures(shard: Path, banding: Banding | None) -> Signatures | None:
    """The signatures beside a shard of kept documents; None where there are none that can be used."""
    found = _kept_settings(shard)
    # Equal texts need no bands: all signatures of documents have what it takes.
    if found is None or "banding" not in found or (banding and found != settings(banding)):
        return None
    table = _beside(shard)
    wide: Any = table["bands"].to_numpy() if banding else np.empty((len(table), 0), np.uint64)
    content: Any = table["content"].to_numpy()
    return Signatures(content, wide, table["length"].to_numpy(), (content != 0).sum(axis=1) > 0)


def kept_keys(shard: Path, settings: Mapping[str, JsonValue]) -> pl.DataFrame | None:
    """The keys of passages beside a shard of kept documents; None where there are none that can be used."""
    return _beside(shard) if _kept_settings(shard) == settings else None


def _kept_settings(shard: Path) -> dict[str, JsonValue] | None:
    """How the signatures beside a shard were made; None where there are none of this version."""
    path = shard.parent.parent / SIGNATURES / SETTINGS
    found = cast("dict[str, JsonValue]", read_json(path)) if path.exists() else {}
    return found if found.pop("version", None) == VERSION else None


def _beside(shard: Path) -> pl.DataFrame:
    return pl.read_parquet(shard.parent.parent / SIGNATURES / f"{shard.stem}.parquet")


def _content(keys: pl.Series) -> NDArray[np.uint64]:
    return np.frombuffer(b"".join(key or bytes(16) for key in keys), np.uint64).reshape(-1, 2)

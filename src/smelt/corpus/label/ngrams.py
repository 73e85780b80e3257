"""A small model of a language, trained in seconds: how like its texts is another? (CCNet, Wenzek et al. 2020)

ngrams.safetensors   of n-grams hash and count; of contexts hash, bytes that came behind, and different ones among them
ngrams.json          the order, and what it was trained on

It is this room's own `Scorer`; CCNet's is an n-gram model too, of word pieces, one a language. Of bytes it needs no
tokenizer and no language, and spelling mistakes cost it little.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl
import xxhash
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from smelt.core.artifact import Artifact
from smelt.core.shards import read_json, write_json, write_whole
from smelt.corpus.measures.kernels import utf8_buffers
from smelt.errors import InputError

COUNTS, ABOUT = "ngrams.safetensors", "ngrams.json"
Arrays = dict[str, NDArray[Any]]


class About(BaseModel):
    """What a model is."""

    model_config = ConfigDict(frozen=True)

    order: int
    """Bytes of the longest n-gram."""
    documents: int
    bytes: int
    bits_per_byte: float
    """Of every tenth document, which is left aside; of all where there are fewer than ten."""


class Ngrams(Artifact):
    """A trained n-gram model."""

    kind: ClassVar[str] = "ngrams"

    @cached_property
    def about(self) -> About:
        """What it is."""
        return About.model_validate(read_json(self.folder / ABOUT))


class NgramScorer:
    """The `Scorer` of an n-gram model's counts."""

    def __init__(self, order: int, arrays: Arrays, folder: Path) -> None:
        from smelt.corpus.label.grams import table_of

        self._order, self._folder = order, folder
        self._grams, self._counts = table_of(arrays["grams"], arrays["counts"])
        self._contexts, self._totals, self._kinds = table_of(arrays["contexts"], arrays["totals"], arrays["kinds"])

    def bits_per_byte(self, texts: pl.Series) -> NDArray[np.float64]:
        """The bits that each text takes a byte; NaN where it is empty."""
        from smelt.corpus.label.grams import score_texts

        data, offsets = utf8_buffers(texts)
        bits = np.zeros(len(texts))
        grams, contexts = (self._grams, self._counts), (self._contexts, self._totals, self._kinds)
        score_texts(data, offsets, self._order, *grams, *contexts, bits)
        sizes = np.diff(offsets)
        return np.divide(bits, sizes, out=np.full(len(bits), np.nan), where=sizes > 0)

    def files(self) -> Sequence[Path]:
        """Its counts."""
        return [self._folder / COUNTS]


def sample_texts(documents: pl.LazyFrame, n_bytes: int) -> pl.Series:
    """About so many bytes of documents, by a hash of their ids: the same ones however they lie in shards."""
    sizes = documents.select("id", size=pl.col("text").str.len_bytes().cast(pl.Int64)).collect(engine="streaming")
    order = by_hash(sizes["id"]).to_frame().join(sizes, on="id", how="left", maintain_order="left")
    chosen = order.filter(pl.col("size").cum_sum().shift(1, fill_value=0) < n_bytes)["id"]
    return documents.filter(pl.col("id").is_in(chosen.implode())).select("text").collect(engine="streaming")["text"]


def by_hash(ids: pl.Series) -> pl.Series:
    """Ids in the order of their hashes: the first ones are a sample that depends on no order."""
    hashes = [xxhash.xxh3_64_intdigest(name.encode()) for name in ids.to_list()]
    return pl.DataFrame({"id": ids, "hash": pl.Series(hashes, dtype=pl.UInt64)}).sort("hash", "id")["id"]


def count_ngrams(texts: pl.Series, order: int) -> Arrays:
    """All n-grams of the texts up to an order with their counts, and all contexts with what came behind them."""
    from smelt.corpus.label.grams import write_keys

    data, offsets = utf8_buffers(texts)
    n_bytes = int(offsets[-1] - offsets[0])
    shorter, keys = np.empty(n_bytes, np.uint64), np.empty(n_bytes, np.uint64)
    parts: list[tuple[NDArray[Any], ...]] = []
    for n in range(1, order + 1):
        write_keys(data, offsets, n, 1, shorter)
        write_keys(data, offsets, n, 0, keys)
        parts.append(_count_order(keys, shorter))
    grams, counts, contexts, totals, kinds = (np.concatenate(column) for column in zip(*parts, strict=True))
    numbers = {"counts": counts, "totals": totals, "kinds": kinds}
    return {"grams": grams, "contexts": contexts} | {name: found.astype(np.uint32) for name, found in numbers.items()}


def _count_order(keys: NDArray[np.uint64], shorter: NDArray[np.uint64]) -> tuple[NDArray[Any], ...]:
    """n-grams and their counts; contexts, how many bytes came behind each, and how many different ones."""
    ends = np.flatnonzero(keys)
    grams, first, counts = np.unique(keys[ends], return_index=True, return_counts=True)
    contexts, place, kinds = np.unique(shorter[ends[first]], return_inverse=True, return_counts=True)
    return grams, counts, contexts, np.bincount(place, counts), kinds


def save_ngrams(folder: Path, about: About, arrays: Arrays) -> None:
    """Writes a model."""
    from safetensors.numpy import save_file

    with write_whole(folder / COUNTS) as path:
        save_file(arrays, path)
    write_json(folder / ABOUT, about.model_dump(mode="json"))


def open_ngrams(folder: Path) -> NgramScorer:
    """The scorer in a folder; `InputError` where it is damaged."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        about = About.model_validate(read_json(folder / ABOUT))
        return NgramScorer(about.order, load_file(folder / COUNTS), folder)
    except (OSError, ValueError, KeyError, ValidationError, SafetensorError) as error:
        raise InputError(
            where=str(folder), what=f"holds no n-gram model: {error}", expected=f"{ABOUT} and {COUNTS}"
        ) from error

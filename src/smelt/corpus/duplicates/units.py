"""Lines and paragraphs that stand in several documents: all but the first of each is cut out.

Two are the same if their normal forms are (normalise.py): case, punctuation, accents and width do not tell them apart.
The first is that of the first document in the order of the corpus, those of older corpora before all. A line ends
behind its line feed; a paragraph behind the blank lines that follow it. CCNet (Wenzek et al. 2020) removes paragraphs
so, and what is left reads on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import polars as pl
import pyarrow as pa
from numba import types
from numpy.typing import NDArray
from pydantic import JsonValue

from smelt.corpus.corpus import read_shard
from smelt.corpus.duplicates.normalise import normalise
from smelt.corpus.duplicates.partitions import Layout, read_keys, save
from smelt.corpus.duplicates.passages import save_table
from smelt.corpus.duplicates.signatures import kept_keys
from smelt.corpus.duplicates.spans import SPAN, Spans, merge
from smelt.corpus.measures.kernels import BYTES, OFFSETS, SEED, compiled, inner, mix, utf8_buffers

Unit = Literal["lines", "paragraphs"]
LINE_FEED, BLANKS = 10, (9, 11, 12, 13, 32)


def split_units(texts: pl.Series, unit: Unit) -> tuple[pl.Series, NDArray[np.int64], NDArray[np.int64]]:
    """The units of texts one after the other, the row of the text each is of, and where in its bytes it starts."""
    data, offsets = utf8_buffers(texts)
    bounds = np.empty(np.count_nonzero(data == LINE_FEED) + len(texts) + 1, np.int64)
    rows = np.empty(len(bounds), np.int64)
    n = find_units(data, offsets, unit == "paragraphs", bounds, rows)
    bounds[n] = offsets[-1]
    ends = bounds[: n + 1] - offsets[0]
    array = pa.LargeStringArray.from_buffers(n, pa.py_buffer(ends), pa.py_buffer(data[offsets[0] :]))
    return pl.Series(array), rows[:n], bounds[:n] - offsets[rows[:n]]


@dataclass(frozen=True, slots=True)
class Units:
    """Lines or paragraphs of at least so many bytes, known by the hash of their normal form: a `Keying`."""

    columns: ClassVar[tuple[str, ...]] = ("start", "end")

    method: Unit
    min_bytes: int

    def settings(self) -> dict[str, JsonValue]:
        """What keys must agree in to be compared."""
        return {"method": self.method, "min_bytes": self.min_bytes}

    def keys(self, texts: pl.Series) -> pl.DataFrame:
        """The keys of texts' units that are long enough, and the bytes of its text that each has."""
        units, rows, starts = split_units(texts, self.method)
        found = pl.DataFrame({"key": hash_texts(normalise(units)), "row": rows, "start": starts})
        long_enough = (units.str.strip_chars().str.len_bytes() >= self.min_bytes) & (found["key"] != SEED)
        sized = found.with_columns(end=pl.col("start") + units.str.len_bytes())
        return sized.select("key", pl.col("row", "start", "end").cast(pl.UInt32)).filter(long_enough)

    def in_bytes(self, spans: Spans, layout: Layout, number: int) -> Spans:
        """The spans as they are."""
        return spans


def key_shard(number: int, *, layout: Layout, units: Units) -> int:
    """Writes the keys of a shard's units, of an older corpus those it kept; gives how many there are."""
    kept = kept_keys(layout.shards[number], units.settings()) if number in layout.old else None
    if kept is None:
        kept = units.keys(read_shard(layout.shards[number], ["text"])["text"])
    return save_table(layout, number, units.method, kept)


def find_repeats(part: tuple[int, int], *, layout: Layout, units: Units, min_documents: int) -> int:
    """Writes the spans of a partition's units that stand in so many documents, the first of each aside."""
    keys, places, (starts, ends) = read_keys(layout, units.method, part, units.columns)
    found = pl.DataFrame({"key": keys, "place": places, "start": starts, "end": ends}).sort("key", "place", "start")
    is_first = pl.int_range(pl.len()).over("key") == 0
    repeated = found.filter(
        (pl.col("place").n_unique().over("key") >= min_documents) & ~is_first, pl.col("place") >= layout.first_new
    )
    spans = np.empty(len(repeated), SPAN)
    for name in ("place", "start", "end"):
        spans[name] = repeated[name].to_numpy()
    save(layout.part(part[0], "spans.npy"), merge(spans))
    return len(spans)


def hash_texts(texts: pl.Series) -> NDArray[np.uint64]:
    """A 64-bit hash of each text; SEED for an empty one."""
    data, offsets = utf8_buffers(texts)
    hashes: NDArray[Any] = np.empty(len(texts), np.uint64)
    hash_batch(data, offsets, hashes)
    return hashes


@compiled(types.void(BYTES, OFFSETS, types.uint64[::1]))
def hash_batch(data: NDArray[np.uint8], offsets: NDArray[np.int64], hashes: NDArray[np.uint64]) -> None:
    """Fills `hashes`."""
    for d in range(len(hashes)):
        state = SEED
        for byte in data[offsets[d] : offsets[d + 1]]:
            state = mix(state, np.uint64(byte))
        hashes[d] = state


@inner
def begins_text(data: NDArray[np.uint8], at: int, end: int) -> bool:
    """Whether the line that begins there has more than blanks."""
    while at < end and data[at] != LINE_FEED:
        if data[at] not in BLANKS:
            return True
        at += 1
    return False


@compiled(types.int64(BYTES, OFFSETS, types.boolean, types.int64[::1], types.int64[::1]))
def find_units(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    by_paragraph: bool,
    bounds: NDArray[np.int64],
    rows: NDArray[np.int64],
) -> int:
    """Fills `bounds` with where each unit starts and `rows` with its document; gives how many units there are."""
    n = 0
    for d in range(len(offsets) - 1):
        starts_unit, saw_blank = True, False
        for at in range(offsets[d], offsets[d + 1]):
            if starts_unit:
                bounds[n], rows[n] = at, d
                n, starts_unit, saw_blank = n + 1, False, False
            if data[at] == LINE_FEED:
                next_has_text = begins_text(data, at + 1, offsets[d + 1])
                starts_unit = not by_paragraph or (saw_blank and next_has_text)
                saw_blank = saw_blank or not next_has_text
    return n

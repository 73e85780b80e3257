"""Lines and paragraphs that stand in several documents: all but the first of each is cut out.

Two are the same if their normal forms are (normalise.py): case, punctuation, accents and width do not tell them apart.
The first is that of the first document in the order of the corpus, those of older corpora before all. A line ends
behind its line feed; a paragraph behind the blank lines that follow it. CCNet (Wenzek et al. 2020) removes paragraphs
so, and what is left reads on.
"""

from __future__ import annotations

from typing import Any, Literal

import numba
import numpy as np
import polars as pl
import pyarrow as pa
from numba import types
from numpy.typing import NDArray

from smelt.corpus.corpus import read_shard
from smelt.corpus.duplicates.normalise import normalise
from smelt.corpus.duplicates.partitions import Layout, read_keys, save, save_keys
from smelt.corpus.duplicates.spans import SPAN, merge
from smelt.corpus.measures.kernels import BYTES, OFFSETS, SEED, compiled, mix, utf8_buffers

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


def hash_shard(number: int, *, layout: Layout, unit: Unit, min_bytes: int) -> int:
    """Writes the keys of a shard's units that are long enough; gives how many."""
    units, rows, starts = split_units(read_shard(layout.shards[number], ["text"])["text"], unit)
    sizes = units.str.len_bytes().to_numpy().astype(np.int64)
    keys = hash_texts(normalise(units))
    counts = (units.str.strip_chars().str.len_bytes().to_numpy() >= min_bytes) & (keys != SEED)
    columns = {"row": rows.astype(np.uint32), "start": starts, "end": starts + sizes}
    return save_keys(layout, number, "unit", keys[counts], **{name: column[counts] for name, column in columns.items()})


def find_repeats(part: tuple[int, int], *, layout: Layout, min_documents: int) -> int:
    """Writes the spans of a partition's units that stand in so many documents, the first of each aside."""
    keys, places, (starts, ends) = read_keys(layout, "unit", part, ["start", "end"])
    units = pl.DataFrame({"key": keys, "place": places, "start": starts, "end": ends}).sort("key", "place", "start")
    is_first = pl.int_range(pl.len()).over("key") == 0
    repeated = units.filter(
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


@numba.njit
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

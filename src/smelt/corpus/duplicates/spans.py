"""Spans: stretches of documents that were there before.

A span is a document's place and two offsets in the bytes of its text as UTF-8 (in tokens, while those are compared).
Spans that overlap are one; one that begins or ends within a character is made smaller. What is cut stands in the column
`spans`, as offsets into the text that came in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

SPAN = np.dtype([("place", np.int64), ("start", np.int64), ("end", np.int64)])
Spans = NDArray[Any]
SPANS = pl.List(pl.Struct({"start": pl.Int64, "end": pl.Int64}))


def merge(spans: Spans) -> Spans:
    """The same bytes in as few spans as can be, in order."""
    if not len(spans):
        return spans
    spans = spans[np.lexsort((spans["start"], spans["place"]))]
    width = np.int64(spans["end"].max() + 1)  # lays the documents end to end, so that one running maximum serves all
    reach = np.maximum.accumulate(spans["place"] * width + spans["end"])
    starts = spans["place"] * width + spans["start"]
    is_first = np.append(True, starts[1:] > reach[:-1])
    is_first[1:] |= spans["place"][1:] != spans["place"][:-1]
    merged = spans[is_first].copy()
    merged["end"] = np.append(reach[:-1][is_first[1:]], reach[-1]) - merged["place"] * width
    return merged


def within_characters(spans: Spans, data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> Spans:
    """The spans cut down to whole characters; `place` counts documents of this batch."""
    start, end = (offsets[spans["place"]] + spans[edge] for edge in ("start", "end"))
    padded = np.concatenate([data, np.zeros(4, np.uint8)])
    for _ in range(3):  # a character has at most three bytes after its first
        start = start + ((padded[start] & 0xC0) == 0x80)
        end = end - ((padded[end] & 0xC0) == 0x80)
    cut = spans.copy()
    cut["start"], cut["end"] = start - offsets[spans["place"]], end - offsets[spans["place"]]
    return cut[cut["end"] > cut["start"]]


def without(text: bytes, spans: Sequence[Mapping[str, int]]) -> bytes:
    """A text without its spans, which lie in order."""
    edges = [0, *(edge for span in spans for edge in (span["start"], span["end"])), len(text)]
    return b"".join(text[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True))

"""What texts are sequences of where stretches of them are compared: their bytes, or a tokenizer's tokens."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numba import types
from numpy.typing import NDArray

from smelt.corpus.measures.kernels import BYTES, utf8_buffers

SymbolArray = NDArray[np.uint8] | NDArray[np.uint32]
"""Bytes, or ids of tokens."""
BYTES_OR_TOKENS = (BYTES, types.Array(types.uint32, 1, "C", readonly=True))
"""Numba's types of symbols: kernels are compiled for both."""


class Edges(NamedTuple):
    """Where in the bytes of its text a stretch of tokens may be cut: never within a token, nor within a character.

    A text of n tokens has n + 1 edges, the first at `offsets[d] + d`. The tokens i to j have the bytes from `opens[i]`
    to `closes[j]`: one that shares a character with the token before or behind the stretch is left out of it.
    """

    opens: NDArray[np.uint32]
    closes: NDArray[np.uint32]


class Symbols(NamedTuple):
    """The symbols of texts end to end: those of the d-th are `values[offsets[d]:offsets[d + 1]]`."""

    values: SymbolArray
    offsets: NDArray[np.int64]
    edges: Edges | None = None
    """Of tokens. Bytes are their own edges."""


def read_bytes(texts: pl.Series) -> Symbols:
    """The bytes of texts as UTF-8."""
    data, offsets = utf8_buffers(texts)
    values: Any = data[offsets[0] : offsets[-1]]
    return Symbols(values, offsets - offsets[0])

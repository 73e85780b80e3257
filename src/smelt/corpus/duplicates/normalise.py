"""The normal form in which texts are compared for being the same, or nearly so.

Compatibility forms are unified (NFKD), case is folded, accents, punctuation and symbols are dropped, words are parted
by single spaces, and each Han or kana character is a word:

    "Don't  panic — ﬁnd Café 42!"   dont panic find cafe 42
    "中文, 2024年"                   中 文 2024 年

So two copies of a page that differ in quotation marks, dashes or line breaks have one normal form.
"""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa
from numba import types
from numpy.typing import NDArray

from smelt.corpus.measures.characters import NormalForms, normal_forms
from smelt.corpus.measures.kernels import BYTES, OFFSETS, compiled, decode, inner, utf8_buffers

BLANK = ord(" ")


def normalise(texts: pl.Series, forms: NormalForms | None = None) -> pl.Series:
    """The normal form of every text, or another that `forms` gives; null where the text is null, empty where nothing of
    it is left."""
    data, offsets = utf8_buffers(texts)
    forms = forms or normal_forms()
    # Room for the worst case; the machine gives memory only for what is written.
    normal = np.empty(forms.growth * (offsets[-1] - offsets[0]) + 1, np.uint8)
    ends = np.zeros(len(texts) + 1, np.int64)
    normalise_batch(data, offsets, forms.utf8, forms.start, normal, ends)
    array = pa.LargeStringArray.from_buffers(len(texts), pa.py_buffer(ends), pa.py_buffer(normal[: ends[-1]]))
    return pl.Series(texts.name, array).set(texts.is_null(), None)


@inner
def normalise_text(
    text: NDArray[np.uint8], utf8: NDArray[np.uint8], start: NDArray[np.int32], normal: NDArray[np.uint8], at: int
) -> int:
    """Writes a text's normal form from byte `at` on, and gives the byte after its last."""
    first, read = at, 0
    while read < len(text):
        code, read = decode(text, read)
        for part in range(start[code], start[code + 1]):
            if utf8[part] != BLANK or (at > first and normal[at - 1] != BLANK):  # no space first, none twice
                normal[at] = utf8[part]
                at += 1
    return at - 1 if at > first and normal[at - 1] == BLANK else at


@compiled(
    types.void(
        BYTES,
        OFFSETS,
        BYTES,
        types.Array(types.int32, 1, "C", readonly=True),
        types.uint8[::1],
        types.int64[::1],
    )
)
def normalise_batch(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    utf8: NDArray[np.uint8],
    start: NDArray[np.int32],
    normal: NDArray[np.uint8],
    ends: NDArray[np.int64],
) -> None:
    """Fills `normal` with the documents' normal forms end to end, and `ends[d + 1]` with where the d-th ends."""
    for d in range(len(offsets) - 1):
        text = data[offsets[d] : offsets[d + 1]]
        ends[d + 1] = normalise_text(text, utf8, start, normal, ends[d])

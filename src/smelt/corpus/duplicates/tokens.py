"""The tokens of texts, and where between them a text may be cut.

Any tokenizer will do that Hugging Face `tokenizers` can load. What lies between two tokens, such as white space that a
tokenizer passes over, goes with the one before. A byte-level tokenizer (Radford et al. 2019) makes several tokens of a
rare character; between them no text can be cut:

    text     a  日  本  𠀀                 𠀀 is four bytes, and here four tokens
    tokens   1  2   3   4 5 6 7
    edges   |  |   |   |       |

Two tokens are the same if their ids are; two unknown words have one id, and are told apart by what they say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from xxhash import xxh3_64_intdigest

from smelt.corpus.duplicates.symbols import Edges, Symbols
from smelt.corpus.tokenizer import Loaded, load_tokenizer

PIECE_CHARACTERS = 1_000_000
"""A longer text is read piece by piece: `tokenizers` takes about 100 bytes of memory a byte of text (measured on 11 MB
of English and Chinese)."""
_PIECE_END = re.compile(r"\n(?=\w)")
"""Where tokenizers cut anyway: smelt's own always, others but for rare words that span lines."""
UNKNOWN = 1 << 31
"""Ids from here on stand for words that the tokenizer does not know."""


def read_tokens(texts: pl.Series, path: Path) -> Symbols:
    """The tokens of texts, by the tokenizer of a `tokenizer.json`. Null is empty."""
    loaded = _load(path)
    parts = [_read(text, loaded) for text in texts.fill_null("")]
    offsets = np.cumsum([0, *(len(ids) for ids, _ in parts)], dtype=np.int64)
    if not parts:
        return Symbols(np.empty(0, np.uint32), offsets, Edges(np.empty(0, np.uint32), np.empty(0, np.uint32)))
    edges = Edges(*(np.concatenate([edges[side] for _, edges in parts]) for side in (0, 1)))
    return Symbols(np.concatenate([ids for ids, _ in parts]), offsets, edges)


_load = cache(load_tokenizer)


def _read(text: str, loaded: Loaded) -> tuple[NDArray[np.uint32], Edges]:
    ids: list[NDArray[np.uint32]] = [np.empty(0, np.uint32)]
    spans: list[NDArray[np.int64]] = [np.empty((0, 2), np.int64)]
    for start, piece in _pieces(text):
        encoding = loaded.tokenizer.encode(piece, add_special_tokens=False)
        ids.append(np.array(encoding.ids, np.uint32))
        spans.append(np.array(encoding.offsets, np.int64).reshape(-1, 2) + start)
    tokens, places = np.concatenate(ids), np.concatenate(spans)
    for unknown in np.flatnonzero(tokens == loaded.unknown) if loaded.unknown is not None else ():
        word = text[slice(*places[unknown])].encode()
        tokens[unknown] = UNKNOWN | (xxh3_64_intdigest(word) & (UNKNOWN - 1))
    return tokens, _edges(text, places[:, 0], places[:, 1])


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """The pieces of a text, each with the character at which it starts."""
    start = 0
    while cut := _PIECE_END.search(text, start + PIECE_CHARACTERS):
        yield start, text[start : cut.end()]
        start = cut.end()
    yield start, text[start:]


def _edges(text: str, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> Edges:
    """The edges of tokens that have the characters from `starts` to `ends`."""
    at, can_cut = np.zeros(len(starts) + 1, np.int64), np.ones(len(starts) + 1, np.bool_)
    if len(starts):
        ahead, behind = np.minimum.accumulate(starts[::-1])[::-1], np.maximum.accumulate(ends)
        at[1:-1], at[-1] = ahead[1:], len(text)
        can_cut[1:-1] = behind[:-1] <= ahead[1:]
    numbers = np.arange(len(at))
    after = np.minimum.accumulate(np.where(can_cut, numbers, len(at))[::-1])[::-1]
    before = np.maximum.accumulate(np.where(can_cut, numbers, 0))
    data = np.frombuffer(text.encode(), np.uint8)
    byte_of = np.append(np.flatnonzero((data & 0xC0) != 0x80), len(data)).astype(np.uint32)[at]
    return Edges(byte_of[after], byte_of[before])

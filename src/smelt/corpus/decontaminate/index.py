"""The index over evaluation items: which n-grams belong to which part of which item.

A part is an item's context, question or answer. Parts that read the same (benchmarks copy one another) are one. An
n-gram that stands in many different parts is boilerplate ("which of the following is") and tells nothing: it is left
out. A part of a few words is not searched for: they would be found by chance in any large corpus.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from smelt.corpus.decontaminate.grams import LONGEST, SHORTEST, Tokens, find_grams, gram_hashes, tokenise
from smelt.corpus.decontaminate.items import Item
from smelt.corpus.measures.kernels import utf8_buffers

Kind = Literal["context", "question", "answer"]
BOILERPLATE = 10
"""Different parts with one n-gram in common, beyond which it tells nothing of any (taste: some passages have eight
questions)."""
QUESTION_WEIGHT, ANSWER_WEIGHT = 500, 1000
"""What a part must weigh to be searched for, five words and ten: less is a phrase that anybody may write (taste)."""
FILTER_BITS = 24
"""Of an n-gram's hash, which a table of 2 MiB says at once whether any key begins with (taste)."""


@dataclass(frozen=True, slots=True)
class Part:
    """A text to search for, with the items it belongs to."""

    text: str
    of: tuple[tuple[str, Kind], ...]
    """Item ids, and what it is of them."""
    tokens: int
    weight: int
    """What its tokens tell, in hundredths of a word."""
    grams: int
    """Its n-grams that are not boilerplate; where there is none it cannot be found."""


@dataclass(frozen=True, slots=True)
class Index:
    """N-grams of parts, as arrays."""

    parts: list[Part]
    keys: NDArray[np.uint64]
    """The n-grams, sorted."""
    starts: NDArray[np.int64]
    """The n-gram `keys[k]` stands at `where[starts[k]:starts[k + 1]]`."""
    where: NDArray[np.int64]
    """Rows of part, and the n-gram's place in it."""
    bits: NDArray[np.uint8]
    """A one for the top FILTER_BITS of every key."""


def build_index(items: Sequence[Item]) -> Index:
    """The index over all parts of these items."""
    texts, owners = _unique_parts(items)
    tokens = tokenise(*utf8_buffers(pl.Series(texts, dtype=pl.String)))
    grams = [_grams(tokens, part) for part in range(len(texts))]
    rows = [(part, place) for part, found in enumerate(grams) for place in range(len(found))]
    where = np.array(rows, np.int64).reshape(-1, 2)
    every = np.concatenate([np.empty(0, np.uint64), *grams])
    is_told = _tells(every, where[:, 0])
    every, where = every[is_told], where[is_told]
    order = np.argsort(every, kind="stable")
    keys, starts = np.unique(every[order], return_index=True)
    left = np.bincount(where[:, 0], minlength=len(texts))
    lengths, total = np.diff(tokens.first), np.append(0, np.cumsum(tokens.weight, dtype=np.int64))
    weights = total[tokens.first[1:]] - total[tokens.first[:-1]]
    measured = zip(texts, owners, lengths.tolist(), weights.tolist(), left.tolist(), strict=True)
    parts = [Part(text, of, n, weight, grams) for text, of, n, weight, grams in measured]
    return Index(parts, keys, np.append(starts, len(every)), where[order], _filter(keys))


def search(index: Index, texts: pl.Series) -> tuple[Tokens, NDArray[np.int64]]:
    """The tokens of every text, and the n-grams found in them: rows of (text, token, n, part, place in the part)."""
    tokens = tokenise(*utf8_buffers(texts))
    room = np.empty((1 << 16, 4), np.int64)
    shift = 64 - FILTER_BITS
    n_found = find_grams(tokens.hash, tokens.first, index.keys, shift, index.bits, room)
    if n_found > len(room):
        room = np.empty((n_found, 4), np.int64)
        find_grams(tokens.hash, tokens.first, index.keys, shift, index.bits, room)
    found = room[:n_found]
    counts = index.starts[found[:, 3] + 1] - index.starts[found[:, 3]]
    rows = np.repeat(found[:, :3], counts, axis=0)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    return tokens, np.hstack([rows, index.where[np.repeat(index.starts[found[:, 3]], counts) + within]])


def _unique_parts(items: Sequence[Item]) -> tuple[list[str], list[tuple[tuple[str, Kind], ...]]]:
    owners: dict[str, list[tuple[str, Kind]]] = {}
    for item in items:
        for kind in ("context", "question", "answer"):
            text = getattr(item, kind)
            if text:
                owners.setdefault(text, []).append((item.id, kind))
    return list(owners), [tuple(found) for found in owners.values()]


def _grams(tokens: Tokens, part: int) -> NDArray[np.uint64]:
    place = slice(tokens.first[part], tokens.first[part + 1])
    words = tokens.hash[place]
    n = _gram_length(tokens.weight[place])
    if len(words) < n:
        return np.empty(0, np.uint64)
    grams = np.empty(len(words) - n + 1, np.uint64)
    gram_hashes(words, n, grams)
    return grams


def _gram_length(weights: NDArray[np.uint8]) -> int:
    """Tokens in an n-gram of a text: about QUESTION_WEIGHT's worth."""
    mean = float(weights.mean()) if len(weights) else 1.0
    return min(max(round(QUESTION_WEIGHT / mean), SHORTEST), LONGEST)


def _tells(grams: NDArray[np.uint64], parts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each n-gram stands in few parts."""
    _, gram = np.unique(grams, return_inverse=True)
    pairs = np.unique(np.stack([gram, parts], axis=1), axis=0) if len(grams) else np.empty((0, 2), np.int64)
    return (np.bincount(pairs[:, 0], minlength=1) <= BOILERPLATE)[gram] if len(grams) else np.empty(0, np.bool_)


def _filter(keys: NDArray[np.uint64]) -> NDArray[np.uint8]:
    ones = np.zeros(1 << FILTER_BITS, np.uint8)
    ones[keys >> np.uint64(64 - FILTER_BITS)] = 1
    return np.packbits(ones, bitorder="little")

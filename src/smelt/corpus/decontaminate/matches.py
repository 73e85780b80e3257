"""What n-grams found in a document say: which items it holds, how much of them, where, and in what form.

A part of an item is held by a document if enough of the part's n-grams stand there in the part's order, wherever and
with whatever between them: so a leak is found whole or cut short, with other lines in between, in other letter case,
punctuation, spacing or digits. How much is enough was chosen on real documents with leaks planted (see
benchmarks/decontamination.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from smelt.corpus.decontaminate.grams import Tokens
from smelt.corpus.decontaminate.index import ANSWER_WEIGHT, QUESTION_WEIGHT, Index, Part, search

Form = Literal["verbatim", "normalised", "partial"]
WHOLE = 0.95
"""Coverage from which on a part counts as whole (taste)."""
COMMON = 3
"""Documents with an answer and not its question, beyond which the answer is a phrase in use and no leak (taste)."""
SPREAD = 4
"""Times its own length, in tokens, over which a part may be strewn: beyond, its n-grams met by chance (taste)."""


@dataclass(frozen=True, slots=True)
class Match:
    """A part of an evaluation item in a document."""

    document: str
    item: str
    kind: str
    """context, question or answer."""
    form: Form
    coverage: float
    """The share of the part's n-grams that are there, in order."""
    spans: tuple[tuple[int, int], ...]
    """Where, in characters of the document's text: starts and ends."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a part must be there: (taste, held against planted leaks)."""

    question: float = 0.4
    answer: float = 0.8
    few: int = 3
    """N-grams of a part that is not whole which must be there at least."""


def find_matches(index: Index, ids: pl.Series, texts: pl.Series, limits: Limits) -> Iterator[Match]:
    """The parts of items that documents hold, document by document."""
    tokens, found = search(index, texts)
    found = found[np.lexsort((found[:, 1], found[:, 3], found[:, 0]))]
    edges = np.flatnonzero(np.any(np.diff(found[:, [0, 3]], axis=0), axis=1)) + 1
    for group in np.split(found, edges) if len(found) else []:
        document, part = int(group[0, 0]), index.parts[int(group[0, 3])]
        chosen = _longest_chain(group, SPREAD * part.tokens)
        coverage = len(np.unique(chosen[:, 4])) / part.grams
        spans = _spans(chosen, tokens, texts[document])
        for item, kind in part.of:
            if _is_enough(part, kind, coverage, len(chosen), limits):
                form = _form(part, coverage, spans, texts[document])
                yield Match(ids[document], item, kind, form, coverage, spans)


def _is_enough(part: Part, kind: str, coverage: float, n_found: int, limits: Limits) -> bool:
    if kind == "answer":
        return part.weight >= ANSWER_WEIGHT and coverage >= limits.answer
    if part.weight < QUESTION_WEIGHT:
        return False
    return coverage >= WHOLE if part.grams < limits.few else coverage >= limits.question and n_found >= limits.few


def _longest_chain(group: NDArray[np.int64], room: int) -> NDArray[np.int64]:
    """Of n-grams found (rows as `search` gives them), the most that stand in the part's order within `room` tokens.

    A longest increasing subsequence (Fredman 1975) of the places, over each stretch of the document that is not
    parted by more than `room` tokens; the best of the stretches.
    """
    gaps = np.flatnonzero(np.diff(group[:, 1]) > room) + 1
    return max((_increasing(stretch) for stretch in np.split(group, gaps)), key=len)


def _increasing(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    ends: list[int] = []  # the row that ends the best chain of each length
    before = np.full(len(rows), -1)
    places = rows[:, 4]
    for row, place in enumerate(places):
        length = int(np.searchsorted(places[ends], place)) if ends else 0
        before[row] = ends[length - 1] if length else -1
        ends[length : length + 1] = [row]
    chain: list[int] = []
    row = ends[-1]
    while row >= 0:
        chain.append(row)
        row = int(before[row])
    return rows[chain[::-1]]


def _spans(chosen: NDArray[np.int64], tokens: Tokens, text: str) -> tuple[tuple[int, int], ...]:
    """The stretches of text under n-grams, joined where they touch, in characters."""
    first = chosen[:, 1]
    starts, ends = tokens.start[first], tokens.end[first + chosen[:, 2] - 1]
    is_new = np.append(True, first[1:] > np.maximum.accumulate(first + chosen[:, 2])[:-1])
    opens = np.flatnonzero(is_new)
    closes = np.append(opens[1:], len(first)) - 1
    raw = text.encode()
    return tuple(
        (len(raw[: starts[a]].decode()), len(raw[: ends[b]].decode())) for a, b in zip(opens, closes, strict=True)
    )


def _form(part: Part, coverage: float, spans: tuple[tuple[int, int], ...], text: str) -> Form:
    if coverage < WHOLE:
        return "partial"
    return "verbatim" if part.text.strip() in text else "normalised"


def without_phrases(matches: pl.DataFrame) -> pl.DataFrame:
    """The matches (columns of `Match`) without answers that many documents hold, each without the question."""
    alone = (pl.col("kind") == "answer").all().over("document", "item")
    documents = pl.when(alone).then("document").n_unique().over("item")
    return matches.filter(~alone | (documents <= COMMON))

"""Batches of examples: which ones a step sees, and what is asked of them. Arrays in, arrays out.

The examples of 64 steps are drawn together, each once a pass over all, and put side by side with others of their
length, so that little is padding; which step sees which is a function of seed and step alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from smelt.runs.corrupt import IGNORED, Asked, Int64s
from smelt.tokens.examples import Answer
from smelt.tokens.sampler import mix, permute

DRAWN = 64
"""Steps whose examples are drawn together."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """Examples of one split, ready to be taken."""

    answer: Answer
    sources: Sequence[Int64s]
    targets: Sequence[Int64s]
    values: np.ndarray[tuple[int], np.dtype[np.float64]]
    end: int
    """Id that pads, starts and ends."""
    is_joined: bool = False
    """Source and target in one row, for a decoder."""

    @classmethod
    def of(cls, rows: pl.DataFrame, *, answer: Answer, end: int, is_joined: bool) -> Shelf:
        """From the rows of an `Examples`."""
        sources = [np.asarray(ids, np.int64) for ids in rows["source"].to_list()]
        targets = [np.asarray(ids or [], np.int64) for ids in rows["target"].to_list()]
        return cls(answer, sources, targets, rows["value"].fill_null(0.0).to_numpy(), end, is_joined)

    def __len__(self) -> int:
        return len(self.sources)

    @property
    def longest(self) -> int:
        """Tokens of the longest row that a model reads or writes."""
        lengths = zip(map(len, self.sources), map(len, self.targets), strict=True)
        together = self.is_joined and self.answer == "text"
        return max(s + t if together else max(s, t if self.answer == "text" else 0) for s, t in lengths)

    def ask(self, places: Sequence[int]) -> Asked:
        """What is given and asked of the examples at some places."""
        sources = [self.sources[place] for place in places]
        if self.answer != "text":
            tokens, padding = _padded(sources, self.end)
            values = self.values[list(places)].astype(np.float32) if self.answer == "number" else None
            return Asked(tokens, self._asked(places), padding=padding, values=values)
        targets = [self.targets[place] for place in places]
        if self.is_joined:
            rows = [np.concatenate(pair) for pair in zip(sources, targets, strict=True)]
            tokens, padding = _padded([row[:-1] for row in rows], self.end)
            wanted, _ = _padded([_behind(*pair) for pair in zip(sources, targets, strict=True)], IGNORED)
            return Asked(tokens, wanted, padding=padding)
        read, padding = _padded(sources, self.end)
        given, _ = _padded([np.append(self.end, target[:-1]) for target in targets], self.end)
        wanted, _ = _padded(targets, IGNORED)
        return Asked(given, wanted, source=read, padding=padding)

    def _asked(self, places: Sequence[int]) -> Int64s:
        if self.answer == "number":
            return np.zeros((len(places), 1), np.int64)
        stretches = np.stack([self.targets[place] for place in places])
        return stretches - np.array([0, 1]) if self.answer == "span" else stretches


def order(shelf: Shelf, draw: int, *, rows: int, seed: int) -> Int64s:
    """The examples of a draw's 64 steps, (64, rows): each pass over all has every one once, in an order of its own."""
    samples = np.arange(draw * DRAWN * rows, (draw + 1) * DRAWN * rows, dtype=np.uint64)
    passes, places = np.divmod(samples, np.uint64(len(shelf)))
    keys = mix(mix(np.full_like(passes, seed % 2**64)) + passes)
    chosen = permute(places, len(shelf), key=keys).astype(np.int64)
    lengths = np.array([(len(shelf.targets[place]), len(shelf.sources[place])) for place in chosen])
    alike = chosen[np.lexsort((lengths[:, 1], lengths[:, 0]))].reshape(DRAWN, rows)
    turn = permute(np.arange(DRAWN, dtype=np.uint64), DRAWN, key=mix(np.full(DRAWN, seed + 7919 * draw, np.uint64)))
    return alike[turn.astype(np.int64)]


def _behind(source: Int64s, target: Int64s) -> Int64s:
    """What is asked of a joined row: the target alone."""
    return np.concatenate((np.full(len(source) - 1, IGNORED), target))


def _padded(rows: Sequence[Int64s], filler: int) -> tuple[Int64s, np.ndarray[tuple[int, int], np.dtype[np.bool_]]]:
    lengths = np.array([len(row) for row in rows])
    there = np.arange(lengths.max()) < lengths[:, None]
    padded = np.full(there.shape, filler, np.int64)
    padded[there] = np.concatenate(rows)
    return padded, there

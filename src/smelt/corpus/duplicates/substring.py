"""Repeated substrings: every stretch of at least `length` symbols that was there before is cut out (Lee et al. 2021).

What is removed, exactly: let the first occurrence of `length` symbols, bytes or tokens, be the one in the first
document that has them (in the order of the corpus, older corpora first) and there the first. Every other occurrence is
a repeat, unless it overlaps the first; the union of all repeats is removed. So each text that is removed still stands
somewhere. What is cut begins and ends between characters and, of tokens, between tokens.

Lee et al. find repeats with a suffix array of the whole corpus, which takes 8 bytes of memory a byte of text. Here the
work is cut into partitions: all occurrences of `length` symbols share a selected gram (winnowing.py), and a partition
that holds all occurrences of its grams decides on its own (repeats.py):

    key      a shard      the selected grams, and the symbols of what is decided on
    meet     a partition  the grams that a document that is decided on shares with another
    fetch    a shard      of an older corpus, the symbols of documents that met one: no other text of it is looked at
    repeats  a partition  the spans of what was there before
    cut      a shard      the union of spans: passages.py
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl
from pydantic import JsonValue

from smelt.core.shards import file_digest
from smelt.corpus.corpus import read_rows, read_shard
from smelt.corpus.duplicates.partitions import Layout, load, met_rows, save
from smelt.corpus.duplicates.passages import save_table
from smelt.corpus.duplicates.repeats import find_spans, shared_grams
from smelt.corpus.duplicates.signatures import kept_keys
from smelt.corpus.duplicates.spans import Spans
from smelt.corpus.duplicates.symbols import Edges, Symbols, read_bytes
from smelt.corpus.duplicates.winnowing import Winnowing, select_grams


@dataclass(frozen=True, slots=True)
class Stretches:
    """Stretches of so many symbols, known by their selected grams: a `Keying`."""

    columns: ClassVar[tuple[str, ...]] = ("at",)

    length: int
    tokenizer: Path | None = None
    """Symbols are its tokens; without it, bytes."""

    @property
    def method(self) -> str:
        """The one of Dedup's methods that this is."""
        return "substring"

    def settings(self) -> dict[str, JsonValue]:
        """What selected grams must agree in to be compared."""
        tokenizer = file_digest(self.tokenizer) if self.tokenizer else None
        return {"method": self.method, "length": self.length, "tokenizer": tokenizer}

    def read(self, texts: pl.Series) -> Symbols:
        """The symbols of texts."""
        if self.tokenizer is None:
            return read_bytes(texts)
        from smelt.corpus.duplicates.tokens import read_tokens

        return read_tokens(texts, self.tokenizer)

    def grams(self, symbols: Symbols) -> pl.DataFrame:
        """The selected grams, and the symbol of its text at which each begins."""
        grams = select_grams(symbols, Winnowing(self.length))
        return pl.DataFrame({"key": grams.keys, "row": grams.rows, "at": grams.at})

    def keys(self, texts: pl.Series) -> pl.DataFrame:
        """The selected grams of texts."""
        return self.grams(self.read(texts))

    def in_bytes(self, spans: Spans, layout: Layout, number: int) -> Spans:
        """Spans of a shard's documents, given in symbols; `place` counts from the shard's first document."""
        if self.tokenizer is None:
            return spans
        edges = Edges(layout.load(number, "opens"), layout.load(number, "closes"))
        first = layout.load(number, "offsets")[spans["place"]] + spans["place"]
        cut = spans.copy()
        cut["start"], cut["end"] = edges.opens[first + spans["start"]], edges.closes[first + spans["end"]]
        return cut[cut["end"] > cut["start"]]


def key_shard(number: int, *, layout: Layout, stretches: Stretches) -> int:
    """Writes the selected grams of a shard, of an older corpus those it kept, and the symbols of documents that are
    decided on; gives how many grams there are."""
    kept = kept_keys(layout.shards[number], stretches.settings()) if number in layout.old else None
    if kept is None:
        symbols = stretches.read(read_shard(layout.shards[number], ["text"])["text"])
        kept = stretches.grams(symbols)
        if number in layout.new:
            layout.save(number, symbols=symbols.values, offsets=symbols.offsets)
            layout.save(number, **symbols.edges._asdict() if symbols.edges else {})
    return save_table(layout, number, stretches.method, kept)


def meet(part: tuple[int, int], *, layout: Layout, stretches: Stretches) -> int:
    """Writes the grams of a partition that documents that are decided on share with others, and which documents of
    older corpora those are; gives how many grams."""
    shared = shared_grams(layout, stretches.method, part)
    places = np.unique(shared["place"])
    save(layout.part(part[0], "shared.npy"), shared)
    save(layout.part(part[0], "met.npy"), places[places < layout.first_new])
    return len(shared)


def fetch_shard(number: int, *, layout: Layout, stretches: Stretches, n_partitions: int) -> int:
    """Writes the symbols of those of an older shard's documents that met others, the rest as if they were empty; gives
    how many met."""
    met = met_rows(layout, number, n_partitions)
    symbols = stretches.read(read_rows(layout.shards[number], met, ["text"])["text"])
    sizes = np.zeros(layout.size(number) + 1, np.int64)
    sizes[met + 1] = np.diff(symbols.offsets)
    layout.save(number, symbols=symbols.values, offsets=np.cumsum(sizes))
    return len(met)


def find_repeats(partition: int, *, layout: Layout, stretches: Stretches) -> int:
    """Writes the spans of a partition's repeats in documents that are decided on, in symbols; gives how many."""
    spans = find_spans(layout, load(layout.part(partition, "shared.npy")), Winnowing(stretches.length))
    save(layout.part(partition, "spans.npy"), spans)
    return len(spans)

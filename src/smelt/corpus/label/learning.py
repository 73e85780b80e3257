"""Active learning: which documents to label next, and labels kept as they are given.

Where there is a model the documents it is least sure of come first (Lewis and Gale 1994, uncertainty sampling), and of
those, as long as there is one, none that looks like another that was just shown; without a model any, by a hash of
their ids. Labels are rows of JSONL, written one by one: {"id", "text", "label"}.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from smelt.corpus.duplicates.banding import FINEWEB
from smelt.corpus.duplicates.minhash import estimated_jaccard, signatures
from smelt.corpus.duplicates.normalise import normalise

ALIKE = 0.3
"""The share of shingles in common from which two documents would teach the same (taste)."""
POOL = 20
"""How many unsure documents are looked through for each that is shown."""


def draw(documents: pl.DataFrame, probabilities: NDArray[np.float64] | None, n: int) -> list[int]:
    """The rows to label next, at most `n`, the most informative first."""
    order = _by_hash(documents) if probabilities is None else np.argsort(np.abs(probabilities - 0.5), kind="stable")
    order = order[: n * POOL]
    minima = signatures(normalise(documents["text"].gather(order.tolist())), FINEWEB)
    chosen: list[int] = []
    for place in range(len(order)):
        if not chosen or estimated_jaccard(minima[chosen], minima[place]).max() < ALIKE:
            chosen.append(place)
        if len(chosen) == n:
            break
    return [int(order[place]) for place in chosen]


def read_labels(path: Path) -> dict[str, str]:
    """The labels given so far, by document; none where there is no file."""
    if not path.exists():
        return {}
    return {row["id"]: row["label"] for row in map(json.loads, _lines(path))}


def keep_label(path: Path, document: str, text: str, label: str) -> None:
    """Writes one label behind those that are there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"id": document, "text": text, "label": label}, ensure_ascii=False) + "\n")


def _by_hash(documents: pl.DataFrame) -> NDArray[np.int64]:
    return documents["id"].hash().arg_sort().to_numpy().astype(np.int64)


def _lines(path: Path) -> Iterator[str]:
    return (line for line in path.read_text(encoding="utf-8").splitlines() if line.strip())

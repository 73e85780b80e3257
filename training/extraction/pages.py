"""Gold pages as arrays to learn from: what the parser made of them, labels, and how much each block counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smelt.corpus.extract.blocks import Blocks
from training.extraction.gold import LEAST_ORACLE, WORD, GoldPage, block_texts, label


@dataclass(slots=True)
class ReadPage:
    """A page in blocks."""

    gold: GoldPage
    elements: Any
    tokens: NDArray[np.uint32]
    blocks: Any
    words: NDArray[np.uint32]
    y: NDArray[np.float32]
    oracle: float
    """F1 of the blocks that are mostly main content: about the best that a choice can reach."""
    weights: NDArray[np.float64]
    """Of blocks, for the lexicons."""
    tree_weights: NDArray[np.float64]
    """Of blocks, for the trees: about what a wrong choice costs."""


def read_page(gold: GoldPage, blocks: Blocks) -> ReadPage:
    """A gold page in blocks, labelled."""
    problem = blocks.read(np.frombuffer(gold.html, np.uint8))
    if problem is not None:
        raise ValueError(f"{gold.id}: {problem.why}")
    texts = block_texts(blocks, gold.html)
    y = label(texts, gold.text)
    room, n = blocks.room, blocks.n
    found = room.blocks[: n + 1].copy()
    oracle = _f1(texts, y, gold.text)
    teaches = oracle >= LEAST_ORACLE
    words = found["words"][:n].astype(np.float64)
    return ReadPage(
        gold,
        room.elements[: blocks.n_elements + 1].copy(),
        room.tokens[: room.state[0]["tokens"]].copy(),
        found,
        room.words[: room.state[0]["words"]].copy(),
        y,
        oracle,
        _shares(np.sqrt(words)) * teaches,
        _shares(words * 0.5 + 2.0 * (words > 0)) * teaches,
    )


def _shares(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    return weights * 100 / max(weights.sum(), 1e-9)


def _f1(texts: list[str], y: NDArray[np.float32], gold: str) -> float:
    ours = Counter(
        word for text, share in zip(texts, y, strict=True) if share > 0.5 for word in WORD.findall(text.lower())
    )
    theirs = Counter(WORD.findall(gold.lower()))
    return 2 * (ours & theirs).total() / max(ours.total() + theirs.total(), 1) if theirs else 1.0

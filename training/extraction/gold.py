"""Pages of web_gold with people's main content, cut into blocks, and how much of each block is in it."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from urllib.parse import urlsplit

import numba
import numpy as np
import zstandard
from numpy.typing import NDArray

from smelt.corpus.extract.blocks import Blocks

GOLD = "wcxb_dev.jsonl.zst"
HELD_OUT = 5
"""One host in so many is held out: sha1 of its name modulo this is 0."""
FOLDS = 3
WORD = re.compile(r"\w+")
LARGEST_ALIGNMENT = 1_000_000_000
"""Cells of a table; a larger page counts by its words alone."""
LEAST_ORACLE = 0.3
"""Best F1 that a choice of blocks can reach, below which a page teaches nothing: its text is not in its markup."""


@dataclass(slots=True)
class GoldPage:
    """A page, what people took for its main content, and what it is in blocks."""

    id: str
    url: str
    page_type: str
    html: bytes
    text: str
    host: str

    @property
    def is_held_out(self) -> bool:
        """Whether its host is of the fifth that no choice is made on."""
        return int(hashlib.sha1(self.host.encode()).hexdigest(), 16) % HELD_OUT == 0

    @property
    def fold(self) -> int:
        """By its host."""
        return int(hashlib.md5(self.host.encode()).hexdigest(), 16) % FOLDS


def gold_pages(folder: Path) -> Iterator[GoldPage]:
    """The pages, in the file's order."""
    with (folder / GOLD).open("rb") as file:
        stream = zstandard.ZstdDecompressor(max_window_size=2**27).stream_reader(file)
        for line in io.TextIOWrapper(stream, encoding="utf-8", newline="\n"):
            row = json.loads(line)
            html = row["html"].encode(errors="replace")
            host = urlsplit(row["url"] or "").hostname or row["url"] or row["id"]
            yield GoldPage(row["id"], row["url"] or "", row["page_type"], html, row["main_content"] or "", host)


def block_texts(blocks: Blocks, html: bytes) -> list[str]:
    """What each block says, white space as it stands in the page."""
    pieces, found = blocks.room.pieces, blocks.room.blocks[: blocks.n + 1]
    texts: list[str] = []
    for first, last in zip(found["first_piece"][:-1], found["first_piece"][1:], strict=True):
        parts = [html[piece["start"] : piece["end"]] or b"\n" for piece in pieces[first:last]]
        texts.append(unescape(b"".join(parts).decode(errors="replace")))
    return texts


def label(texts: Sequence[str], gold: str) -> NDArray[np.float32]:
    """The share of each block's words that are main content.

    Words that stand in a run of three of the gold text, or in a block that is one of its lines, are aligned with it in
    order (longest common subsequence). What is left of the gold text then may claim blocks out of order.
    """
    said = [WORD.findall(text.lower()) for text in texts]
    lines = [WORD.findall(line) for line in gold.lower().split("\n")]
    wanted = [word for line in lines for word in line]
    y = np.zeros(len(texts), np.float32)
    if not wanted:
        return y
    runs, whole = set(zip(wanted, wanted[1:], wanted[2:], strict=False)), {tuple(line) for line in lines if line}
    known = [_known(words, runs, whole) for words in said]
    matched = _align(said, known, wanted)
    left = Counter(wanted)
    left.subtract(word for words, hits in zip(said, matched, strict=True) for word in np.array(words)[hits].tolist())
    for i, words in enumerate(said):
        if words:
            y[i] = matched[i].mean()
        if y[i] < 0.5 and len(words) >= 4 and known[i].mean() > 0.7:
            counts = Counter(words)
            common = sum(min(n, max(0, left[word])) for word, n in counts.items())
            if common >= 0.7 * len(words):
                y[i] = common / len(words)
                left.subtract(counts)
    return y


def _known(words: Sequence[str], runs: set[tuple[str, ...]], lines: set[tuple[str, ...]]) -> NDArray[np.bool_]:
    known = np.full(len(words), tuple(words) in lines)
    for at, run in enumerate(zip(words, words[1:], words[2:], strict=False)):
        if run in runs:
            known[at : at + 3] = True
    return known


def _align(
    said: Sequence[Sequence[str]], known: Sequence[NDArray[np.bool_]], wanted: Sequence[str]
) -> list[NDArray[np.bool_]]:
    numbers = {word: number for number, word in enumerate(dict.fromkeys(wanted))}
    flat_known = np.concatenate([*known, np.zeros(0, np.bool_)])
    flat = np.array([numbers.get(word, -1) for words in said for word in words], np.int32)
    places = np.nonzero(flat_known)[0]
    hits = np.zeros(len(flat), np.bool_)
    if len(places) * len(wanted) < LARGEST_ALIGNMENT:
        hits[places] = common_subsequence(flat[places], np.array([numbers[word] for word in wanted], np.int32))
    return np.split(hits, np.cumsum([len(words) for words in said]))[:-1]


@numba.njit(cache=True)
def common_subsequence(a: NDArray[np.int32], b: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which elements of a are in a longest common subsequence with b."""
    moves = np.zeros((len(a) + 1, len(b) + 1), np.uint8)
    before, now = np.zeros(len(b) + 1, np.int32), np.zeros(len(b) + 1, np.int32)
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            if a[i - 1] == b[j - 1]:
                now[j], moves[i, j] = before[j - 1] + 1, 1
            elif before[j] >= now[j - 1]:
                now[j], moves[i, j] = before[j], 2
            else:
                now[j], moves[i, j] = now[j - 1], 3
        before, now = now, before
    found = np.zeros(len(a), np.bool_)
    i, j = len(a), len(b)
    while i > 0 and j > 0:
        move = moves[i, j]
        if move == 1:
            found[i - 1] = True
        i, j = i - (move != 3), j - (move != 2)
    return found


def word_f1(text: str, reference: str) -> float:
    """F1 of the words of a text against a reference (web_gold/PROVENANCE.md)."""
    ours, theirs = (Counter(WORD.findall(side.lower())) for side in (text, reference))
    if not theirs:
        return float(not ours)
    return 2 * (ours & theirs).total() / (ours.total() + theirs.total())

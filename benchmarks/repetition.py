"""A corpus of any size, made of a small one by repetition with edits: what the corpus room is tried at scale on.

Copy k of a document has a share of its words edited, from none to half: letters moved along the alphabet and Han
characters along their block, by k places. So some copies are exact duplicates, some near ones, and most are texts of
their own with the lengths, lines and punctuation of the originals. The same size gives the same bytes.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import zstandard
from numpy.typing import NDArray

from benchmarks.samples import SHARED, rows

SHARES = (0.0, 0.005, 0.02, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5)
"""Of the words, edited in the copies in turn: exact, near and distant ones."""
FILE_BYTES = 256 * 2**20
"""Text in a file, about: what one worker reads at a time."""
HAN, HAN_END = 0x4E00, 0x9FA6
LETTERS = ((ord("a"), 26), (ord("A"), 26), (HAN, HAN_END - HAN))
"""First code point and length of the blocks that characters move in."""


def write_repeated(folder: Path, n_bytes: int) -> int:
    """Writes documents of so many bytes of text, about, as JSONL packed by zstd; gives how many bytes there are."""
    folder.mkdir(parents=True, exist_ok=True)
    copies, written, number = _copies(), 0, 0
    while written < n_bytes:
        path = folder / f"{number:05d}.jsonl.zst"
        written += _write_file(path, copies, min(FILE_BYTES, n_bytes - written))
        number += 1
    return written


def edited(text: str, share: float, places: int, rng: np.random.Generator) -> str:
    """A text with a share of its words edited; a Han character is a word."""
    if not share or not text:
        return text
    codes = np.frombuffer(text.encode("utf-32-le", "replace"), np.uint32).astype(np.int64)
    words = np.cumsum((codes <= ord(" ")) | (codes >= HAN))
    chosen = rng.random(int(words[-1]) + 1) < share
    moved = np.where(chosen[words], _moved(codes, places), codes)
    return moved.astype(np.uint32).tobytes().decode("utf-32-le", "replace")


def _moved(codes: NDArray[np.int64], places: int) -> NDArray[np.int64]:
    for first, length in LETTERS:
        inside = (codes >= first) & (codes < first + length)
        codes = np.where(inside, (codes - first + places) % length + first, codes)
    return codes


def _copies() -> Iterator[dict[str, object]]:
    """Copies of all documents, without end."""
    originals = [
        row for room in ("text_en", "text_zh") for path in sorted((SHARED / room).glob("*.zst")) for row in rows(path)
    ]
    copy = 0
    while True:
        rng = np.random.default_rng(copy)
        for row in originals:
            text = edited(str(row["text"]), SHARES[copy % len(SHARES)], copy + 1, rng)
            yield {**row, "id": f"{row['id']}-{copy}", "text": text}
        copy += 1


def _write_file(path: Path, copies: Iterator[dict[str, object]], n_bytes: int) -> int:
    written = 0
    with path.open("wb") as file, zstandard.ZstdCompressor(level=1).stream_writer(file) as packed:
        lines = io.TextIOWrapper(packed, "utf-8", write_through=False)
        while written < n_bytes:
            row = next(copies)
            lines.write(json.dumps(row, ensure_ascii=False) + "\n")
            written += len(str(row["text"]).encode())
        lines.flush()
    return written

"""Repeated lines and paragraphs as datatrove counts them, for those who want its verdicts (measure.py, Definitions).

Lines are what stands between runs of newlines, paragraphs between runs of two or more; both are compared to the last
space, lines of nothing but spaces are lines, and characters are shares of the whole text. Plain Python: the compiled
pass reads lines by their words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import polars as pl

NEWLINES, BLANK_LINES = re.compile(r"\n+"), re.compile(r"\n{2,}")


def repeated_lines(texts: pl.Series) -> pl.DataFrame:
    """The four measures of repeated lines and paragraphs; 0 where the text is null."""
    rows = [_repeated(text or "") for text in texts]
    names = ("dup_line_frac", "dup_line_char_frac", "dup_paragraph_frac", "dup_paragraph_char_frac")
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.Float64), orient="row")


def _repeated(text: str) -> tuple[float, float, float, float]:
    lines, paragraphs = NEWLINES.split(text), BLANK_LINES.split(text.strip())
    return (*_shares(lines, len(text)), *_shares(paragraphs, len(text)))


def _shares(parts: Sequence[str], n_chars: int) -> tuple[float, float]:
    """The share of parts that repeat an earlier one, and of the text's characters in them."""
    seen: set[str] = set()
    repeated = [part for part in parts if part in seen or seen.add(part)]
    return len(repeated) / len(parts), sum(map(len, repeated)) / max(n_chars, 1)

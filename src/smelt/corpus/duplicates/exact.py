"""Exact duplicates: texts with one and the same normal form, found by a key of 128 bits.

Two of a thousand million different texts share a key with probability 10^-21: equal keys are taken for equal texts.
"""

from __future__ import annotations

import polars as pl
from xxhash import xxh3_128_digest


def content_keys(normalised: pl.Series) -> pl.Series:
    """The key of every normalised text (normalise.py): 16 bytes, or null where no word is left to compare."""
    keys = [xxh3_128_digest(text.encode()) if text else None for text in normalised]
    return pl.Series("content_key", keys, dtype=pl.Binary)

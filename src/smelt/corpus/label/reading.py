"""What of a text a classifier reads: the beginning of its normal form, and how many words of a list are in it.

A word list is knowledge that a few thousand labels do not hold: most of its words occur in none of them. It enters
where scores become probabilities (see linear.py), as one number, log(1 + words found), whose weight the training
documents choose: a classifier far from the texts it was trained on falls back on the list rather than on nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from smelt.corpus.duplicates.normalise import normalise
from smelt.errors import InputError

REMARK = "#"
"""Lines of a word list that begin so are remarks."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How texts are read."""

    words: tuple[str, ...] = ()
    """The listed words and phrases, as they are written; each is looked for in its normal form."""
    characters: int | None = None
    """How many characters of a text are read, from its beginning; None for all."""

    def normal(self, texts: pl.Series) -> pl.Series:
        """The normal forms of what is read."""
        return normalise(texts if self.characters is None else texts.str.head(self.characters))

    def listed(self, normal: pl.Series) -> NDArray[np.float64]:
        """log(1 + listed words) of each normal form; zeros without a list."""
        return np.log1p(count_words(normal, self.words))


PLAIN = Reading()
"""All of a text, and no list."""


def count_words(normal: pl.Series, words: Sequence[str]) -> NDArray[np.float64]:
    """How many of the words and phrases stand in each normal form, repeats counted.

    >>> from smelt.corpus.duplicates.normalise import normalise
    >>> count_words(normalise(pl.Series(["Damn, damned DAMN!", "他妈的"])), ["damn", "妈的"]).tolist()
    [2.0, 1.0]
    """
    forms = [f" {form} " for form in normalise(pl.Series(words, dtype=pl.String)).unique() if form]
    if not forms:
        return np.zeros(len(normal))
    padded = pl.select(pl.concat_str(pl.lit(" "), pl.lit(normal.fill_null("")), pl.lit(" "))).to_series()
    # Neighbours share the space between them, hence overlapping.
    return padded.str.extract_many(forms, overlapping=True).list.len().cast(pl.Float64).to_numpy()


def read_words(path: Path) -> tuple[str, ...]:
    """The words of a file, one a line, each once; `InputError` where there is none."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            where=f"words {str(path)!r}", what=f"cannot be read: {error}", expected="UTF-8, a word or phrase a line"
        ) from error
    words = tuple(sorted({line.strip() for line in lines if line.strip() and not line.startswith(REMARK)}))
    if not words:
        raise InputError(where=f"words {str(path)!r}", what="holds none", expected="a word or phrase a line")
    return words

"""What gives texts a perplexity, whatever it is: this room owns the protocol, and knows none of its makers.

A scorer lies in a folder and is found by a file that marks it: entry points of the group `smelt.scorers`, whose names
are those of the files. So a model that smelt trained scores documents (runs/scorer.py), torch and all, and nothing here
imports it; other packages may add their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Protocol, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray

from smelt.errors import InputError


class Scorer(Protocol):
    """A model that says how surprising texts are."""

    def bits_per_byte(self, texts: pl.Series) -> NDArray[np.float64]:
        """The bits that each text takes a byte of UTF-8; NaN where it is empty.

        The perplexity a byte is 2 to that power: bits compare over tokenizers, which perplexities a token do not.
        """
        ...

    def files(self) -> Sequence[Path]:
        """The files that decide what it says: their contents are its identity."""
        ...


@cache
def load_scorer(folder: Path) -> Scorer:
    """The scorer in a folder; `InputError` where there is none."""
    entries = {entry.name: entry for entry in entry_points(group="smelt.scorers")}
    for name, entry in sorted(entries.items()):
        if (folder / name).is_file():
            return cast("Callable[[Path], Scorer]", entry.load())(folder)
    raise InputError(
        where=f"model {str(folder)!r}",
        what="holds nothing that gives texts a perplexity",
        expected=f"a folder with one of {', '.join(sorted(entries))}",
        do="train one: smelt perplexity train, or a recipe's step train",
    )

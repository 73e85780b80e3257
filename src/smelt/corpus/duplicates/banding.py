"""How a MinHash signature is cut into bands, so that pairs as alike as is wanted meet.

Two texts of Jaccard similarity J agree in a row of their signatures with probability J, in a band of r rows with J^r,
and in at least one of b bands with

    found(J) = 1 - (1 - J^r)^b                  (Leskovec, Rajaraman & Ullman, Mining of Massive Datasets, 3.4.2)

an S-curve: more rows make it steeper, more bands move it to the left. Pairs that meet are compared shingle by shingle,
so a curve that rises too early costs time and one that rises too late costs duplicates. `derive` takes as many rows as
it can (few pairs meet in vain) while `RECALL` of the pairs just at the threshold are found within `MOST_HASHES`:

    jaccard       0.5    0.6    0.7    0.8    0.9
    bands, rows   35, 3  19, 3  17, 4  16, 6  11, 10
"""

from __future__ import annotations

import math
from dataclasses import dataclass

RECALL = 0.99
"""The share of pairs just at the threshold that meet; of all pairs above it more do."""
MOST_HASHES = 128
"""Minima in a signature, at most: what signing costs is in proportion to them (taste; FineWeb takes 112)."""


@dataclass(frozen=True, slots=True)
class Banding:
    """A signature of `bands` times `rows` minima."""

    bands: int
    rows: int

    @property
    def n_hashes(self) -> int:
        """Minima in a signature."""
        return self.bands * self.rows

    def found(self, jaccard: float) -> float:
        """The share of pairs of that similarity that agree in a whole band."""
        return 1 - (1 - jaccard**self.rows) ** self.bands


FINEWEB = Banding(bands=14, rows=8)
"""Penedo et al. 2024, section 3.4: finds 92% of pairs at 0.8, 77% at 0.75 and 56% at 0.7."""


def derive(jaccard: float) -> Banding:
    """The steepest curve that finds `RECALL` of the pairs at the threshold within the budget of hashes.

    >>> derive(0.8)
    Banding(bands=16, rows=6)
    """
    rows = 1
    while (rows + 1) * _bands(jaccard, rows + 1) <= MOST_HASHES and rows < MOST_HASHES // 4:
        rows += 1
    return Banding(_bands(jaccard, rows), rows)


def _bands(jaccard: float, rows: int) -> int:
    """The fewest bands of so many rows that find enough; at least four, since one chance is none."""
    missed = 1 - jaccard**rows
    return max(4, math.ceil(math.log(1 - RECALL) / math.log(missed))) if missed > 0 else 4

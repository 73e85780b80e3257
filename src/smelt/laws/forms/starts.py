"""Where a fit of a floor and two power laws may start: from the runs' own losses."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np

from smelt.laws.forms.form import Floats

FLOORS = (0.3, 0.6, 0.9)
"""Shares of the least loss that the floor may be."""
SPLITS = (0.25, 0.5, 0.75)
"""Shares of what lies above the floor that may be the model's, the rest being the data's."""


def typical_terms(log_loss: Floats) -> Iterator[tuple[float, float, float]]:
    """ln of the floor, of the size term and of the data term of a run in the middle: nine ways to split its loss.

    The grid of Hoffmann et al. 2022 is over A and B themselves, which mean something only where N and D are large.
    """
    middle, least = float(np.exp(np.median(log_loss))), float(np.exp(np.min(log_loss)))
    for floor_share, split in itertools.product(FLOORS, SPLITS):
        floor = floor_share * least
        rest = middle - floor
        yield math.log(floor), math.log(split * rest), math.log((1 - split) * rest)

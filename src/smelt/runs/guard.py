"""What keeps one bad batch from ruining a run: a step whose loss is no number, or whose gradient is far longer than
those before it, is left out, counted and told of (as PaLM's makers did by hand; Chowdhery et al. 2022, section 5.1)."""

from __future__ import annotations

import math
from statistics import median

from smelt.runs.checkpoint import Progress

REMEMBERED = 64
"""Gradients that a new one is held against."""
LEAST = 16
"""Below so many there is nothing to hold it against."""
IN_A_ROW = 10
"""So many steps left out one after another are no bad batch but a lost run (taste)."""


class LostLoss(ValueError):
    """A run that no step can save."""


def is_bad(loss: float, norm: float | None, progress: Progress, *, spike: float | None) -> bool:
    """Whether a step is to be left out; a good one's norm is remembered.

    `spike` is how many times the median norm of the steps before is too much; none asks for numbers alone.
    """
    if not math.isfinite(loss) or (norm is not None and not math.isfinite(norm)):
        return True
    if norm is None:
        return False
    if spike is not None and len(progress.norms) >= LEAST and norm > spike * median(progress.norms):
        return True
    progress.norms = [*progress.norms[1 - REMEMBERED :], norm]
    return False


def skip(loss: float, progress: Progress) -> None:
    """Counts a step that is left out; `LostLoss` where nothing but such steps is left."""
    progress.skipped.append(progress.step)
    last = progress.skipped[-IN_A_ROW:]
    if len(last) == IN_A_ROW and last[-1] - last[0] == IN_A_ROW - 1:
        raise LostLoss(f"the training loss is {loss} at step {progress.step}, the last of {IN_A_ROW} left out in a row")

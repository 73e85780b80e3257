"""How the learning rate goes over a run, as a share of its peak: pure functions of the step.

    linear        up, then down in a line      cosine        up, then down along half a wave
    wsd           up, level, then down in a line over the last steps: what is level may be prolonged (Hu et al. 2024)
    inverse-sqrt  up, then as 1/sqrt(step), without an end (Vaswani et al. 2017)

All reach their end the step after the last.
"""

from __future__ import annotations

import math
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

LEAST_WARMUP_STEPS = 5


class Schedule(BaseModel):
    """Its kind, and how much of a run is what."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["linear", "cosine", "wsd", "inverse-sqrt"] = "linear"
    warmup: float = Field(default=0.05, ge=0, lt=1)
    """Share of the steps until the peak, at least five steps: over 2% of the steps a warm-up is up to .005 bits a byte
    worse (runs of 250 to 700 steps, 2026-11)."""
    decay: float = Field(default=0.2, gt=0, le=1)
    """wsd: share of the steps that fall; a tenth to a fifth is as good as a whole cosine (Hägele et al. 2024)."""
    final: float = Field(default=0.0, ge=0, lt=1)
    """What linear, cosine and wsd end on. To zero, not to a tenth: Bergsma et al. 2025, "Straight to Zero"."""

    def share(self, step: int, *, steps: int) -> float:
        """Of the peak, at a step from 0 on."""
        warmup = self.warmup_steps(steps)
        if step < warmup:
            return (step + 1) / warmup
        if self.kind == "inverse-sqrt":
            return math.sqrt(warmup / (step + 1))
        level = self.level_steps(steps) if self.kind == "wsd" else warmup
        if step < level:
            return 1.0
        left = (steps - step) / (steps - level + 1)
        if self.kind == "cosine":
            left = (1 - math.cos(math.pi * left)) / 2
        return self.final + (1 - self.final) * left

    def level_steps(self, steps: int) -> int:
        """wsd: steps until it begins to fall."""
        return max(self.warmup_steps(steps), steps - round(self.decay * steps))

    def warmup_steps(self, steps: int) -> int:
        """Steps until the peak is reached."""
        return min(steps, max(LEAST_WARMUP_STEPS, round(self.warmup * steps)))

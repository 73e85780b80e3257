"""What is told of a run on its way: how often it is looked at, what of, and to whom. Never what it makes."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from smelt.units import Count

Tracker = Literal["tensorboard", "wandb", "mlflow"]


class Watch(BaseModel):
    """Beside its learning curve: nothing, where nothing is said."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    evaluations: int = Field(default=0, ge=0)
    """How often the held-out loss is taken on the way, of all text and of each domain."""
    samples: tuple[str, ...] = ()
    """Beginnings of texts that a decoder goes on with at each evaluation, word by likeliest word."""
    sample_tokens: int = Field(default=32, ge=1)
    """How far."""
    trackers: tuple[Tracker, ...] = ()
    """Who else is told: each an extra of the same name, and its files in the folder `trackers` beside the store."""
    peak_flops: Count | None = None
    """FLOPs a second of the device at most: of it, what is used is told (MFU; Chowdhery et al. 2022)."""
    watts: float | None = Field(default=None, gt=0)
    """Of the device under load: energy is told as this times the seconds."""
    price_per_hour: float | None = Field(default=None, gt=0)
    """Of the device: what was spent is told."""

    @model_validator(mode="after")
    def _samples_have_a_moment(self) -> Watch:
        if self.samples and not self.evaluations:
            raise ValueError("samples are written at evaluations: say how many, such as evaluations = 10")
        return self

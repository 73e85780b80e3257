"""What a step learns from, as tensors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
import torch
from torch import Tensor

from smelt.runs.corrupt import IGNORED, Asked, Int64s, ask_causal


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """The fields of `corrupt.Asked`, of B rows."""

    tokens: Tensor
    targets: Tensor
    source: Tensor | None = None
    padding: Tensor | None = None
    prefix: Tensor | None = None
    documents: Tensor | None = None
    values: Tensor | None = None

    @classmethod
    def of(cls, asked: Asked) -> Self:
        """The same in torch."""
        found = {name: value for name, value in asked._asdict().items() if value is not None}
        return cls(**{name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in found.items()})

    @classmethod
    def causal(cls, windows: Int64s) -> Self:
        """The next token of each of windows (B, T + 1)."""
        return cls.of(ask_causal(windows))

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def n_targets(self) -> int:
        """Tokens that are asked for."""
        return int((self.targets != IGNORED).sum())

    def rows(self, first: int, end: int) -> Self:
        """Some of its rows."""
        return self._each(lambda tensor: tensor[first:end])

    def split(self, n_tokens: int) -> list[Self]:
        """In parts of about so many tokens read and written, or of one row."""
        width = self.tokens.shape[1] + (0 if self.source is None else self.source.shape[1])
        n = max(1, n_tokens // width)
        return [self.rows(first, first + n) for first in range(0, len(self), n)]

    def to(self, device: torch.device) -> Self:
        """The same on a device."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=True))

    def _each(self, change: Callable[[Tensor], Tensor]) -> Self:
        found = ((field.name, getattr(self, field.name)) for field in fields(self))
        return type(self)(**{name: change(value) for name, value in found if value is not None})

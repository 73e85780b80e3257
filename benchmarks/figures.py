"""A measured number, and what it is held against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number, what was wanted of it, and what the peers reached in the same run."""

    what: str
    value: float
    unit: str
    wanted: str
    peers: Mapping[str, float] = field(default_factory=dict[str, float])

    def as_json(self) -> dict[str, Any]:
        """For the results file."""
        return asdict(self)

    def __str__(self) -> str:
        peers = ", ".join(f"{name} {value:.3g}" for name, value in self.peers.items())
        return f"{self.what:<58} {self.value:>8.4g} {self.unit:<8} wanted {self.wanted:<8} {peers}"

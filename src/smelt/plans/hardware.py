"""Accelerators and how much of their peak training turns into model FLOPs."""

from __future__ import annotations

import difflib
import functools
import tomllib
from importlib import resources
from typing import Literal

from pydantic import BaseModel, ConfigDict

Precision = Literal["bf16", "fp8"]


class Utilisation(BaseModel):
    """Model FLOPs over peak FLOPs (MFU), and who reached it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: float
    source: str


class Card(BaseModel):
    """An accelerator, as a row of hardware.toml says it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    bf16_tflops: float
    """Dense, 1e12 FLOP/s."""
    fp8_tflops: float | None = None
    """Likewise; None where the card has no such matrix products."""
    memory_gb: float
    bandwidth_gb_s: float | None = None
    """Of its memory; None where sources disagree."""
    watts: float | None = None
    """Board power; None where the maker does not say."""
    mfu: Utilisation | None = None
    """Of bf16, where someone measured it on this card; else the common one."""
    source: str

    def peak(self, precision: Precision) -> float | None:
        """Dense FLOP/s; None where the card has no such matrix products."""
        tflops = self.bf16_tflops if precision == "bf16" else self.fp8_tflops
        return None if tflops is None else tflops * 1e12

    def utilisation(self, precision: Precision) -> Utilisation:
        """What to expect of it unless one knows better."""
        return FP8_MFU if precision == "fp8" else self.mfu or MFU


MFU = Utilisation(
    value=0.4,
    source="Llama 3's .38 to .43 on up to 16,384 H100 (Dubey et al. 2024, table 4); small models and single consumer "
    "cards reach less",
)
FP8_MFU = Utilisation(
    value=0.3,
    source="bf16's .4, times the gain of up to 1.5 that torchtitan reports for float8 (Liang et al. 2024), over a peak "
    "twice as high: an assumption",
)


@functools.cache
def cards() -> dict[str, Card]:
    """Every known card by its short name."""
    text = resources.files("smelt.plans").joinpath("hardware.toml").read_text()
    return {name: Card.model_validate(row) for name, row in tomllib.loads(text).items()}


def card_named(name: str) -> Card:
    """The card of a name; ValueError with the nearest name where there is none."""
    if name.lower() in cards():
        return cards()[name.lower()]
    close = difflib.get_close_matches(name.lower(), cards(), n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise ValueError(f"there is no card {name!r}; {hint}Known are {', '.join(cards())}")

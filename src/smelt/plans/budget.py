"""A budget in FLOPs, in GPU-hours or in money, and what it comes to in each of them.

flops  =  GPU-hours x 3600 x peak x MFU           GPU-hours  =  money / price of a GPU-hour
"""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from smelt.plans.hardware import Card, Precision, card_named, cards
from smelt.units import Count, format_count, parse_seconds


def _to_hours(value: object) -> object:
    """Hours from a number or from a string such as "48h" or "2 days"."""
    if not isinstance(value, str):
        return value
    try:
        return float(value)
    except ValueError:
        return parse_seconds(value) / 3600


class Budget(BaseModel):
    """What may be spent on one training run, in one currency: `flops`, `hours` or `money`.

    In none it is open: the cards and the price of something whose compute is still to be found.

    >>> Budget(gpu="h100", count=64, hours=240).compute().flops
    2.18847744e+22
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    flops: Count | None = Field(None, gt=0)
    """Training FLOPs: 1e19, "1e19"."""
    hours: Annotated[float | None, BeforeValidator(_to_hours)] = Field(None, gt=0)
    """Wall hours on `count` cards: 48, "48h", "2d". Needs `gpu`."""
    money: Count | None = Field(None, gt=0)
    """In any currency, that of `price_per_hour`. Needs `gpu`."""
    gpu: str | None = None
    """A card of hardware.toml."""
    count: int = Field(1, ge=1)
    """Number of cards."""
    mfu: float | None = Field(None, gt=0, le=1)
    """Share of the peak that becomes model FLOPs; by default what the card's row or the precision says."""
    precision: Precision = "bf16"
    """Of the matrix products."""
    price_per_hour: float | None = Field(None, gt=0)
    """Of one card."""

    @model_validator(mode="before")
    @classmethod
    def _plain_flops(cls, value: Any) -> Any:
        """A number or a string alone is FLOPs: `budget = "1e19"`."""
        return {"flops": value} if isinstance(value, int | float | str) else value

    @field_validator("gpu")
    @classmethod
    def _known_card(cls, gpu: str | None) -> str | None:
        if gpu is not None:
            card_named(gpu)
        return gpu and gpu.lower()

    @model_validator(mode="after")
    def _one_currency(self) -> Self:
        given = [name for name in ("flops", "hours", "money") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"a budget is one of flops, hours or money, and {' and '.join(given)} of them is given")
        if self.money is not None and self.price_per_hour is None:
            raise ValueError("a budget in money needs price_per_hour, what one card costs an hour")
        if given and self.flops is None and self.gpu is None:
            raise ValueError(f"a budget in {given[0]} needs gpu, one of {', '.join(cards())}")
        if self.card and self.card.peak(self.precision) is None:
            raise ValueError(f"{self.card.name} has no {self.precision} matrix products")
        return self

    @property
    def is_open(self) -> bool:
        """It names no amount."""
        return self.flops is None and self.hours is None and self.money is None

    @property
    def utilisation(self) -> float:
        """The share of the peak that is reckoned with."""
        return self.mfu or (self.card.utilisation(self.precision).value if self.card else 0.0)

    @property
    def card(self) -> Card | None:
        """The card it names."""
        return cards()[self.gpu] if self.gpu else None

    def compute(self) -> Compute:
        """The budget in every currency that its fields allow."""
        gpu_hours = self._gpu_hours()
        flops = self.flops if self.flops is not None else (gpu_hours or 0.0) * self._flops_per_gpu_hour()
        price = self.price_per_hour
        return Compute(
            flops=flops,
            gpu_hours=gpu_hours,
            hours=None if gpu_hours is None else gpu_hours / self.count,
            cost=None if gpu_hours is None or price is None else gpu_hours * price,
        )

    def in_words(self) -> str:
        """As one would say it: "48 hours of 8 x NVIDIA H200 SXM at 40% MFU"."""
        compute = self.compute()
        cluster = (
            f"{self.count} x {self.card.name} at {self.utilisation:.0%} MFU{_in(self.precision)}" if self.card else ""
        )
        if self.money is not None:
            return f"{self.money:,.0f} in money, at {self.price_per_hour:g} a GPU-hour of {cluster}"
        if self.hours is not None:
            return f"{self.hours:g} hours of {cluster}"
        if self.is_open:
            return cluster or "whatever it takes"
        return f"{format_count(compute.flops)} FLOPs" + (f" on {cluster}" if cluster else "")

    def _gpu_hours(self) -> float | None:
        if self.hours is not None:
            return self.hours * self.count
        if self.money is not None and self.price_per_hour is not None:
            return self.money / self.price_per_hour
        return self.flops / self._flops_per_gpu_hour() if self.flops is not None and self.gpu else None

    def _flops_per_gpu_hour(self) -> float:
        return (self.card.peak(self.precision) or 0.0) * self.utilisation * 3600 if self.card else 0.0


def _in(precision: Precision) -> str:
    return "" if precision == "bf16" else f" in {precision}"


class Compute(BaseModel):
    """A budget in every currency; None where nothing gives a rate of exchange."""

    model_config = ConfigDict(frozen=True)

    flops: float
    gpu_hours: float | None
    """Of all cards together."""
    hours: float | None
    """On the wall."""
    cost: float | None

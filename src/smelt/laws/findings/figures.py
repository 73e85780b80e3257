"""Figures with intervals, and what every record is: frozen, and null where a figure could not be had, never NaN."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict

from smelt.laws.forms import Floats
from smelt.units import format_count

Method = Literal["isoflop", "akima", "envelope", "parametric"]
"""How an optimum is had; also the name of its record in `Findings`."""
METHOD_NAMES: dict[Method, str] = {
    "isoflop": "parabolas",
    "akima": "interpolated curves",
    "envelope": "envelope",
    "parametric": "parametric form",
}
Largest = Literal["flops", "n_params"]
"""By what the runs that are held out are the largest."""
LEVEL = (2.5, 97.5)
"""Percentiles of every interval."""


class Record(BaseModel):
    """Base of the records: frozen, and nothing unknown read in."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Interval(Record):
    """A figure with its 95% interval, in the figure's unit; an end is None where the draws cannot say."""

    mid: float
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, mid: float, draws: Floats) -> Self:
        """The figure with percentiles of its bootstrap draws."""
        low, high = _ends(draws)
        return cls(mid=mid, low=low, high=high)

    @classmethod
    def of_log(cls, log_mid: float, log_draws: Floats) -> Self:
        """The same for a figure known by its logarithm."""
        with np.errstate(over="ignore"):
            return cls.of(float(np.exp(log_mid)), np.exp(log_draws))

    def in_words(self, form: Callable[[float], str] = format_count) -> str:
        """For people: "641M (68.3M to 2.62B)"."""
        if self.low is None or self.high is None:
            return f"{form(self.mid)} (no interval)"
        return f"{form(self.mid)} ({form(self.low)} to {form(self.high)})"

    def overlaps(self, other: Interval) -> bool:
        """The intervals touch; an open end reaches everywhere."""
        below = self.high is not None and other.low is not None and self.high < other.low
        above = self.low is not None and other.high is not None and self.low > other.high
        return not (below or above)


class Estimate(Record):
    """A parameter with its bootstrap standard error and 95% interval."""

    value: float
    se: float | None = None
    ci95: tuple[float, float] | None = None

    @classmethod
    def of(cls, value: float, draws: Floats) -> Self:
        """From bootstrap draws of the parameter; neither error nor interval where they are not finite."""
        low, high = _ends(draws)
        if low is None or high is None:
            return cls(value=value)
        with np.errstate(over="ignore", invalid="ignore"):
            se = float(np.nanstd(draws))
        return cls(value=value, se=se if np.isfinite(se) else None, ci95=(low, high))

    @property
    def interval(self) -> Interval:
        """The same without the error."""
        low, high = self.ci95 or (None, None)
        return Interval(mid=self.value, low=low, high=high)


def _ends(draws: Floats) -> tuple[float | None, float | None]:
    """The percentiles of `LEVEL` over draws, up to 5% of which may be NaN; None for an end that is not finite."""
    known = draws[~np.isnan(draws)]
    if not len(known) or len(known) < 0.95 * len(draws):
        return None, None
    low, high = (float(end) for end in np.percentile(known, LEVEL, method="closest_observation"))
    return low if np.isfinite(low) else None, high if np.isfinite(high) else None


class Span(Record):
    """The least and the greatest of a quantity over the runs used."""

    least: float
    greatest: float

    @classmethod
    def of(cls, values: Floats) -> Self:
        return cls(least=float(values.min()), greatest=float(values.max()))

"""How fast a phase goes and how long it will go on, from the events of its items.

The time left goes by cost, not by items: the costliest start first, so that what is left is cheaper than what was done.
Items of an earlier, killed run are done but took no time in this one: they count for neither.
"""

from __future__ import annotations

from dataclasses import dataclass

from smelt.units import format_count, format_seconds


@dataclass(slots=True)
class Pace:
    """One phase as it goes."""

    started: float
    """When, in seconds of the clock that `at` is of."""
    left: float = 1.0
    """The share of the phase's cost that is still to do."""
    done: float = 0.0
    """The share done since `started`."""
    documents: float = 0.0
    bytes: float = 0.0

    def add(self, share: float, documents: float, n_bytes: float) -> None:
        """Counts a finished item."""
        self.left = round(max(0.0, self.left - share), 9)  # shares add up to one but for the last bits
        self.done += share
        self.documents += documents
        self.bytes += n_bytes

    def seconds_left(self, at: float) -> float | None:
        """As long as the share that is left takes at the pace so far; None before anything is done."""
        return (at - self.started) * self.left / self.done if self.done > 0 else None

    def in_words(self, at: float) -> str:
        """Such as "512 documents/s, 3.1 MB/s, 2 min 10 s left"; empty before anything is done."""
        elapsed, left = at - self.started, self.seconds_left(at)
        if left is None or elapsed <= 0:
            return ""
        rates = [f"{format_count(self.documents / elapsed)} documents/s", f"{self.bytes / elapsed / 1e6:.3g} MB/s"]
        return ", ".join([*(rates if self.documents else []), f"{format_seconds(left)} left"])

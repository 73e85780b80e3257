"""How fast a phase goes and how long it will go on, from the events of its items.

The end is foreseen from what a worker gets done in a second: an item says its share of all cost and how long it took.
So the time left runs down as the clock does, and is set right by each item that ends; were it taken from what is done
by now, it would grow for as long as no item ends, and jump when one does. It goes by cost, not by items: the costliest
start first. Items of an earlier, killed run are done but took no time in this one: they count for neither.
"""

from __future__ import annotations

from dataclasses import dataclass

from smelt.units import format_count, format_seconds


@dataclass(slots=True)
class Pace:
    """One phase as it goes; moments are seconds of one clock."""

    items: int
    """Those to do."""
    workers: int
    """How many are done side by side."""
    left: float = 1.0
    """The share of the phase's cost that is still to do."""
    ended: int = 0
    done: float = 0.0
    """The share that was done."""
    seconds: float = 0.0
    """What the ended items took, one by one."""
    documents: float = 0.0
    bytes: float = 0.0
    _began: float = 0.0
    """When the first item began."""
    _last: float = 0.0
    """When an item ended last."""
    _last_began: float = 0.0
    """When the last of the items that are not yet done began."""

    def add(self, *, at: float, share: float, seconds: float, documents: float = 0, n_bytes: float = 0) -> None:
        """Counts an item that ended."""
        if not self.ended:
            self._began = self._last_began = at - seconds
        self.ended += 1
        self.left = round(max(0.0, self.left - share), 9)  # shares add up to one but for the last bits
        self.done += share
        self.seconds += seconds
        self.documents += documents
        self.bytes += n_bytes
        self._last = at
        if self.items - self.ended >= self.workers:
            self._last_began = at

    def seconds_left(self, at: float) -> float | None:
        """Until the phase ends as foreseen, 0 where it should have; None before anything is done."""
        speed = self._speed()
        if speed is None:
            return None
        if not self.left:
            return 0.0
        packed = self._began + (self.done + self.left) / speed
        # The last items keep fewer workers busy than there are: none ends sooner than it takes.
        last = self._last_began + self.left / max(self.items - self.ended, 1) * self.seconds / self.done
        return max(packed - at, last - at, 0.0)

    def in_words(self, at: float) -> str:
        """Such as "512 documents/s, 3.1 MB/s, 2 min 10 s left"; empty before anything is done."""
        speed, left = self._speed(), self.seconds_left(at)
        if speed is None or left is None:
            return ""
        a_second = speed / self.done
        rates = [f"{format_count(self.documents * a_second)} documents/s", f"{self.bytes * a_second / 1e6:.3g} MB/s"]
        told = f"{format_seconds(left)} left" if left or not self.left else "longer than foreseen"
        return ", ".join([*(rates if self.documents else []), told])

    def _speed(self) -> float | None:
        """The share that all workers do in a second: as many times what one does, and no more than has been seen."""
        if not self.done or not self.seconds or self._last <= self._began:
            return None
        n_left = self.items - self.ended
        begun = min(self.workers, n_left) * self.left / max(n_left, 1)
        seen = (self.done + begun) / (self._last - self._began)
        return min(min(self.workers, self.items) * self.done / self.seconds, seen)

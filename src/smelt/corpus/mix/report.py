"""What a mixture says of itself: by group what there was, what was wanted and taken, how often, and what is missing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smelt.corpus.mix.plan import NEARLY_FREE, Draw

REPORT = "mix.json"
Row = dict[str, Any]
"""A group of mix.json."""
SHORT = 0.01
"""The share of what was wanted that may be missing unsaid: a document at the edge of a draw is more often."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What amounts are counted in: `scale` units for one of the sizes that documents have."""

    unit: str
    scale: float
    budget: float | None


def rows_of(
    groups: Mapping[str, Sequence[int]],
    shares: Mapping[str, float],
    taken: Mapping[str, Sequence[int]],
    draws: Mapping[str, Draw],
    terms: Terms,
) -> list[Row]:
    """A row for each group, from its documents, bytes and size, and those taken of it."""
    total = sum(numbers[2] for numbers in taken.values()) * terms.scale
    budget = total if terms.budget is None else terms.budget
    rows: list[Row] = []
    for group, available in groups.items():
        got = taken.get(group, (0, 0, 0))
        wanted, amount = shares[group] * budget, got[2] * terms.scale
        rows.append(
            {
                "group": group,
                "available": _amounts(available, terms),
                "share_wanted": shares[group],
                "share_taken": amount / total if total else 0.0,
                "wanted": wanted,
                "taken": _amounts(got, terms),
                "shortfall": max(wanted - amount, 0.0),
                "epochs": got[2] / available[2] if available[2] else 0.0,
                "most_copies": draws[group].most,
            }
        )
    return rows


def warnings_of(rows: Sequence[Row], unit: str) -> list[str]:
    """What the user should know: groups that ran short, and those repeated too often."""
    return [*_shortfalls(rows, unit), *_repeats(rows)]


def lines_of(rows: Sequence[Row], unit: str) -> Iterator[str]:
    """The rows as a table."""
    yield f"{'group':<32} {'available':>14} {'wanted':>14} {'taken':>14} {'epochs':>7} {'shortfall':>14}  {unit}"
    for row in rows:
        numbers = (row["available"][unit], row["wanted"], row["taken"][unit])
        amounts = " ".join(f"{number:>14,.0f}" for number in numbers)
        yield f"{row['group']:<32} {amounts} {row['epochs']:>7.2f} {row['shortfall']:>14,.0f}"


def mixture_lines(folder: Path) -> Iterator[str]:
    """The table of the mixture that lies in a folder; nothing where it is none."""
    if (folder / REPORT).is_file():
        report = json.loads((folder / REPORT).read_text(encoding="utf-8"))
        yield from lines_of(report["groups"], report["unit"])


def _shortfalls(rows: Sequence[Row], unit: str) -> Iterator[str]:
    for row in rows:
        if row["shortfall"] > SHORT * row["wanted"]:
            yield (
                f"{row['group']} is short by {row['shortfall']:,.0f} of {row['wanted']:,.0f} {unit}, "
                f"taken {row['epochs']:.2f} times"
            )


def _repeats(rows: Sequence[Row]) -> Iterator[str]:
    for row in rows:
        if row["epochs"] > NEARLY_FREE:
            yield (
                f"{row['group']} is repeated {row['epochs']:.1f} times: "
                f"beyond {NEARLY_FREE} each time teaches less (Muennighoff et al. 2023)"
            )


def _amounts(numbers: Sequence[int], terms: Terms) -> dict[str, float]:
    return {"documents": numbers[0], "bytes": numbers[1], terms.unit: numbers[2] * terms.scale}

"""The page of published laws fitted again is what its studies print."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from benchmarks.reproductions.page import PAGE, STUDIES, line

OF_NO_DATA = ("Approach 2 without noise", "Models that will be used", "Counting")
CHEAP = ("From Kaplan's exponent to Chinchilla's", "Llama 3's curves", "Emergence", "Inverse scaling")


def sections() -> dict[str, list[str]]:
    """Rows of each section's table."""
    parts = re.split(r"^## (.+)$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return {
        title: [row for row in text.splitlines() if row.startswith("| ")][1:]
        for title, text in zip(parts[::2], parts[1::2], strict=True)
    }


def test_the_page_has_every_study_with_its_figures() -> None:
    found = sections()
    assert list(found) == list(STUDIES)
    assert min(len(rows) for rows in found.values()) > 2


@pytest.mark.parametrize("title", OF_NO_DATA)
def test_figures_of_laws_alone_are_those_of_the_page(title: str) -> None:
    assert _but_rounding(list(map(line, STUDIES[title]().rows))) == _but_rounding(sections()[title])


@pytest.mark.parametrize("title", CHEAP)
def test_figures_of_public_runs_are_those_of_the_page(title: str, shared_data: Path) -> None:
    assert list(map(line, STUDIES[title]().rows)) == sections()[title]


def _but_rounding(rows: list[str]) -> list[str]:
    """Without what is zero but for the machine's last digits."""
    return [row for row in rows if not re.search(r"\d(\.\d)?e-\d\d", row)]

"""The examples on the pages of what is not loss by N and D print what stands there."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

PAGES = Path(__file__).parents[2] / "docs/laws"
DATA = {
    "forms/broken": "bnsl",
    "forms/mixture": "mixinglaws",
    "forms/downstream": "olmo_ladder",
    "forms/hyperparameters": "steplaw",
    "trends": "inverse_scaling_pilot",
}
"""A page and the folder of shared data that its examples read."""


@pytest.mark.parametrize("page", DATA)
def test_examples_print_what_the_page_says(page: str, shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shared_data / "scaling" / DATA[page])
    text = (PAGES / f"{page}.md").read_text(encoding="utf-8").replace("```", "")
    failed, tried = doctest.DocTestRunner().run(doctest.DocTestParser().get_doctest(text, {}, page, f"{page}.md", 0))
    assert tried > 5
    assert failed == 0

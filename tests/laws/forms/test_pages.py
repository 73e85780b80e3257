"""The examples on the forms' pages print what stands there, and every form has a page."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

from smelt.laws.forms import FORMS

PAGES = Path(__file__).parents[3] / "docs/laws"
DATA = {
    "chinchilla": "epoch_chinchilla",
    "kaplan": "epoch_chinchilla",
    "over-training": "gadre_overtraining",
    "repeated": "muennighoff_data_constrained",
    "routed": "routing_moe",
}
"""A page and the folder of shared data that its examples read."""


@pytest.mark.parametrize("page", DATA)
def test_examples_print_what_the_page_says(page: str, shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shared_data / "scaling" / DATA[page])
    text = (PAGES / f"forms/{page}.md").read_text(encoding="utf-8").replace("```", "")
    failed, tried = doctest.DocTestRunner().run(doctest.DocTestParser().get_doctest(text, {}, page, f"{page}.md", 0))
    assert tried > 5
    assert failed == 0


def test_the_index_names_every_form() -> None:
    index = (PAGES / "README.md").read_text(encoding="utf-8")
    assert [name for name in FORMS if f"`{name}`" not in index] == []

"""The how-to on choosing runs: its snippet prints what it shows, and its recipe is one, in both languages."""

from __future__ import annotations

import contextlib
import io
import tomllib

import polars as pl
import pytest

from pipeline_runs import ROOT
from smelt.core.recipe import Recipe
from smelt.laws.design.ladder import AdaptiveLadder
from test_how_to_mix import blocks
from token_files import Chain

PAGES = [ROOT / "docs/how-to" / name for name in ("design.md", "design.zh-CN.md")]


@pytest.mark.parametrize("kind", ["", "text", "python", "toml"])
def test_both_languages_have_the_same_blocks(kind: str) -> None:
    english, chinese = PAGES
    assert blocks(english, kind) == blocks(chinese, kind) != []


def test_the_snippet_prints_the_table_of_the_page() -> None:
    (snippet,), table = blocks(PAGES[0], "python"), blocks(PAGES[0], "text")[0]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(snippet, {"runs": pl.read_parquet(ROOT / "tests/pipeline/quickstart-runs.parquet")})
    assert printed.getvalue() == table


def test_the_recipe_of_the_page_is_that_of_the_tree() -> None:
    (page,) = blocks(PAGES[0], "toml")
    fields = tomllib.loads(page)["ladder"]
    assert fields.pop("step") == "adaptive-ladder"
    ladder = AdaptiveLadder.model_validate({**fields, "tokens": Chain()})
    found = Recipe.load(ROOT / "recipes/adaptive.toml").steps["ladder"]
    assert ladder.identity == found.identity

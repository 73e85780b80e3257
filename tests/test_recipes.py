"""Every recipe that is shipped is whole: each table a step, each input there, and a header that says what it costs."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from pipeline_runs import ROOT
from smelt.core.recipe import Recipe

RECIPES = sorted((ROOT / "recipes").glob("*.toml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_loads_and_says_its_cost_and_what_to_expect(path: Path) -> None:
    tables = tomllib.loads(path.read_text())
    absent = [name for name, table in tables.items() if table["step"] == "read" and isinstance(table["paths"], str)]
    absent += ["raw"] if path.stem == "long" else []
    some = ROOT / "recipes/quickstart/government.jsonl.zst"  # in the place of data that are not shipped
    assert len(Recipe.load(path, [f"{name}.paths={some}" for name in absent]).steps) == len(tables)
    header = path.read_text().partition("\n[")[0].lower()
    assert all(word in header for word in (path.stem, "smelt run recipes/", "data:", "cost", "expected"))

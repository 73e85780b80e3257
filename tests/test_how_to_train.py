"""The how-to on other families: its recipe, in both languages, on pairs of two languages; and each family it names."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from example_files import write_examples
from pipeline_runs import ROOT, smelt
from smelt.models.sizes import Family

PAGES = [ROOT / "docs/how-to" / name for name in ("train.md", "train.zh-CN.md")]


def blocks(page: Path) -> list[tuple[str, str]]:
    return re.findall(r"```(\w*)\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


def families(page: Path) -> list[str]:
    first = page.read_text(encoding="utf-8").split("\n## ")[1]
    return re.findall(r"^\| .+? \| `(.+?)`", first, re.MULTILINE)


def test_both_languages_have_the_same_recipe_and_the_same_families() -> None:
    english, chinese = PAGES
    assert blocks(english) == blocks(chinese)
    assert families(english) == families(chinese)
    assert len(families(english)) == 8


@pytest.mark.parametrize("fields", families(PAGES[0]))
def test_each_family_can_be_built(fields: str) -> None:
    family = Family.model_validate(tomllib.loads(f"family = {{ {fields} }}")["family"])
    assert family.shape(vocab=300, d_model=32).n_layers == 2


def test_the_how_to_does_what_it_says(tmp_path: Path) -> None:
    rows = map(json.loads, write_examples(tmp_path / "rows.jsonl", 900, 0).read_text().splitlines())
    pairs = [json.dumps({"text": row["german"], "en": row["text"]}) for row in rows]
    (tmp_path / "pairs.jsonl").write_text("\n".join(pairs))
    [recipe] = [text for kind, text in blocks(PAGES[0]) if kind == "toml"]
    (tmp_path / "translate.toml").write_text(recipe)
    smelt("run", tmp_path / "translate.toml", "--store", tmp_path / "store", "--no-report")
    [scores] = (tmp_path / "store/scores").glob("*/scores.json")
    assert json.loads(scores.read_text())["bleu"] > 50

"""The tutorial's recipe and commands, in both languages, on a folder of real documents."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from pipeline_runs import QUICKSTART, ROOT, smelt

QUESTION = "Which of the principles of Python's design says that errors should never pass silently, and unless what?"


def blocks(page: Path, kind: str) -> list[str]:
    fenced = re.findall(r"```(\w*)\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    return [text for found, text in fenced if found == kind]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "documents").mkdir()
    for name in ("government.jsonl.zst", "classical-zh.parquet"):
        shutil.copy(QUICKSTART / name, tmp_path / "documents")
    zen = (QUICKSTART / "pep-0020.txt").read_text()
    (tmp_path / "documents/leak.txt").write_text(f"{QUESTION}\n\n{zen}\n\nNobody in the town has ever known.\n")
    (tmp_path / "questions").mkdir()
    (tmp_path / "questions/mine.jsonl").write_text(json.dumps({"question": QUESTION}) + "\n")
    return tmp_path


@pytest.mark.parametrize("name", ["tutorial.md", "tutorial.zh-CN.md"])
def test_the_tutorial_does_what_it_says(folder: Path, name: str) -> None:
    recipe, rules, fair = blocks(ROOT / "docs" / name, "toml")
    (folder / "mine.toml").write_text(rules, encoding="utf-8")
    lenient = recipe.replace('"gopher"', '{ op = "rules", table = "mine.toml" }')
    (folder / "corpus.toml").write_text(f"{lenient}\n{fair}", encoding="utf-8")
    store = ("--store", str(folder / "store"))
    smelt("run", folder / "corpus.toml", *store)
    sheet = json.loads(smelt("datasheet", "fair", "--json", *store).stdout)
    assert sheet["documents"] > 300
    assert {row["value"] for row in sheet["by"]["language"]} == {"en", "zh"}
    assert sheet["personal_data"].keys() >= {"email", "phone"}
    shown = smelt("show", "clean", "--drop", "mine", *store)
    assert "mine." in shown.stdout


def test_both_languages_have_the_same_recipe_and_commands() -> None:
    english, chinese = (ROOT / "docs" / name for name in ("tutorial.md", "tutorial.zh-CN.md"))
    assert blocks(english, "toml")[0::2] == blocks(chinese, "toml")[0::2]
    assert blocks(english, "") == blocks(chinese, "")

"""The how-to on mixing: its command and its recipe, in both languages, on real documents."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from pipeline_runs import QUICKSTART, ROOT, smelt

PAGES = [ROOT / "docs/how-to" / name for name in ("mix.md", "mix.zh-CN.md")]
BEFORE = '[raw]\nstep = "read"\npaths = "documents"\n[unique]\nstep = "dedup"\ncorpus = "raw"\n'


def blocks(page: Path, kind: str) -> list[str]:
    fenced = re.findall(r"```(\w*)\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    return [text for found, text in fenced if found == kind]


def test_both_languages_have_the_same_command_and_recipe() -> None:
    english, chinese = PAGES
    assert blocks(english, "") == blocks(chinese, "")
    assert blocks(english, "toml") == blocks(chinese, "toml")


def test_the_how_to_does_what_it_says(tmp_path: Path) -> None:
    (tmp_path / "documents").mkdir()
    for name in ("government.jsonl.zst", "statutes-zh.jsonl.zst"):
        shutil.copy(QUICKSTART / name, tmp_path / "documents")
    (command,), (recipe,) = blocks(PAGES[0], ""), blocks(PAGES[0], "toml")
    arguments = command.split()[1:]
    arguments[1], arguments[3] = str(tmp_path / "documents"), str(tmp_path / "mixed")
    smelt(*arguments, "--store", tmp_path / "store")
    found = {row["group"]: row for row in json.loads((tmp_path / "mixed/mix.json").read_text())["groups"]}
    assert found["zh/law"]["wanted"] == 600_000
    # There is too little English: two epochs of all of it, and the law takes the rest.
    assert found["en/government_blog"]["epochs"] == 2
    assert abs(sum(row["taken"]["tokens"] for row in found.values()) / 2_000_000 - 1) < 0.02
    (tmp_path / "mix.toml").write_text(BEFORE + recipe)
    smelt("run", tmp_path / "mix.toml", "--store", tmp_path / "store", "--no-report")

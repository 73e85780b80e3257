"""The how-to on reading: its commands and its recipe, in both languages, on rows such as it speaks of."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import polars as pl
import pytest

from pipeline_runs import ROOT, smelt
from smelt.corpus.collect import apart, bundles, tables, unpack
from smelt.corpus.extract import page
from smelt.corpus.steps import Read

PAGES = [ROOT / "docs/how-to" / name for name in ("read.md", "read.zh-CN.md")]
TEXT = "Heat the ore with coke until the iron runs, and let the slag run off before it. Nobody wanted it until now."
HTML = f"<html><body><nav>Home</nav><article><h1>Ore</h1><p>{TEXT}</p></article></body></html>"


def blocks(page: Path, kind: str) -> list[str]:
    fenced = re.findall(r"```(\w*)\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    return [text for found, text in fenced if found == kind]


def test_both_languages_have_the_same_commands_and_recipe() -> None:
    english, chinese = PAGES
    assert blocks(english, "") == blocks(chinese, "")
    assert blocks(english, "toml") == blocks(chinese, "toml")


def test_the_how_to_does_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    row = {"body": TEXT, "headline": "Of iron", "meta": {"created": "1867-01-02"}}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row) + "\n")
    (tmp_path / "pages.jsonl").write_text(json.dumps({"page": HTML, "address": "https://example.org"}) + "\n")
    for command in blocks(PAGES[0], ""):
        smelt(*command.split()[1:])
    document = pl.read_parquet(tmp_path / "clean/kept").row(0, named=True)
    assert (document["text"], document["date"]) == (TEXT, "1867-01-02")
    assert json.loads(document["meta"])["title"] == "Of iron"
    extracted = json.loads((tmp_path / "texts.jsonl").read_text())
    assert extracted["url"] == "https://example.org"
    assert TEXT in extracted["text"]
    assert "Home" not in extracted["text"]
    raw = tomllib.loads(blocks(PAGES[0], "toml")[0])["raw"]
    given = dict(part.split("=") for part in re.findall(r"--column (\S+)", blocks(PAGES[0], "")[0]))
    assert Read(paths=raw["paths"], columns=raw["columns"]).columns == given


def test_the_limits_it_tells_are_those_that_hold() -> None:
    read = Read(paths="rows.jsonl")
    assert (read.max_record, read.max_unreadable) == (64 << 20, 0.05)
    assert (unpack.MAX_RATIO, unpack.RATIO_FROM, bundles.ALL_FROM) == (200, 64 << 20, 1 << 30)
    assert (bundles.MAX_DEPTH, bundles.MAX_MEMBERS) == (3, 1_000_000)
    assert (tables.PASSED_OVER, tables.ROW_LINES) == (4, 2_000_000)
    assert (page.MAX_MARKUP, page.MAX_BLOCKS) == (2_000_000, 100_000)
    assert (apart.CPU_SECONDS, apart.MEMORY) == (3, 2 << 30)

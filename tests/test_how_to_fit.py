"""The how-to on fitting: its sample table, its commands and its recipe, in both languages."""

from __future__ import annotations

import io
import json
import re
import shlex
import shutil
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pipeline_runs import ROOT
from planted_runs import FewStarts
from smelt.cli.main import main
from smelt.core.recipe import Recipe
from smelt.core.store import Store
from smelt.core.work import Inline
from smelt.laws.forms import FORMS
from smelt.laws.law import Law
from smelt.plans.plan import Plan

PAGES = [ROOT / "docs/how-to" / name for name in ("fit.md", "fit.zh-CN.md")]
SAMPLE = ROOT / "docs/how-to/runs.csv"
A, B, E, ALPHA, BETA = 482.01, 2085.43, 1.8172, 0.3478, 0.3658
"""The surface that the sample is drawn from: constants of Besiroglu et al. 2024."""


def sample() -> str:
    """The sample table: 8 sizes at each of 6 budgets, .3% of noise, and one run that crashed before its loss."""
    generator = np.random.RandomState(1)
    budgets = np.repeat([1e18, 3e18, 1e19, 3e19, 1e20, 3e20], 8)
    best = (ALPHA * A / (BETA * B)) ** (1 / (ALPHA + BETA)) * (budgets / 6) ** (BETA / (ALPHA + BETA))
    n_params = best * np.tile(np.geomspace(1 / 5, 5, 8), 6)
    n_tokens = budgets / 6 / n_params
    loss = (E + A / n_params**ALPHA + B / n_tokens**BETA) * np.exp(0.003 * generator.standard_normal(48))
    rows = [
        f"run-{i},{n / 1e6:.4g},{d / 1e9:.4g},{budget:.0e},{'' if i == 16 else f'{nats:.4f}'}"
        for i, (n, d, budget, nats) in enumerate(zip(n_params, n_tokens, budgets, loss, strict=True))
    ]
    return "\n".join(["name,Model Size (M),Training Tokens (B),budget,C4 Eval Loss", *rows, ""])


def blocks(page: Path, kind: str) -> list[str]:
    fenced = re.findall(r"```(\w*)\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    return [text for found, text in fenced if found == kind]


def commands() -> list[str]:
    return [
        line for block in blocks(PAGES[0], "") for line in block.splitlines() if line.startswith("smelt fit runs.csv")
    ]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copy(SAMPLE, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(FORMS, "chinchilla", FewStarts())
    return tmp_path


def test_the_sample_is_drawn_from_the_surface_that_the_page_names() -> None:
    assert sample() == SAMPLE.read_text()
    assert pl.read_csv(io.StringIO(sample())).height == 48


def test_both_languages_have_the_same_commands_and_recipe() -> None:
    english, chinese = PAGES
    assert blocks(english, "") == blocks(chinese, "")
    assert blocks(english, "toml") == blocks(chinese, "toml")


@pytest.mark.parametrize("command", commands())
def test_the_commands_of_the_how_to_do_what_they_say(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    monkeypatch.setattr(sys, "argv", [*shlex.split(command), "--bootstrap", "200", "--json"])
    with pytest.raises(SystemExit) as leaving:
        main()
    assert leaving.value.code in (0, None)
    found = json.loads(capsys.readouterr().out)
    assert found["optimum_exponent"]["value"] == pytest.approx(BETA / (ALPHA + BETA), abs=0.02)
    assert all(Path(written).exists() for written in found["written"])


def test_the_recipe_of_the_how_to_makes_a_plan(folder: Path) -> None:
    (recipe,) = blocks(PAGES[0], "toml")
    (folder / "plan.toml").write_text(recipe)
    made = Recipe.load(folder / "plan.toml").make(Store(folder / "store", runner=Inline()))
    law, plan = made["law"], made["plan"]
    assert isinstance(law, Law)
    assert isinstance(plan, Plan)
    assert law.findings.data.dropped == {"run-16": "no loss_nats"}
    assert plan.value.flops == 1e22

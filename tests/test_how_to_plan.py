"""Every command of the how-to page runs, in both languages, and says what the page says."""

from __future__ import annotations

import json
import re
import shlex
import sys
import tomllib
from pathlib import Path

import pytest

from smelt.cli.main import main
from smelt.plans.budget import Budget
from smelt.plans.wishes import Wishes

PAGES = Path(__file__).parent.parent / "docs" / "how-to"
ENGLISH, CHINESE = ((PAGES / name).read_text(encoding="utf-8") for name in ("plan.md", "plan.zh-CN.md"))
COMMANDS = re.findall(r"^smelt (plan .+)$", ENGLISH, re.MULTILINE)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["smelt", *arguments])
    with pytest.raises(SystemExit) as leaving:
        main()
    return int(leaving.value.code or 0)


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_of_the_page_answer(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, *shlex.split(command)) == 0
    assert "parameters" in capsys.readouterr().out
    assert run(monkeypatch, *shlex.split(command), "--json") == 0
    assert json.loads(capsys.readouterr().out)


def test_both_languages_show_the_same_commands_and_recipe() -> None:
    fences = [re.findall(r"```.*?```", page, re.DOTALL) for page in (ENGLISH, CHINESE)]
    assert fences[0] == fences[1]
    assert len(COMMANDS) == 11


def test_the_recipes_fields_are_those_of_the_step() -> None:
    recipe = tomllib.loads(re.findall(r"```toml(.*?)```", ENGLISH, re.DOTALL)[0])["plan"]
    assert Budget.model_validate(recipe.pop("budget")).count == 64
    assert Wishes.model_validate(recipe).inference_tokens == 1e12


def test_the_folder_holds_page_and_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "plan", "--flops", "1e21", "-o", str(tmp_path), "--markdown") == 0
    assert (tmp_path / "plan.md").read_text() == capsys.readouterr().out
    assert json.loads((tmp_path / "plan.json").read_text())["law"] == "chinchilla-besiroglu-2024"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--gpu", "h10O", "--hours", "3"), "did you mean 'h100'"),
        (("--law", "kaplan2020", "--flops", "1e20"), "Did you mean kaplan-2020"),
        (("--against", "gofer"), "Did you mean gopher"),
        (("--flops", "many"), "'many' is not a count"),
        (("--target-loss", "1.5"), "below what the law can reach"),
        ((), "nothing to spend"),
    ],
)
def test_mistakes_end_with_a_message_and_status_2(
    arguments: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "plan", *arguments) == 2
    assert said in capsys.readouterr().err

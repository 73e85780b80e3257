"""The console script, called as a user would."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from smelt.cli.main import main


@pytest.fixture
def smelt_(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Calls the console script: gives exit status, stdout and stderr."""

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["smelt", *arguments])
        try:
            main()
            status = 0
        except SystemExit as leaving:
            status = int(leaving.code or 0)
        return status, *capsys.readouterr()

    return call

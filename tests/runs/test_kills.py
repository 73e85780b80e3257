"""Every kind of model, killed by SIGKILL at ten random steps, ends with the bytes of a run that never was."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from families import KINDS


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, object]]:
    """What `kills.py` found, by kind."""
    tests = Path(__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": f"{tests}:{tests.parent}", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(tests / "runs" / "kills.py"), str(tmp_path_factory.mktemp("kills"))]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return {found["kind"]: found for found in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_killed_at_ten_random_steps_ends_with_the_same_bytes(
    kind: str, outcomes: dict[str, dict[str, object]]
) -> None:
    assert outcomes[kind]["codes"] == [-signal.SIGKILL] * 10 + [0]
    assert outcomes[kind]["same"]

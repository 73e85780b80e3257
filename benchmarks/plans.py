"""How long `smelt plan` takes to answer, from the shell to the last line."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

from benchmarks.figures import Figure

RUNS = 7
COMMANDS = {
    "a budget": ("--flops", "1e21"),
    "a loss, and its use": ("--target-loss", "2.2", "--inference-tokens", "1T"),
}


def measure_plans() -> Iterator[Figure]:
    """Median seconds of the command."""
    for what, options in COMMANDS.items():
        seconds = statistics.median(_seconds(*options) for _ in range(RUNS))
        yield Figure(f"smelt plan: {what}", seconds, "s", "<= 0.5")


def _seconds(*options: str) -> float:
    start = time.perf_counter()
    code = "from smelt.cli.main import main; main()"
    subprocess.run([sys.executable, "-c", code, "plan", *options, "--json"], check=True, capture_output=True)
    return time.perf_counter() - start

"""The quickstart as a newcomer meets it: seconds and memory of whole commands, each in a process of its own."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from benchmarks.figures import Figure

ROOT = Path(__file__).parent.parent
RECIPE = ROOT / "recipes" / "quickstart.toml"
SMELT = Path(sys.executable).parent / "smelt"
REPEATS = 5
"""Of short commands; the median counts."""


def measure_quickstart() -> Iterator[Figure]:
    """From nothing to the report, again, and the short commands; then the ladder on one worker."""
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store"
        seconds, memory = run_measured("run", str(RECIPE), "--store", str(store))
        yield Figure("smelt run recipes/quickstart.toml, from nothing", round(seconds, 1), "s", "<= 300")
        yield Figure("its peak memory, all processes", round(memory / 2**30, 2), "GiB", "<= 3")
        again = median_seconds("run", str(RECIPE), "--store", str(store))
        yield Figure("smelt run again", round(again, 2), "s", "<= 3")
        yield Figure("smelt --help", round(median_seconds("--help"), 2), "s", "<= 0.4")
        yield Figure("smelt ls", round(median_seconds("ls", "--store", str(store)), 2), "s", "<= 0.6")
        yield from measure_ladder(store, Path(folder) / "alone")


def measure_ladder(store: Path, alone: Path) -> Iterator[Figure]:
    """How many times as fast two workers are as one; and whether every budget's minimum lies inside its sizes."""
    together = manifest_of(store, "runtable")["seconds"]
    for path in store.iterdir():
        if path.name not in ("run", "runtable", "law", "plan", "reports", "events"):
            shutil.copytree(path, alone / path.name)
    run_measured("run", str(RECIPE), "--store", str(alone), "--workers", "1", "--no-report")
    ratio = manifest_of(alone, "runtable")["seconds"] / together
    yield Figure("ladder, one worker over two", round(ratio, 2), "x", ">= 1.8")
    law = json.loads(next(store.glob("law/*/law.json")).read_text())
    budgets = law["isoflop"]["budgets"]
    inside = sum(budget["interior"] for budget in budgets)
    yield Figure("budgets with an interior minimum", inside, f"of {len(budgets)}", "all")


def run_measured(*arguments: str) -> tuple[float, int]:
    """Wall seconds, and the highest resident memory in bytes, summed over the processes of the command."""
    started, peak = time.perf_counter(), 0
    process = psutil.Popen([str(SMELT), *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        peak = max(peak, resident(process))
        time.sleep(0.1)
    if process.returncode != 0:
        raise RuntimeError(f"smelt {' '.join(arguments)} ended with {process.returncode}")
    return time.perf_counter() - started, peak


def median_seconds(*arguments: str) -> float:
    """The median wall time of a short command."""
    return statistics.median(run_measured_once(*arguments) for _ in range(REPEATS))


def run_measured_once(*arguments: str) -> float:
    """Wall seconds of one short command."""
    started = time.perf_counter()
    subprocess.run([str(SMELT), *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def resident(process: psutil.Process) -> int:
    """Resident bytes of a process and all below it; those that ended in between count nothing."""
    total = 0
    try:
        for member in (process, *process.children(recursive=True)):
            total += member.memory_info().rss
    except psutil.NoSuchProcess:
        pass
    return total


def manifest_of(store: Path, kind: str) -> dict[str, Any]:
    """The manifest of the store's only artifact of a kind."""
    return json.loads(next((store / kind).glob("*/manifest.json")).read_text())

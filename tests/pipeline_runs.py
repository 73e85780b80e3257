"""What the tests of whole runs share: the console script, and what it left in a store."""

from __future__ import annotations

import io
import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import zstandard

ROOT = Path(__file__).parent.parent
QUICKSTART = ROOT / "recipes" / "quickstart"
SMELT = Path(sys.executable).parent / "smelt"


def smelt(*arguments: str | Path, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the console script in a process of its own."""
    command = [SMELT, *arguments]
    return subprocess.run(command, check=check, capture_output=True, text=True, env={**os.environ, **environment})


def kill_while_running(*arguments: str | Path, after: float, **environment: str) -> bool:
    """Starts the command and kills it after `after` seconds; whether it was still running."""
    process = subprocess.Popen(
        [SMELT, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **environment}
    )
    time.sleep(after)
    was_running = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    return was_running


def killed_and_resumed(recipe: Path, *settings: str, kills: int, seed: int, workers: int) -> None:
    """Holds a run that is killed at random moments, and goes on each time, against one that is not."""
    chance = random.Random(seed)
    arguments = ("run", recipe, *settings, "--no-report", "--workers", str(workers), "--store")
    first, whole, killed = (recipe.parent / name for name in ("first", "whole", "killed"))
    smelt(*arguments, first)  # compiles, which may take longer than all else
    started = time.perf_counter()
    smelt(*arguments, whole)
    seconds = time.perf_counter() - started
    n_stopped = 0
    for _ in range(kills):
        stopped = kill_while_running(*arguments, killed, after=seconds * chance.uniform(0.3, 0.8))
        n_stopped += stopped
        if not stopped:  # it had come to its end: from the beginning again
            shutil.rmtree(killed)
    assert n_stopped
    smelt(*arguments, killed)
    assert artifact_bytes(killed) == artifact_bytes(whole) == artifact_bytes(first)


def artifact_bytes(store: Path) -> dict[str, bytes]:
    """Every file of every artifact but the manifests, which hold times."""
    found = (path for path in store.glob("*/*@*/**/*") if path.is_file())
    return {str(path.relative_to(store)): path.read_bytes() for path in found if path.name != "manifest.json"}


def first_lines(path: Path, n: int) -> list[str]:
    """The first `n` lines of a zstd-compressed file."""
    with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as stream:
        return list(itertools.islice(io.TextIOWrapper(stream, "utf-8"), n))


def first_members(path: Path, n_bytes: int) -> bytes:
    """The whole gzip members within the first `n_bytes` of a WARC, one record each."""
    data = path.read_bytes()[:n_bytes]
    return data[: data.rfind(b"\x1f\x8b\x08")]


@contextmanager
def ray_cluster() -> Generator[str]:
    """The address of a two-node Ray cluster on this machine, each node a raylet of its own with one core."""
    from ray.cluster_utils import Cluster

    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(ROOT / "tests")  # workers must find the toy steps
    cluster = Cluster()
    try:
        cluster.add_node(num_cpus=1)
        cluster.add_node(num_cpus=1)
        yield cluster.address
    finally:
        cluster.shutdown()
        os.environ.pop("PYTHONPATH") if before is None else os.environ.update(PYTHONPATH=before)

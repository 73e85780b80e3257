"""A corpus larger than memory through every step of the corpus room, on this machine's cores.

    python -m benchmarks scale          20 GB made by repetition with edits (repetition.py), in benchmarks/.scale

Takes an hour or two on two cores and some 60 GB of disk, so it runs only when it is named. What was made stays, and
the same command goes on from it; remove the folder to start anew.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.repetition import write_repeated
from benchmarks.samples import SHARED
from smelt.core.artifact import Manifest
from smelt.core.step import Step
from smelt.core.store import Store
from smelt.corpus.corpus import Corpus
from smelt.corpus.decontaminate.steps import Decontaminate
from smelt.corpus.duplicates.steps import Dedup
from smelt.corpus.steps import Curate, Read

FOLDER = Path(os.environ.get("SMELT_SCALE_FOLDER", Path(__file__).parent / ".scale"))
N_BYTES = int(os.environ.get("SMELT_SCALE_BYTES", 20_000_000_000))
MAX_PROCESS_GIB = 4


def measure_scale() -> Iterator[Figure]:
    """Rate of each step and the memory of its largest process, in order."""
    documents = FOLDER / "documents"
    if not documents.exists():
        write_repeated(documents, N_BYTES)
    n_bytes = float(N_BYTES)
    with Store(FOLDER / "store") as store:
        for name, step in steps(documents).items():
            manifest = store.make(step, name).manifest
            yield from _of_step(name, manifest, n_bytes)
            n_bytes = float(str(manifest.counts["bytes"]))


def steps(documents: Path) -> dict[str, Step[Corpus]]:
    """The steps, each on the one before."""
    read = Read(paths=(str(documents),))
    curate = Curate.model_validate({"corpus": read, "ops": ["language", "gopher"]})
    near = Dedup(corpus=curate)
    evals = tuple(str(SHARED / "evals" / name) for name in ("cmmlu_test.jsonl.zst", "agieval_sat-en.jsonl.zst"))
    clean = Decontaminate(corpus=near, evals=evals)
    substring = Dedup(corpus=clean, method="substring")
    return {"read": read, "curate": curate, "near": near, "decontaminate": clean, "substring": substring}


def _of_step(name: str, manifest: Manifest, n_bytes: int) -> Iterator[Figure]:
    peak = (manifest.peak_process_bytes or 0) / 2**30
    yield Figure(f"{name}: text in", n_bytes / 1e9, "GB", "")
    yield Figure(f"{name}: a CPU-second of one core", n_bytes / 1e6 / manifest.cpu_seconds, "MB/s", "")
    yield Figure(f"{name}: wall", manifest.seconds, "s", "")
    yield Figure(f"{name}: largest process", peak, "GiB", f"<= {MAX_PROCESS_GIB}")

"""Runs the benchmarks, prints the figures and writes them to benchmarks/results/<date>-<name>.json.

python -m benchmarks [quickstart] [corpus] ...        all but the longest where none is named
"""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil

from benchmarks.corpus import measure_corpus
from benchmarks.coverage import measure_coverage
from benchmarks.decontamination import measure_decontamination
from benchmarks.design import measure_design
from benchmarks.duplicates import measure_duplicates
from benchmarks.extraction import measure_extraction
from benchmarks.figures import Figure
from benchmarks.fuzz import measure_fuzz
from benchmarks.heldout import measure_heldout
from benchmarks.language import measure_language
from benchmarks.law_forms import measure_law_forms
from benchmarks.laws import measure_laws
from benchmarks.memory import measure_memory
from benchmarks.metadata import measure_metadata
from benchmarks.mixing import measure_mixing
from benchmarks.parity import measure_parity
from benchmarks.plans import measure_plans
from benchmarks.quickstart import measure_quickstart
from benchmarks.reproductions.page import measure_reproductions
from benchmarks.run_overhead import measure_run_overhead
from benchmarks.scale import measure_scale
from benchmarks.scoring import measure_scoring
from benchmarks.toxicity import measure_toxicity
from benchmarks.training import measure_training
from benchmarks.training_quality import measure_training_quality
from smelt.core.meter import library_versions

RESULTS = Path(__file__).parent / "results"
BENCHMARKS: dict[str, Callable[[], Iterator[Figure]]] = {
    "quickstart": measure_quickstart,
    "corpus": measure_corpus,
    "coverage": measure_coverage,
    "decontamination": measure_decontamination,
    "duplicates": measure_duplicates,
    "extraction": measure_extraction,
    "toxicity": measure_toxicity,
    "mixing": measure_mixing,
    "fuzz": measure_fuzz,
    "parity": measure_parity,
    "language": measure_language,
    "laws": measure_laws,
    "scoring": measure_scoring,
    "metadata": measure_metadata,
    "law-forms": measure_law_forms,
    "plans": measure_plans,
    "reproductions": measure_reproductions,
    "scale": measure_scale,
    "heldout": measure_heldout,
    "design": measure_design,
    "training": measure_training,
    "run-overhead": measure_run_overhead,
    "memory": measure_memory,
    "training-quality": measure_training_quality,
}
LONG = ("coverage", "fuzz", "scale", "design", "training-quality")
"""Take the better part of an hour, so that they run only when they are named."""


def main() -> None:
    """Measures, prints, writes."""
    for name in sys.argv[1:] or (name for name in BENCHMARKS if name not in LONG):
        figures: list[Figure] = []
        for figure in BENCHMARKS[name]():
            print(figure, flush=True)
            figures.append(figure)
        write(name, figures)


def write(name: str, figures: list[Figure]) -> None:
    """Writes the dated results of one benchmark."""
    today = datetime.now(UTC).date().isoformat()
    result = {
        "date": today,
        "command": f"python -m benchmarks {name}",
        "machine": {
            "cores": psutil.cpu_count(logical=True),
            "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
            "processor": platform.machine(),
        },
        "versions": library_versions(),
        "figures": [figure.as_json() for figure in figures],
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{today}-{name}.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()

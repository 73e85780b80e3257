"""Leaks planted in real documents and looked for: how many are found, and how many findings are none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict

import polars as pl

from benchmarks.figures import Figure
from benchmarks.leaks import KINDS, plant
from benchmarks.samples import SHARED, chinese, english, megabytes_per_second, size

LEAKS = 500
SEED = 3
TEXT_BYTES = 10_000_000


def measure_decontamination() -> Iterator[Figure]:
    """Recall by kind, precision, and the rate of the search."""
    from smelt.corpus.collect.sources import expand
    from smelt.corpus.decontaminate.index import build_index, search
    from smelt.corpus.decontaminate.items import read_items
    from smelt.corpus.decontaminate.matches import Limits, find_matches, without_phrases

    paths = [str(SHARED / "evals" / name) for name in ("*.jsonl.zst", "foundry/*.jsonl.zst", "*.csv.zst")]
    items = read_items(expand(paths, file_format="jsonl"))
    index = build_index(items)
    texts, leaks = plant(items, english(TEXT_BYTES) + chinese(TEXT_BYTES), LEAKS, seed=SEED)
    series, ids = pl.Series(texts), pl.Series([str(number) for number in range(len(texts))])
    matches = pl.DataFrame([asdict(match) for match in find_matches(index, ids, series, Limits())])
    found = {int(document) for document in without_phrases(matches)["document"]}
    planted = Counter(leak.kind for leak in leaks.values())
    caught = Counter(leak.kind for place, leak in leaks.items() if place in found)
    for kind in KINDS:
        yield Figure(f"leaks found: {kind}", caught[kind] / planted[kind], "", "")
    yield Figure(f"leaks found, of {LEAKS}", caught.total() / LEAKS, "", ">= 0.95")
    yield Figure("documents found that hold one: precision", len(found & leaks.keys()) / len(found), "", ">= 0.99")
    yield Figure("search", megabytes_per_second(lambda: search(index, series), size(texts)), "MB/s", "")

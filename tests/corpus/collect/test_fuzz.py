"""A small fuzz campaign over every format; `python -m benchmarks fuzz` is the large one."""

from __future__ import annotations

from pathlib import Path

from benchmarks.fuzz import fuzz, seeds
from benchmarks.wrappings import PACKINGS

from source_files import kept, read

QUICKSTART = Path(__file__).parents[3] / "recipes/quickstart"


def test_mutated_inputs_crash_nothing_and_every_ledger_balances() -> None:
    pages = kept(read(QUICKSTART / "kafka-site.warc.gz"))[:9]
    texts = kept(read(QUICKSTART / "government.jsonl.zst"))[:4] + kept(read(QUICKSTART / "statutes-zh.jsonl.zst"))[:4]
    found = fuzz(seeds(pages, texts), 300)
    assert found.failures == []
    assert found.ledgers == 300
    formats = {name.partition(".")[0] for name in found.inputs}
    assert len(formats) == 15
    assert len(found.inputs) > len(formats) * (len(PACKINGS) - 1)

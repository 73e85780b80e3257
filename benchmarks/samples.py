"""The texts and pages that rates are measured on: real ones, from the shared data beside the checkout."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import zstandard

from smelt.corpus.collect.reading import Reading
from smelt.corpus.collect.sources import expand
from smelt.corpus.collect.warc import warc_documents
from smelt.corpus.document import Document

SHARED = Path(__file__).parents[2] / "shared/data"
MAX_RECORD = 2**26
"""As the step `read` has it."""
REPEATS = 3
"""Runs of a measurement; the best counts, since all that disturbs one makes it slower."""


def english(n_bytes: int) -> list[str]:
    """English texts of every domain, about so many bytes in all."""
    return _mixed(sorted((SHARED / "text_en").glob("*.jsonl.zst")), n_bytes)


def chinese(n_bytes: int) -> list[str]:
    """Chinese texts of every domain, about so many bytes in all."""
    return _mixed(sorted((SHARED / "text_zh").glob("*.jsonl.zst")), n_bytes)


def rows(path: Path) -> Iterator[dict[str, object]]:
    """The rows of a JSONL file packed with zstd."""
    with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as stream:
        yield from (json.loads(line) for line in io.TextIOWrapper(stream, "utf-8"))


def crawled() -> Iterator[tuple[dict[str, object], Document]]:
    """The pages of data/web: what is known of each (a row of its pages.jsonl.zst), and the page as it was read."""
    known = {f"crawl.warc.gz#{row['warc_offset']}": row for row in rows(SHARED / "web/pages.jsonl.zst")}
    [file] = expand((str(SHARED / "web/crawl.warc.gz"),))
    for page in warc_documents(file, Reading(max_record=MAX_RECORD)):
        yield known[page.id], page


def size(texts: Sequence[str]) -> int:
    """Bytes as UTF-8."""
    return sum(len(text.encode()) for text in texts)


def megabytes_per_second(work: Callable[[], object], n_bytes: int, *, repeats: int = REPEATS) -> float:
    """Megabytes a CPU-second of one core, the best of a few runs."""
    return max(n_bytes / 1e6 / cpu_seconds(work) for _ in range(repeats))


def cpu_seconds(work: Callable[[], object]) -> float:
    """What one run of `work` takes of this process's CPU."""
    started = time.process_time()
    work()
    return time.process_time() - started


def _mixed(paths: Sequence[Path], n_bytes: int) -> list[str]:
    """The first texts of each file, the same number of bytes of each."""
    if not paths:
        raise FileNotFoundError(f"no texts in {SHARED}: the corpus benchmarks need the shared data")
    texts: list[str] = []
    for path in paths:
        held = 0
        for row in rows(path):
            texts.append(str(row["text"]))
            held += len(texts[-1].encode())
            if held >= n_bytes / len(paths):
                break
    return texts

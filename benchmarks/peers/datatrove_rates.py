"""datatrove's rates, run by its own environment's Python: FILE (JSONL with `text`) to JSON on stdout."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from datatrove.data import Document
from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupSignature
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)
from datatrove.utils.hashing import HashConfig


def main() -> None:
    """Prints megabytes a CPU-second by step; writes Gopher's verdicts where a second argument names a file."""
    texts = [json.loads(line)["text"] for line in Path(sys.argv[1]).read_text().splitlines()]
    gopher = [GopherQualityFilter(), GopherRepetitionFilter()]
    filters = [*gopher, C4QualityFilter(filter_no_terminal_punct=False), FineWebQualityFilter()]
    rates = {"measures": rate(lambda: run_filters(filters, texts), texts)}
    config = MinhashConfig(n_grams=5, num_buckets=14, hashes_per_bucket=8, hash_config=HashConfig(precision=64))
    signer = MinhashDedupSignature(output_folder="/dev/null", config=config)
    rates["minhash"] = rate(lambda: sign(signer, texts), texts)
    print(json.dumps(rates))
    if len(sys.argv) > 2:
        verdicts = [[verdict(each, text) for each in gopher] for text in texts]
        Path(sys.argv[2]).write_text(json.dumps(verdicts))


def rate(work: Callable[[], object], texts: Sequence[str]) -> float:
    """Megabytes of UTF-8 a CPU-second."""
    started = time.process_time()
    work()
    return sum(len(text.encode()) for text in texts) / 1e6 / (time.process_time() - started)


def run_filters(filters: Sequence[Any], texts: Sequence[str]) -> None:
    """All filters on all texts, whatever they say."""
    for number, text in enumerate(texts):
        for each in filters:
            each.filter(Document(text=text, id=str(number)))


def sign(signer: Any, texts: Sequence[str]) -> None:
    """Signatures of all texts."""
    for text in texts:
        shingles = signer.get_shingles(text)
        if shingles.size:
            signer.get_signature(shingles)


def verdict(each: Any, text: str) -> str | None:
    """The reason a filter gives, or None where it keeps the text."""
    found = each.filter(Document(text=text, id=""))
    return None if found is True else found[1]


if __name__ == "__main__":
    main()

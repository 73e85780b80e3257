"""nemo-curator's rates, run by its own environment's Python: FILE (JSONL with `text`) to JSON on stdout."""

from __future__ import annotations

import inspect
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nemo_curator.stages.text.filters import DocumentFilter
from nemo_curator.stages.text.filters.heuristic import repetition, string

WANTED = (
    "WordCountFilter",
    "MeanWordLengthFilter",
    "SymbolsToWordsFilter",
    "BulletsFilter",
    "EllipsisFilter",
    "WordsWithoutAlphabetsFilter",
    "CommonEnglishWordsFilter",
    "PunctuationFilter",
    "RepeatedLinesFilter",
    "RepeatedParagraphsFilter",
    "RepeatedLinesByCharFilter",
    "RepeatedParagraphsByCharFilter",
)


def main() -> None:
    """Prints megabytes a CPU-second of Gopher's quality and repetition scores."""
    texts = [json.loads(line)["text"] for line in Path(sys.argv[1]).read_text().splitlines()]
    scorers = wanted_filters()
    started = time.process_time()
    for text in texts:
        for scorer in scorers:
            scorer.keep_document(scorer.score_document(text))
    seconds = time.process_time() - started
    print(json.dumps({"measures": sum(len(text.encode()) for text in texts) / 1e6 / seconds}))


def wanted_filters() -> Sequence[Any]:
    """One filter for each measure of Gopher: n-grams from 2 to 10 by the classes that take n."""
    found = {**_filters(string), **_filters(repetition.repetition)}
    plain = [found[name]() for name in WANTED if name in found]
    top = [found["RepeatingTopNGramsFilter"](n=n) for n in (2, 3, 4)]
    duplicate = [found["RepeatingDuplicateNGramsFilter"](n=n) for n in range(5, 11)]
    return [*plain, *top, *duplicate]


def _filters(module: Any) -> dict[str, Any]:
    return dict(inspect.getmembers(module, lambda value: inspect.isclass(value) and issubclass(value, DocumentFilter)))


if __name__ == "__main__":
    main()

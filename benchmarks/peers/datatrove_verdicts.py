"""datatrove's verdicts with words split at white space: FILE (JSONL with `text`) to JSON lines on stdout.

A line holds, for each filter, null where it keeps the text, or its reason.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from datatrove.data import Document
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
    fineweb_quality_filter,
    gopher_quality_filter,
    gopher_repetition_filter,
)


def main() -> None:
    """Prints the verdicts, text by text."""
    for module in (gopher_quality_filter, gopher_repetition_filter, fineweb_quality_filter):
        module.split_into_words = words
    filters = {
        "gopher_quality": GopherQualityFilter(),
        "gopher_repetition": GopherRepetitionFilter(),
        "fineweb": FineWebQualityFilter(),
        "c4": C4QualityFilter(),
    }
    with Path(sys.argv[1]).open(encoding="utf-8") as lines:
        for line in lines:
            text = json.loads(line)["text"]
            print(json.dumps({name: verdict(each, text) for name, each in filters.items()}))


def words(text: str, language: str) -> list[str]:
    """Runs of characters between white space."""
    return text.split()


def verdict(each: Any, text: str) -> str | None:
    """The reason a filter gives, or None where it keeps the text."""
    found = each.filter(Document(text=text, id=""))
    return None if found is True else found[1]


if __name__ == "__main__":
    main()

"""How files are read: what a reader is told beside the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from smelt.corpus.collect.sources import SourceFile
from smelt.corpus.document import Document


@dataclass(frozen=True, slots=True)
class Reading:
    """What holds for all files of a corpus."""

    max_record: int
    """Bytes of the longest record; longer ones are unreadable."""
    columns: Mapping[str, str] = field(default_factory=dict[str, str])
    """Where rows of tables and of JSON have a field of ours, such as `{"text": "body"}`, if not under its name."""

    @property
    def text_column(self) -> str:
        """Where rows hold what a document says, as text or as a page."""
        return self.columns.get("html") or self.columns.get("text", "text")


class Reader(Protocol):
    """Reads one format."""

    def __call__(self, file: SourceFile, reading: Reading) -> Iterator[Document]:
        """The documents of a file, in order."""
        ...

"""The ledger: how many documents and bytes went into an op, came out, and fell on the way. It always balances:

    documents_in + added = documents_out + the dropped of every reason
    bytes_in     + added = bytes_out + bytes_edited + the dropped of every reason

Bytes are those of the text as UTF-8; a dropped document counts as it came to the op. Only what repeats or makes
documents (mix, augment) adds any: every other entry says nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce

import polars as pl
from pydantic import BaseModel, ConfigDict, Field


class Amount(BaseModel):
    """Some documents, and the bytes of their text."""

    model_config = ConfigDict(frozen=True)

    documents: int
    bytes: int

    def __add__(self, other: Amount) -> Amount:
        return Amount(documents=self.documents + other.documents, bytes=self.bytes + other.bytes)


NOTHING = Amount(documents=0, bytes=0)


class Entry(BaseModel):
    """What one op did."""

    model_config = ConfigDict(frozen=True)

    op: str
    documents_in: int
    documents_out: int
    bytes_in: int
    bytes_out: int
    bytes_edited: int
    """Bytes that left the documents that stayed; negative where their text grew."""
    dropped: dict[str, Amount]
    """By reason, in alphabetical order."""
    added: Amount = Field(default=NOTHING, exclude_if=lambda added: added == NOTHING)
    """Documents that came out and did not go in: repeats of others, or made from them."""

    @property
    def lost(self) -> Amount:
        """What was dropped, for whatever reason."""
        return sum(self.dropped.values(), start=NOTHING)

    @property
    def is_balanced(self) -> bool:
        """Whether all that went in or was added came out or was dropped."""
        documents = self.documents_in + self.added.documents - self.documents_out - self.lost.documents
        n_bytes = self.bytes_in + self.added.bytes - self.bytes_out - self.bytes_edited - self.lost.bytes
        return documents == n_bytes == 0

    def __add__(self, other: Entry) -> Entry:
        reasons = sorted({*self.dropped, *other.dropped})
        return Entry(
            op=self.op,
            documents_in=self.documents_in + other.documents_in,
            documents_out=self.documents_out + other.documents_out,
            bytes_in=self.bytes_in + other.bytes_in,
            bytes_out=self.bytes_out + other.bytes_out,
            bytes_edited=self.bytes_edited + other.bytes_edited,
            dropped={
                reason: self.dropped.get(reason, NOTHING) + other.dropped.get(reason, NOTHING) for reason in reasons
            },
            added=self.added + other.added,
        )


def entry_of(op: str, before: pl.DataFrame, after: pl.DataFrame) -> Entry:
    """What an op did to a batch, seen from the batch before and after it; documents dropped before do not count."""
    rows = pl.DataFrame(
        {
            "was_kept": before["drop"].is_null(),
            "is_kept": after["drop"].is_null(),
            "reason": after["drop"].struct.field("reason"),
            "bytes_before": before["text"].str.len_bytes().cast(pl.Int64),
            "bytes_after": after["text"].str.len_bytes().cast(pl.Int64),
        }
    ).filter("was_kept")
    kept, fallen = rows.filter("is_kept"), rows.filter(~pl.col("is_kept"))
    reasons = fallen.group_by("reason").agg(pl.len(), pl.col("bytes_before").sum()).sort("reason")
    return Entry(
        op=op,
        documents_in=len(rows),
        documents_out=len(kept),
        bytes_in=int(rows["bytes_before"].sum()),
        bytes_out=int(kept["bytes_after"].sum()),
        bytes_edited=int((kept["bytes_before"] - kept["bytes_after"]).sum()),
        dropped={reason: Amount(documents=n, bytes=n_bytes) for reason, n, n_bytes in reasons.iter_rows()},
    )


def add_up(ledgers: Iterable[Sequence[Entry]]) -> list[Entry]:
    """The ledger of all batches from those of each, op by op."""
    return [reduce(Entry.__add__, entries) for entries in zip(*ledgers, strict=True)]


def worst_reasons(ledger: Iterable[Entry], n: int = 3) -> str:
    """The reasons most documents fell for, in words: "language (512 documents), extract.empty (3 documents)"."""
    fallen = [(reason, amount.documents) for entry in ledger for reason, amount in entry.dropped.items()]
    fallen.sort(key=lambda pair: -pair[1])
    return ", ".join(f"{reason} ({documents:,} documents)" for reason, documents in fallen[:n])

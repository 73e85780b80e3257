"""A document is a row, and a batch of documents a data frame.

    id        `<file name>#<record>`, given by the reader; it names the source record and survives every step
    text      what the document says; HTML as long as `format` is "html"
    url, date (ISO 8601 or a prefix of it), language, domain
              what the source says of it; null where it says nothing
    source    the collection it belongs to: what the source says, or else the file's name
    format    "html" or "text"
    meta      whatever else the source says, as a JSON object; null where there is nothing

An op (see `Op`) takes a batch and returns it: with columns added, `text` edited, or `drop` filled. It never removes a
row, so that nothing is lost and every drop can be explained: kept from dropped is split at the end of a step.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import ClassVar, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, JsonValue

Format = Literal["html", "text"]

DROP = pl.Struct({"reason": pl.String, "value": pl.Float64, "limit": pl.Float64, "detail": pl.String})
"""Why a document was dropped: null as long as it is kept."""

UNREADABLE = "unreadable"
"""The reason of records that could not be read."""
PREVIEW_BYTES = 200
"""How much of an unreadable record is shown."""

DOCUMENT = pl.Schema(
    {
        "id": pl.String(),
        "text": pl.String(),
        "url": pl.String(),
        "source": pl.String(),
        "date": pl.String(),
        "language": pl.String(),
        "domain": pl.String(),
        "format": pl.String(),
        "meta": pl.String(),
    }
)
"""The columns of every batch; ops add theirs behind them."""


@dataclass(frozen=True, slots=True)
class Drop:
    """Why a document was dropped: `Drop("gopher.dup_line_frac", 0.41, limit=0.30)`."""

    reason: str
    value: float | None = None
    """What was measured."""
    limit: float | None = None
    """What it was held against."""
    detail: str | None = None
    """What a number does not say."""

    @property
    def why(self) -> str:
        """The reason in words, its op aside: `dup_line_frac 0.41 > 0.3`."""
        words = [self.reason.partition(".")[2]]
        if self.value is not None:
            words.append(f"{self.value:.3g}")
            if self.limit is not None:
                words.append(f"{'>' if self.value > self.limit else '<'} {self.limit:.3g}")
        if self.detail is not None:
            words.append(f"({self.detail})")
        return " ".join(word for word in words if word)


@dataclass(frozen=True, slots=True)
class Document:
    """One record as a reader gives it; the fields are the columns of a batch."""

    id: str
    text: str
    url: str | None = None
    source: str | None = None
    date: str | None = None
    language: str | None = None
    domain: str | None = None
    format: Format = "text"
    meta: str | None = None
    drop: Drop | None = None


class Unreadable(ValueError):
    """A record that cannot be read: what is wrong with it, and how it begins."""

    def __init__(self, detail: str, preview: bytes | str = b"") -> None:
        super().__init__(detail)
        self.detail = detail.encode(errors="backslashreplace").decode()  # it may quote what is wrong
        self.preview = preview.encode(errors="backslashreplace") if isinstance(preview, str) else preview

    def document(self, document_id: str, *, source: str, preview: bytes = b"") -> Document:
        """What stands for the record: dropped, with its first `PREVIEW_BYTES` as text."""
        text = (self.preview or preview)[:PREVIEW_BYTES].decode(errors="replace")
        shown = "".join(c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in text)
        return Document(document_id, shown, source=source, drop=Drop(UNREADABLE, detail=self.detail))


def field_of(name: str, documents: pl.DataFrame) -> pl.Expr:
    """A column as text, or else a field of `meta`: what an earlier command wrote is read back into the latter."""
    if name in documents.columns:
        return pl.col(name).cast(pl.String)
    return pl.col("meta").str.json_path_match(f"$['{name}']")


class Op(BaseModel):
    """What is done to documents, one batch at a time: a frozen record of its settings, and `apply`.

    Every row is treated on its own, so that batches can be cut anywhere. Rows already dropped are left alone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    op: ClassVar[str]
    """The op's name in recipes."""
    version: ClassVar[int] = 1
    """Bumped when the code makes something else of the same settings."""
    needs_split: ClassVar[bool] = False
    """Whether it must know which documents are held out: a corpus that does not say so is refused at once."""

    @property
    def label(self) -> str:
        """The op's name in the ledger; the reasons it drops for begin with it."""
        return self.op

    def settings(self) -> dict[str, JsonValue]:
        """All that decides what it makes of a batch, by name: a change is told as the name it stands under."""
        return self.model_dump(mode="json")

    def apply(self, batch: pl.DataFrame) -> pl.DataFrame:
        """The batch with columns added, text edited or drops filled in."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it does")


def as_batch(documents: Iterable[Document]) -> pl.DataFrame:
    """A batch of documents, in their order, with the column `drop`."""
    rows = [asdict(document) for document in documents]
    return pl.DataFrame(rows, schema={**DOCUMENT, "drop": DROP}, orient="row")


def is_kept() -> pl.Expr:
    """True where a document has not been dropped."""
    return pl.col("drop").is_null()


def drop_where(
    batch: pl.DataFrame,
    condition: pl.Expr,
    reason: str,
    *,
    value: pl.Expr | None = None,
    limit: float | None = None,
    detail: pl.Expr | None = None,
) -> pl.DataFrame:
    """Drops the rows where `condition` holds, those that have been dropped before aside."""
    drop = pl.struct(
        pl.lit(reason).alias("reason"),
        (pl.lit(None) if value is None else value).cast(pl.Float64).alias("value"),
        pl.lit(limit, pl.Float64).alias("limit"),
        (pl.lit(None) if detail is None else detail).cast(pl.String).alias("detail"),
    )
    falls = is_kept() & condition.fill_null(value=False)
    return batch.with_columns(drop=pl.when(falls).then(drop).otherwise(pl.col("drop")))


def drop_each(batch: pl.DataFrame, drops: Sequence[Drop | None]) -> pl.DataFrame:
    """Drops each row for its own reason, where there is one and it has not been dropped before."""
    rows = [None if drop is None else asdict(drop) for drop in drops]
    return batch.with_columns(drop=pl.coalesce("drop", pl.Series("new", rows, DROP)))

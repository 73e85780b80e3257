"""The op that gives documents a perplexity by a trained model, and drops by it if limits are set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import polars as pl
from pydantic import Field, JsonValue, ValidationInfo, model_validator

from smelt.core.shards import file_digest
from smelt.corpus.document import Op, drop_where, is_kept
from smelt.corpus.label.scorer import load_scorer
from smelt.corpus.paths import with_paths
from smelt.errors import InputError

Bits = Annotated[float, Field(ge=0)]
Limit = Bits | dict[str, Bits]
FEWEST = 100
"""Documents of a language from which on its thirds are worth knowing (taste)."""
BUCKETS: tuple[Literal["head", "middle", "tail"], ...] = ("head", "middle", "tail")


class Perplexity(Op):
    """Adds `perplexity`, in bits a byte (2 to that power is the perplexity a byte); drops what lies outside the limits.

    A limit is a number, or one for each language: `max = { en = 2.6, zh = 3.1 }`. Low is what the texts that the model
    was trained on are like, and lowest is what repeats itself; high is what they are not like.
    """

    op: ClassVar[str] = "perplexity"
    model: str
    """The folder of a scorer: what `smelt perplexity train` wrote, or a run of smelt's."""
    min: Limit | None = None
    """Documents with less are dropped: repetition."""
    max: Limit | None = None
    """Documents with more are dropped."""
    terciles: dict[str, tuple[Bits, Bits]] | None = None
    """By language, where head gives way to middle, and middle to tail: fills `perplexity_bucket` (CCNet's names)."""

    @model_validator(mode="before")
    @classmethod
    def _find(cls, values: Any, info: ValidationInfo) -> Any:
        return with_paths(values, info, "model", _scorer)

    def settings(self) -> dict[str, JsonValue]:
        """What the model is, not where it lies."""
        digests = [file_digest(path) for path in load_scorer(Path(self.model)).files()]
        return {**self.model_dump(mode="json", exclude={"model"}), "model": "".join(digests)}

    def apply(self, batch: pl.DataFrame) -> pl.DataFrame:
        """The batch with perplexities, and drops `perplexity`."""
        texts = batch.select(pl.when(is_kept()).then("text")).to_series()
        bits = pl.Series(load_scorer(Path(self.model)).bits_per_byte(texts)).fill_nan(None)
        batch = batch.with_columns(perplexity=pl.when(is_kept()).then(bits))
        if self.terciles is not None:
            batch = batch.with_columns(perplexity_bucket=_bucket(self.terciles))
        batch = self._drop(batch, self.min, above=False)
        return self._drop(batch, self.max, above=True)

    def _drop(self, batch: pl.DataFrame, limits: Limit | None, *, above: bool) -> pl.DataFrame:
        value = pl.col("perplexity")
        by_language = limits.items() if isinstance(limits, dict) else [] if limits is None else [(None, limits)]
        for language, limit in by_language:
            broken = value > limit if above else value < limit
            where = broken if language is None else broken & (pl.col("language") == language)
            batch = drop_where(batch, where, self.op, value=value, limit=limit, detail=pl.col("language"))
        return batch


def terciles(documents: pl.LazyFrame) -> dict[str, tuple[float, float]]:
    """By language, the perplexities that part the documents into thirds of equal bytes (CCNet's head, middle, tail).

    Of languages with fewer than FEWEST documents nothing is said.
    """
    rows = documents.select("language", "perplexity", size=pl.col("text").str.len_bytes().cast(pl.Int64))
    rows = rows.drop_nulls(["language", "perplexity"]).sort("perplexity").collect(engine="streaming")
    found: dict[str, tuple[float, float]] = {}
    for (language,), part in rows.group_by("language", maintain_order=True):
        if len(part) < FEWEST:
            continue
        share = part["size"].cum_sum() / max(int(part["size"].sum()), 1)
        one, two = (part.filter(share >= third)["perplexity"].head(1).item() for third in (1 / 3, 2 / 3))
        found[str(language)] = (round(float(one), 3), round(float(two), 3))
    return dict(sorted(found.items()))


def _scorer(name: str, folder: Path) -> str:
    path = (folder / name).absolute()
    if not path.is_dir():
        raise InputError(where=f"model {name!r}", what="is no folder", do="train one: smelt perplexity train")
    return str(path)


def _bucket(found: dict[str, tuple[float, float]]) -> pl.Expr:
    value, bucket = pl.col("perplexity"), pl.lit(None, pl.String)
    for language, (one, two) in found.items():
        head, middle, tail = map(pl.lit, BUCKETS)
        third = pl.when(value <= one).then(head).when(value <= two).then(middle).otherwise(tail)
        known = (pl.col("language") == language) & value.is_not_null()
        bucket = pl.when(known).then(third).otherwise(bucket)
    return bucket

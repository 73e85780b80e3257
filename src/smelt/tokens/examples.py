"""Texts with answers, as token ids: what a model is trained on to do one thing, and the artifact that holds them.

    text     another text: a translation, a summary                target: its ids, closed by the end token
    class    one of some labels                                    target: [its place among them, in the order of names]
    number   a number                                              value
    span     a stretch of the text, in answer to a question        target: [first token, the one behind its last]

A source is the ids of a text closed by the end token, a question with an end token of its own before it.

    examples.parquet: split, id, source, target, value             labels.json: of classes             tokenizer.json
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Literal, cast

import numpy as np
import numpy.typing as npt
import polars as pl

from smelt.core.artifact import Artifact
from smelt.core.shards import read_json
from smelt.tokens.tokens import Split

if TYPE_CHECKING:
    from smelt.tokens.encoder import Encoder

Answer = Literal["text", "class", "number", "span"]
EXAMPLES, LABELS = "examples.parquet", "labels.json"
Ids = npt.NDArray[np.uint32]

ROWS = pl.Schema(
    {
        "split": pl.String(),
        "id": pl.String(),
        "source": pl.List(pl.UInt32()),
        "target": pl.List(pl.UInt32()),
        "value": pl.Float64(),
    }
)


@dataclass(frozen=True, slots=True)
class ExampleFields:
    """What stands in a corpus under which name."""

    answer: Answer
    target: str
    """The column or field of `meta` that holds the answer."""
    question: str | None = None
    """That which holds a question."""
    labels: tuple[str, ...] = ()
    """Of classes, all there are."""
    most: int = 512
    """Tokens of a source, and of a target, at most."""


def encode_examples(rows: pl.DataFrame, asked: ExampleFields, encoder: Encoder) -> tuple[pl.DataFrame, int]:
    """The examples of rows (split, id, text, answer, question), and how many were left out: their texts were too long,
    or held no answer.

    Of a class or a number a long source is cut; a translation's would no longer be one of the other.
    """
    sources = _ended(encoder, rows["text"].to_list())
    if asked.question is not None:
        questions = _ended(encoder, rows["question"].to_list())
        sources = [np.concatenate(pair) for pair in zip(questions, sources, strict=True)]
    if asked.answer in ("class", "number"):
        sources = [np.append(ids[: asked.most - 1], ids[-1:]) if len(ids) > asked.most else ids for ids in sources]
    frame = rows.select("split", "id").with_columns(
        source=pl.Series([ids.tolist() for ids in sources], dtype=ROWS["source"]),
        target=pl.Series(_targets(rows, sources, asked, encoder), dtype=ROWS["target"]),
        value=rows["answer"].cast(pl.Float64, strict=False) if asked.answer == "number" else pl.lit(None, pl.Float64),
    )
    has_answer = pl.col("value").is_not_null() if asked.answer == "number" else pl.col("target").is_not_null()
    fits = (pl.col("source").list.len() <= asked.most) & (pl.col("target").list.len().fill_null(0) <= asked.most)
    kept = frame.filter(has_answer & fits)
    return kept, len(frame) - len(kept)


def _targets(rows: pl.DataFrame, sources: list[Ids], asked: ExampleFields, encoder: Encoder) -> list[list[int] | None]:
    answers = rows["answer"].to_list()
    if asked.answer == "text":
        return [ids.tolist() for ids in _ended(encoder, answers)]
    if asked.answer == "class":
        places = {label: place for place, label in enumerate(asked.labels)}
        return [[places[answer]] for answer in answers]
    if asked.answer == "span":
        found = encoder.encode_batch([f" {answer}" for answer in answers])
        bare = encoder.encode_batch(answers)
        return [_stretch(*parts) for parts in zip(sources, found, bare, strict=True)]
    return [None] * len(rows)


def _stretch(source: Ids, *ways: Ids) -> list[int] | None:
    """Where one of the ways to write an answer stands last in a source."""
    for ids in ways:
        if 0 < len(ids) <= len(source):
            starts = (np.lib.stride_tricks.sliding_window_view(source, len(ids)) == ids).all(axis=1).nonzero()[0]
            if len(starts):
                return [int(starts[-1]), int(starts[-1]) + len(ids)]
    return None


def _ended(encoder: Encoder, texts: Sequence[str]) -> list[Ids]:
    return [np.append(ids, np.uint32(encoder.end)) for ids in encoder.encode_batch(texts)]


class Examples(Artifact):
    """Texts with answers."""

    kind: ClassVar[str] = "examples"

    @cached_property
    def rows(self) -> pl.DataFrame:
        """The columns of `ROWS`."""
        return pl.read_parquet(self.folder / EXAMPLES)

    def split(self, split: Split) -> pl.DataFrame:
        """Those to train on, or held out."""
        return self.rows.filter(pl.col("split") == split)

    @property
    def answer(self) -> Answer:
        """What is asked of a source."""
        return cast("Answer", self.manifest.counts["answer"])

    @cached_property
    def labels(self) -> list[str]:
        """Of classes, in the order of their places."""
        return cast("list[str]", read_json(self.folder / LABELS)) if self.answer == "class" else []

    @property
    def vocab(self) -> int:
        """The number of token ids."""
        return cast("int", self.manifest.counts["vocab"])

    @property
    def end(self) -> int:
        """The id of the end token."""
        return cast("int", self.manifest.counts["end"])

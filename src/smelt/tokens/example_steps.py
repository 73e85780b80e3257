"""The step that makes examples: documents with answers become ids."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import Annotated, ClassVar, Self, cast

import polars as pl
from annotated_types import Ge
from pydantic import JsonValue, model_validator

from smelt.core.artifact import Artifact, Counts
from smelt.core.shards import shard_size, write_json, write_whole
from smelt.core.step import Estimate, Sizes, Step
from smelt.core.work import Work
from smelt.corpus.corpus import Corpus, read_shard, scan_shards
from smelt.corpus.document import field_of
from smelt.errors import EmptyResult, InputError
from smelt.tokens.examples import EXAMPLES, LABELS, ROWS, Answer, ExampleFields, Examples, encode_examples
from smelt.tokens.steps import BYTES_PER_TOKEN, ENCODE_BYTES_PER_SECOND, encoder_of
from smelt.tokens.tokenizer import TOKENIZER, Tokenizer, end_id, load_bpe
from smelt.tokens.tokens import SPLITS, Split

MOST_LABELS = 1_000
"""More kinds of answers are no classes, but texts (taste)."""


class TokenizeExamples(Step[Examples]):
    """Encodes documents that have an answer each: a translation, a class, a number, or where a question is answered.

    What a corpus holds out (the `split` of dedup) is held out, and so is all of `held_out`, if one is given.
    """

    step: ClassVar[str] = "tokenize-examples"
    makes: ClassVar[type[Artifact]] = Examples

    corpus: Step[Corpus]
    """What is trained on."""
    held_out: Step[Corpus] | None = None
    """What is only judged by."""
    tokenizer: Step[Tokenizer]
    answer: Answer
    """Another text, one of some classes, a number, or a span of the text."""
    target: str
    """Where a document has it: a column, or a field of `meta`."""
    question: str | None = None
    """Of a span, where a document has what is asked."""
    max_tokens: Annotated[int, Ge(8)] = 512
    """Of a source, and of a target. Longer translations are left out; a longer text of a class or number is cut."""

    @model_validator(mode="after")
    def _has_a_question(self) -> Self:
        if (self.answer == "span") != (self.question is not None):
            raise ValueError("a span answers a question: give both, or neither")
        return self

    def make(self, work: Work) -> Counts:
        """Writes examples.parquet, labels.json of classes, and a copy of the tokenizer, which answers are read with."""
        tokenizer = work.open(self.tokenizer)
        corpora = [work.open(self.corpus), *([] if self.held_out is None else [work.open(self.held_out)])]
        labels = self._labels([shard for corpus in corpora for shard in corpus.shards])
        asked = ExampleFields(self.answer, self.target, self.question, labels, self.max_tokens)
        left_out, parts = 0, list[str]()
        for place, corpus in enumerate(corpora):
            task = partial(
                encode_examples_of, asked=asked, tokenizer=tokenizer.path, scratch=work.scratch,
                place=place, split="held_out" if place else None,
            )  # fmt: skip
            for name, dropped in cast(
                "list[tuple[str, int]]",
                work.map(task, corpus.shards, label=("encode", "encode held out")[place], cost=shard_size),
            ):
                parts.append(name)
                left_out += dropped
        rows = pl.concat([pl.read_parquet(work.scratch / name) for name in parts])
        with write_whole(work.folder / EXAMPLES) as path:
            rows.write_parquet(path)
        write_json(work.folder / LABELS, list[JsonValue](labels))
        with write_whole(work.folder / TOKENIZER) as path:
            shutil.copyfile(tokenizer.path, path)
        if left_out:
            what = f"{left_out:,} of {len(rows) + left_out:,} documents were left out"
            work.events.emit("warning", message=f"tokenize-examples: {what}: too long, or without the answer")
        end = end_id(load_bpe(tokenizer.path))
        return {**self._counts(rows), "vocab": tokenizer.vocab, "end": end, "answer": self.answer, "left_out": left_out}

    def estimate(self, sizes: Sizes) -> Estimate:
        """Encoding takes time in proportion to the text."""
        n_bytes = sizes.number(self.corpus, "bytes")
        counts: Counts = {"train_tokens": round(n_bytes / BYTES_PER_TOKEN), "vocab": sizes[self.tokenizer].get("vocab")}
        return Estimate(core_seconds=n_bytes / ENCODE_BYTES_PER_SECOND, counts=counts)

    def _labels(self, shards: list[Path]) -> tuple[str, ...]:
        """All answers there are, of classes."""
        if self.answer != "class":
            return ()
        frame = scan_shards(shards)
        answers = frame.select(field_of(self.target, pl.DataFrame(schema=frame.collect_schema())).alias("answer"))
        found = answers.drop_nulls().unique().sort("answer").collect()["answer"].to_list()
        if not 2 <= len(found) <= MOST_LABELS:
            raise InputError(
                where=f"tokenize-examples, target {self.target!r}", what=f"has {len(found):,} different answers",
                expected=f"2 to {MOST_LABELS:,} classes", do='name another field, or take answer = "text" or "number"',
            )  # fmt: skip
        return tuple(found)

    def _counts(self, rows: pl.DataFrame) -> Counts:
        counts: Counts = {"documents": len(rows)}
        for split in SPLITS:
            part = rows.filter(pl.col("split") == split)
            if part.is_empty():
                raise EmptyResult(
                    where="tokenize-examples",
                    what=f"no document with an answer in {self.target!r} is in the split {split!r}",
                    do="name the field that holds the answers (target), or give held_out documents",
                )
            counts |= {
                f"{split}_examples": len(part),
                f"{split}_tokens": int(part["source"].list.len().sum()),
                f"{split}_target_tokens": int(part["target"].list.len().sum()) if self.answer == "text" else len(part),
            }
        return counts


def encode_examples_of(
    shard: Path, *, asked: ExampleFields, tokenizer: Path, scratch: Path, place: int, split: Split | None
) -> JsonValue:
    """Writes a shard's examples; gives the file's name, and how many documents were left out."""
    frame = read_shard(shard, None)
    own = pl.col("split") if "split" in frame.columns else pl.lit("train")
    question = pl.lit(None, pl.String) if asked.question is None else field_of(asked.question, frame)
    wanted = {"answer": field_of(asked.target, frame), "question": question}
    rows = frame.select(own.alias("split") if split is None else pl.lit(split).alias("split"), "id", "text", **wanted)
    there = rows.filter(pl.col("answer").is_not_null() & pl.col("split").is_not_null())
    found, left_out = encode_examples(there, asked, encoder_of(tokenizer))
    name = f"{place}-{shard.stem}.parquet"
    with write_whole(scratch / name) as path:
        found.cast(ROWS).write_parquet(path)
    return [name, left_out + len(rows) - len(there)]

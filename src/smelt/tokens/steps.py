"""The steps of this room: a corpus makes a tokenizer, and with it a stream of token ids."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, cast

import numpy as np
import polars as pl
from annotated_types import Ge, Gt, MinLen
from pydantic import (
    BeforeValidator,
    JsonValue,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    model_serializer,
)

from smelt.core.artifact import Artifact, Counts
from smelt.core.shards import file_digest, write_whole
from smelt.core.step import RUNTIME, Estimate, Sizes, Step
from smelt.core.work import Work
from smelt.corpus.corpus import Corpus, read_shard
from smelt.corpus.document import field_of
from smelt.corpus.steps import absolute_paths
from smelt.corpus.tokenizer import load_tokenizer
from smelt.errors import EmptyResult, InputError
from smelt.tokens.tokenizer import (
    SMALLEST_VOCAB,
    TOKENIZER,
    Tokenizer,
    choose_sample,
    cut_bytes,
    save_bpe,
    train_bpe,
)
from smelt.tokens.tokens import DOCUMENTS, SPLITS, Tokens, smallest_dtype
from smelt.units import Bytes

if TYPE_CHECKING:
    from smelt.tokens.encoder import Encoder

TRAIN_BYTES_PER_SECOND = 1.5e6
"""On one core, 11 MB of English and Chinese, vocabulary 4096 (2026-10)."""
ENCODE_BYTES_PER_SECOND = 40e6
"""With a vocabulary of 8192, words not seen before (2026-11)."""
BYTES_PER_TOKEN = 3.2
"""Likewise; only for estimates."""

BATCH = 1_024
"""Documents encoded in one call."""

MORE = "give more documents, or change held_out in the dedup step"


def absolute_path(path: object, info: ValidationInfo) -> object:
    """One path as it is meant: see `corpus.steps.absolute_paths`."""
    found = absolute_paths(path, info)
    return found[0] if isinstance(path, str | Path) and isinstance(found, list) else found


class TrainTokenizer(Step[Tokenizer]):
    """Trains a byte-level BPE on a sample of the corpus's training documents."""

    step: ClassVar[str] = "train-tokenizer"
    makes: ClassVar[type[Artifact]] = Tokenizer

    corpus: Step[Corpus]
    """The documents to train on; what it holds out is left aside."""
    fields: Annotated[tuple[str, ...], MinLen(1)] = ("text",)
    """Where a document has what is trained on: of pairs of languages, both; a column, or a field of `meta`."""
    vocab: Annotated[int, Ge(SMALLEST_VOCAB)] = 4096
    """Tokens in all: small, since in a small model the embeddings would outweigh everything else."""
    sample_bytes: Annotated[Bytes, Gt(0)] = 10_000_000
    """Text to train on at most, chosen by hash of the document's id: keeps the time bounded."""

    @model_serializer(mode="wrap")
    def _without_text(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """As tokenizers were written before there were other fields: they keep their names in the store."""
        values: dict[str, Any] = handler(self)
        return {name: value for name, value in values.items() if name != "fields" or self.fields != ("text",)}

    def make(self, work: Work) -> Counts:
        """Writes `tokenizer.json`."""
        documents = _train_documents(
            work.open(self.corpus), self.fields
        )  # repeats of a mixture too: they weigh in its shares
        sizes = documents.select("id", n_bytes=pl.col("text").str.len_bytes()).collect(engine="streaming")
        sample = choose_sample(sizes, sample_bytes=self.sample_bytes)
        chosen = documents.join(sample.lazy(), on="id").select("text", "take_bytes").collect(engine="streaming")
        texts = [cut_bytes(text, n_bytes) for text, n_bytes in chosen.iter_rows()]
        if not texts:
            raise EmptyResult(where="train-tokenizer", what="the corpus has no document to train on", do=MORE)
        bpe = train_bpe(texts, vocab=self.vocab)
        save_bpe(bpe, work.folder / TOKENIZER)
        return {
            "vocab": bpe.get_vocab_size(),
            "sample_documents": len(texts),
            "sample_bytes": sum(len(text.encode()) for text in texts),
        }

    def estimate(self, sizes: Sizes) -> Estimate:
        """Training takes time in proportion to the sample."""
        sample = min(self.sample_bytes, sizes.number(self.corpus, "bytes"))
        return Estimate(core_seconds=sample / TRAIN_BYTES_PER_SECOND, counts={"vocab": self.vocab})


class ExistingTokenizer(Step[Tokenizer]):
    """A tokenizer that stands in a file: one that smelt trained, or any that Hugging Face `tokenizers` reads."""

    step: ClassVar[str] = "existing-tokenizer"
    makes: ClassVar[type[Artifact]] = Tokenizer

    path: Annotated[str, BeforeValidator(absolute_path), RUNTIME]
    """`tokenizer.json` under any name, or a folder with it: a tokenizer of the store, a model of Hugging Face."""

    @property
    def file(self) -> Path:
        """The file of the tokenizer; `InputError` where there is none."""
        found = Path(self.path)
        found = found / TOKENIZER if found.is_dir() else found
        if found.is_file():
            return found
        raise InputError(
            where=f"tokenizer {self.path}",
            what="is no file, and no folder with one",
            expected=f"{TOKENIZER}, or a folder with it",
            do="of a model with a tokenizer.model alone, save the tokenizer with transformers first",
        )

    def extra_identity(self) -> dict[str, JsonValue]:
        """The contents of the file, which are read: before anything is made, and not behind hours of other steps."""
        load_tokenizer(self.file)
        return {"tokenizer": file_digest(self.file)}

    def make(self, work: Work) -> Counts:
        """Copies the file: linked, it would change with the user's."""
        with write_whole(work.folder / TOKENIZER) as path:
            shutil.copyfile(self.file, path)
        return {"vocab": load_tokenizer(self.file).tokenizer.get_vocab_size()}


class Tokenize(Step[Tokens]):
    """Encodes a corpus: one task a shard; the streams are the same however the corpus is sharded."""

    step: ClassVar[str] = "tokenize"
    makes: ClassVar[type[Artifact]] = Tokens

    corpus: Step[Corpus]
    """The documents, with the `split` that deduplication gave them."""
    tokenizer: Step[Tokenizer]

    def make(self, work: Work) -> Counts:
        """Writes the streams and `documents.parquet`."""
        corpus, tokenizer = work.open(self.corpus), work.open(self.tokenizer)
        _train_documents(corpus)
        dtype = smallest_dtype(tokenizer.vocab)
        task = partial(encode_shard, folder=work.folder, scratch=work.scratch, tokenizer=tokenizer.path, dtype=dtype)
        results = work.map(task, corpus.shards, label="encode", cost=lambda shard: shard.stat().st_size)
        parts = cast("list[tuple[str, str | None]]", results)
        differing = [text for _, text in parts if text is not None]
        if differing:
            work.events.emit("warning", message=f"gigatoken's ids differ, tokenizers' are used: {differing[0][:80]!r}")
        documents = _with_starts([pl.read_parquet(work.scratch / name) for name, _ in parts])
        with write_whole(work.folder / DOCUMENTS) as path:
            documents.write_parquet(path)
        return {**_counts(documents), "vocab": tokenizer.vocab, "dtype": dtype}

    def estimate(self, sizes: Sizes) -> Estimate:
        """Encoding takes time in proportion to the text."""
        n_bytes, vocab = sizes.number(self.corpus, "bytes"), sizes[self.tokenizer].get("vocab")
        counts: Counts = {"train_tokens": round(n_bytes / BYTES_PER_TOKEN), "vocab": vocab}
        return Estimate(core_seconds=n_bytes / ENCODE_BYTES_PER_SECOND, counts=counts)


def encode_shard(shard: Path, *, folder: Path, scratch: Path, tokenizer: Path, dtype: str) -> JsonValue:
    """Writes a shard's part of each stream, and where its documents lie; gives the name of the latter's file, and a
    text of which the two encoders made different ids, if there was one."""
    encoder = encoder_of(tokenizer)
    frame = read_shard(shard, ["split", "id", "text", "language", "domain"])
    with ExitStack() as stack:
        paths = [stack.enter_context(write_whole(folder / split / f"{shard.stem}.bin")) for split in SPLITS]
        files = {split: stack.enter_context(path.open("wb")) for split, path in zip(SPLITS, paths, strict=True)}
        lengths = [
            files[split].write(np.append(ids, encoder.end).astype(dtype).data)
            for batch in frame.select("split", "text").iter_slices(BATCH)
            for split, ids in zip(batch["split"], encoder.encode_batch(batch["text"].to_list()), strict=True)
        ]
    rows = frame.with_columns(
        n_tokens=pl.Series(lengths, dtype=pl.Int64) // np.dtype(dtype).itemsize,
        n_bytes=pl.col("text").str.len_bytes().cast(pl.Int64),
    )
    name = f"{shard.stem}.parquet"
    with write_whole(scratch / name) as path:
        rows.drop("text").write_parquet(path)
    return [name, encoder.differs]


@cache
def encoder_of(tokenizer: Path) -> Encoder:
    """The encoder of a tokenizer: one a process, since it grows faster with the words it has seen."""
    from smelt.tokens.encoder import Encoder

    return Encoder(tokenizer)


def _train_documents(corpus: Corpus, fields: Sequence[str] = ("text",)) -> pl.LazyFrame:
    documents = corpus.kept()
    if "split" not in documents.collect_schema():
        raise InputError(
            where=str(corpus.ref),
            what="its documents are not split into train and held_out",
            expected="a corpus made by dedup, which never holds out a near-duplicate of what is trained on",
            do='add a step = "dedup" behind it, and name that one here',
        )
    train = documents.filter(pl.col("split") == "train")
    columns = pl.DataFrame(schema=train.collect_schema())
    parts = [
        train.select(
            _row_name(train) if n == 0 else pl.format(f"{{}}:{name}", "id"), field_of(name, columns).alias("text")
        )
        for n, name in enumerate(fields)
    ]
    return pl.concat(parts).filter(pl.col("text").is_not_null())


def _row_name(documents: pl.LazyFrame) -> pl.Expr:
    """A name for each row: the id, with the number of the pass behind it where a mixture repeats the document."""
    if "epoch" not in documents.collect_schema():
        return pl.col("id")
    again = pl.format("{}@{}", "id", "epoch")
    return pl.when(pl.col("epoch") > 0).then(again).otherwise("id").alias("id")


def _with_starts(parts: list[pl.DataFrame]) -> pl.DataFrame:
    documents = pl.concat(parts)
    start = (pl.col("n_tokens").cum_sum() - pl.col("n_tokens")).over("split")
    return documents.select("split", "id", start.alias("start"), "n_tokens", "n_bytes", "language", "domain")


def _counts(documents: pl.DataFrame) -> Counts:
    counts: Counts = {"documents": len(documents)}
    for split in SPLITS:
        rows = documents.filter(pl.col("split") == split)
        if rows.is_empty():
            raise EmptyResult(
                where="tokenize",
                what=f"none of {len(documents)} documents is in the split {split!r}",
                do=MORE,
            )
        counts |= {f"{split}_tokens": int(rows["n_tokens"].sum()), f"{split}_bytes": int(rows["n_bytes"].sum())}
    return counts

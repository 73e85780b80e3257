from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl
import pytest
import tokenizers

from smelt.core.artifact import Counts
from smelt.core.step import Step
from smelt.core.store import Store
from smelt.core.work import Inline, Work
from smelt.corpus.corpus import Corpus
from smelt.errors import EmptyResult, InputError
from smelt.tokens.steps import ExistingTokenizer, Tokenize, TrainTokenizer
from smelt.tokens.tokens import Tokens

WORDS = [
    "the",
    "model",
    "reads",
    "text",
    "and",
    "learns",
    "from",
    "it",
    "法律",
    "规定",
    "公民",
    "权利",
    "12345",
    "naïve\n",
]


def documents(n: int = 40) -> pl.DataFrame:
    texts = [" ".join(WORDS[(i * j) % len(WORDS)] for j in range(1, 30 + i)) for i in range(n)]
    return pl.DataFrame(
        {
            "id": [f"d{i}" for i in range(n)],
            "text": texts,
            "language": ["en", None] * (n // 2),
            "domain": [None] * n,
            "split": ["held_out" if i % 5 == 0 else "train" for i in range(n)],
        },
        schema_overrides={"domain": pl.String},
    )


class Given(Step[Corpus]):
    """A corpus of the test's own documents."""

    step: ClassVar[str] = "given"
    makes: ClassVar[type[Corpus]] = Corpus
    shards: int = 1
    drop: tuple[str, ...] = ()
    only: str | None = None

    def make(self, work: Work) -> Counts:
        frame = documents().drop(self.drop)
        frame = frame if self.only is None else frame.filter(pl.col("split") == self.only)
        size = -(-len(frame) // self.shards)
        for shard in range(self.shards):
            path = work.folder / "kept" / f"{shard:05d}.parquet"
            path.parent.mkdir(exist_ok=True)
            frame[shard * size : (shard + 1) * size].write_parquet(path)
        return {"documents": len(frame), "bytes": int(frame["text"].str.len_bytes().sum())}


@pytest.fixture
def tokenize(tmp_path: Path) -> Callable[[Given], Tokens]:
    store = Store(tmp_path, runner=Inline())
    return lambda corpus: store.make(Tokenize(corpus=corpus, tokenizer=TrainTokenizer(corpus=corpus, vocab=300)))


def content(tokens: Tokens) -> tuple[list[list[int]], pl.DataFrame]:
    streams = [tokens.stream(split) for split in ("train", "held_out")]
    return [
        stream.windows(np.zeros(1, dtype=np.int64), len(stream))[0].tolist() for stream in streams
    ], tokens.documents


def test_tokens_do_not_depend_on_the_number_of_shards(tokenize: Callable[[Given], Tokens]) -> None:
    (streams, table), *others = [content(tokenize(Given(shards=shards))) for shards in (1, 3, 7)]
    for other_streams, other_table in others:
        assert other_streams == streams
        assert other_table.equals(table)


def test_streams_are_the_encoded_documents_each_with_its_end(tokenize: Callable[[Given], Tokens]) -> None:
    tokens = tokenize(Given(shards=3))
    corpus = Given(shards=3)
    tokenizer = tokens.folder.parent.parent / "tokenizer"
    bpe = tokenizers.Tokenizer.from_file(str(next(tokenizer.glob("*/tokenizer.json"))))
    frame = documents()
    assert corpus.shards == 3
    for split, ids in zip(("train", "held_out"), content(tokens)[0], strict=True):
        texts = frame.filter(pl.col("split") == split)["text"].to_list()
        assert ids == [token for text in texts for token in [*bpe.encode(text).ids, bpe.token_to_id("<|end|>")]]


def test_counts_are_those_of_the_documents(tokenize: Callable[[Given], Tokens]) -> None:
    tokens, frame = tokenize(Given(shards=2)), documents()
    counts = tokens.manifest.counts
    for split in ("train", "held_out"):
        texts = frame.filter(pl.col("split") == split)["text"]
        assert counts[f"{split}_bytes"] == sum(len(text.encode()) for text in texts)
        assert counts[f"{split}_tokens"] == len(tokens.stream(split))
        assert tokens.bytes_per_token(split) == counts[f"{split}_bytes"] / counts[f"{split}_tokens"]
    assert (counts["documents"], counts["vocab"], counts["dtype"]) == (40, 300, "<u2")


def test_every_token_leads_back_to_its_document(tokenize: Callable[[Given], Tokens]) -> None:
    tokens = tokenize(Given(shards=3))
    for split, name, start, n_tokens in tokens.documents.select("split", "id", "start", "n_tokens").iter_rows():
        assert {tokens.document_at(split, start + offset) for offset in (0, n_tokens - 1)} == {name}
        assert tokens.find_document(f"{split}:{start}") == name
        (trace,) = tokens.trace(name)
        assert trace.detail == f"{n_tokens} tokens, {split} {start} to {start + n_tokens - 1}"
    with pytest.raises(InputError, match="train has no token"):
        tokens.find_document(f"train:{len(tokens.stream('train'))}")
    assert tokens.find_document("d1") is None
    assert tokens.trace("nobody") == []


def test_the_tokenizer_never_sees_what_is_held_out(tmp_path: Path) -> None:
    tokenizer = Store(tmp_path, runner=Inline()).make(TrainTokenizer(corpus=Given(), vocab=300))
    train = documents().filter(pl.col("split") == "train")
    assert tokenizer.manifest.counts["sample_documents"] == len(train)
    assert tokenizer.manifest.counts["sample_bytes"] == train["text"].str.len_bytes().sum()


def test_the_tokenizer_reads_no_more_than_its_sample(tmp_path: Path) -> None:
    tokenizer = Store(tmp_path, runner=Inline()).make(TrainTokenizer(corpus=Given(), vocab=300, sample_bytes=700))
    assert 690 <= int(str(tokenizer.manifest.counts["sample_bytes"])) <= 700


def test_a_corpus_without_splits_is_refused(tokenize: Callable[[Given], Tokens]) -> None:
    with pytest.raises(InputError, match="not split into train and held_out"):
        tokenize(Given(drop=("split",)))


@pytest.mark.parametrize(("only", "missing"), [("train", "'held_out'"), ("held_out", "no document to train on")])
def test_an_empty_split_is_refused(tokenize: Callable[[Given], Tokens], only: str, missing: str) -> None:
    with pytest.raises(EmptyResult, match=missing):
        tokenize(Given(only=only))


def test_a_tokenizer_that_stands_in_a_file_makes_the_tokens_it_made_before(tmp_path: Path) -> None:
    store = Store(tmp_path / "store", runner=Inline())
    trained = store.make(TrainTokenizer(corpus=Given(), vocab=300))
    by_file, by_folder = (ExistingTokenizer(path=str(path)) for path in (trained.path, trained.folder))
    assert by_file.fingerprint == by_folder.fingerprint
    assert store.make(by_file).manifest.counts == {"vocab": trained.vocab}
    before = store.make(Tokenize(corpus=Given(), tokenizer=TrainTokenizer(corpus=Given(), vocab=300)))
    again = store.make(Tokenize(corpus=Given(), tokenizer=by_folder))
    assert content(again)[0] == content(before)[0]


def test_a_tokenizer_is_told_by_what_is_in_its_file(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    tokenizers.Tokenizer(tokenizers.models.BPE({"a": 0}, [])).save(str(path))
    before = ExistingTokenizer(path=str(path)).fingerprint
    tokenizers.Tokenizer(tokenizers.models.BPE({"b": 0}, [])).save(str(path))
    assert ExistingTokenizer(path=str(path)).fingerprint != before
    path.write_text("other")
    with pytest.raises(InputError, match="is no tokenizer"):
        _ = ExistingTokenizer(path=str(path)).fingerprint
    with pytest.raises(InputError, match="is no file"):
        _ = ExistingTokenizer(path=str(tmp_path / "nowhere")).fingerprint


def test_a_tokenizer_that_cannot_end_a_document_encodes_no_corpus(tmp_path: Path) -> None:
    bpe = tokenizers.Tokenizer(tokenizers.models.BPE({"a": 0}, []))
    bpe.save(str(tmp_path / "tokenizer.json"))
    step = Tokenize(corpus=Given(), tokenizer=ExistingTokenizer(path=str(tmp_path)))
    with pytest.raises(InputError, match=r"has no token <\|end\|>"):
        Store(tmp_path / "store", runner=Inline()).make(step)

"""Substrings of tokens: what is cut out is what a table of all stretches of tokens says was there before."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from tokenizers import models, normalizers, pre_tokenizers

from duplicate_texts import read_texts, spans_of
from pipeline_runs import first_lines, smelt
from smelt.core.store import Store
from smelt.core.work import Inline
from smelt.corpus.corpus import Corpus
from smelt.corpus.duplicates import partitions, repeats, tokens
from smelt.corpus.duplicates.steps import Dedup
from smelt.corpus.duplicates.tokens import read_tokens
from smelt.corpus.steps import Read
from smelt.errors import InputError
from smelt.tokens.steps import ExistingTokenizer
from smelt.tokens.tokenizer import load_bpe, save_bpe, train_bpe

PRINTED = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
BYTE_OF = {chr(byte): byte for byte in PRINTED} | {
    chr(256 + n): byte for n, byte in enumerate(byte for byte in range(256) if byte not in PRINTED)
}
"""How a byte-level vocabulary spells bytes (GPT-2's encoder.py): as themselves if they print, others from U+0100 on."""
SAMPLE = [
    "We the people of the town by the sea have the right to know what the law of the town says.",
    "人民法院审理民事案件，依照法律规定实行合议、回避、公开审判和两审终审制度。",
    "naïve café, über 日本語 𠀀𠀁 👩‍👩‍👧 ไทย",
]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of so few words that most Han characters are several tokens."""
    path = tmp_path_factory.mktemp("bpe") / "tokenizer.json"
    save_bpe(train_bpe(SAMPLE * 3, vocab=330), path)
    return path


def pieces_of(text: str, path: Path) -> list[tuple[int, bytes]]:
    """The tokens of a text and their bytes, as the vocabulary spells them."""
    encoding = load_bpe(path).encode(text, add_special_tokens=False)
    spelled = [bytes(BYTE_OF[character] for character in token) for token in encoding.tokens]
    assert b"".join(spelled) == text.encode()
    return list(zip(encoding.ids, spelled, strict=True))


def expected_spans(texts: Sequence[str], path: Path, length: int) -> list[list[tuple[int, int]]]:
    """The bytes of all tokens in repeats, of each run as many whole tokens as make whole characters."""
    first: dict[tuple[int, ...], tuple[int, int]] = {}
    found: list[list[tuple[int, int]]] = []
    for number, text in enumerate(texts):
        pieces = pieces_of(text, path)
        ids = [token for token, _ in pieces]
        is_repeat = [False] * len(ids)
        for at in range(len(ids) - length + 1):
            owner, start = first.setdefault(tuple(ids[at : at + length]), (number, at))
            if owner != number or at - start >= length:
                is_repeat[at : at + length] = [True] * length
        edges = list(itertools.accumulate((len(piece) for _, piece in pieces), initial=0))
        raw = [*text.encode(), 0]
        spans: list[tuple[int, int]] = []
        for repeated, group in itertools.groupby(range(len(ids)), key=is_repeat.__getitem__):
            run = list(group)
            whole = [edges[n] for n in range(run[0], run[-1] + 2) if raw[edges[n]] & 0xC0 != 0x80]
            if repeated and len(whole) > 1:
                spans.append((whole[0], whole[-1]))
        found.append(spans)
    return found


def cut(
    folder: Path,
    texts: Sequence[str],
    tokenizer: Path,
    *,
    length: int,
    shard_bytes: int = 1 << 26,
    against: Sequence[str] = (),
) -> Corpus:
    store = Store(folder / f"store-{shard_bytes}-{len(against)}", runner=Inline())
    corpora = [
        read_texts(folder, name, rows, shard_bytes=shard_bytes)
        for name, rows in (("new", texts), ("old", against))
        if rows
    ]
    return store.make(of_tokens(corpora[0], tokenizer, length=length, against=corpora[1:]))


def of_tokens(corpus: Read, path: Path, **fields: Any) -> Dedup:
    tokenizer = ExistingTokenizer(path=str(path))
    return Dedup.model_validate(
        {"corpus": corpus, "method": "substring", "unit": "tokens", "tokenizer": tokenizer, **fields}
    )


def collage(n: int, *, seed: int) -> list[str]:
    """Texts put together of pieces that stand in others too; of Han characters whose first bytes are the same."""
    chance = random.Random(seed)
    english = [
        "".join(chance.choices(["the ", "law ", "of ", "town ", "q", "é"], k=chance.randrange(3, 40)))
        for _ in range(30)
    ]
    chinese = ["".join(chance.choices("人仁今仍民氓泯审宙宇。𠀀𠀁𠀂", k=chance.randrange(3, 30))) for _ in range(30)]
    pieces = [*english, *chinese, "ab" * 40, "日" * 30, "👩‍👩‍👧" * 5]
    return ["".join(chance.choices(pieces, k=chance.randrange(1, 9))) for _ in range(n)]


# ---- what is cut out


@pytest.mark.parametrize("length", [8, 21])
def test_spans_are_those_of_a_table_of_all_stretches(tmp_path: Path, tokenizer: Path, length: int) -> None:
    texts = collage(150, seed=1)
    found = spans_of(cut(tmp_path, texts, tokenizer, length=length))
    assert found == expected_spans(texts, tokenizer, length)
    assert sum(len(spans) for spans in found) > 100


@given(st.lists(st.text(alphabet="ab日旦é𠀀𠀁\n", max_size=40), max_size=6), st.integers(4, 9))
@settings(max_examples=25, deadline=None)
def test_spans_of_any_texts_are_those_of_a_table(
    tmp_path_factory: pytest.TempPathFactory, tokenizer: Path, texts: list[str], length: int
) -> None:
    texts = [text for text in texts if text.strip()]
    if texts:
        found = spans_of(cut(tmp_path_factory.mktemp("any"), texts, tokenizer, length=length))
        assert found == expected_spans(texts, tokenizer, length)


@pytest.mark.parametrize("name", ["text_en/government", "text_zh/law"])
def test_spans_of_real_documents_are_those_of_a_table(shared_data: Path, tmp_path: Path, name: str) -> None:
    texts = [json.loads(row)["text"].replace("\0", "") for row in first_lines(shared_data / f"{name}.jsonl.zst", 60)]
    own = tmp_path / "own.json"
    save_bpe(train_bpe(texts[:20], vocab=1024), own)
    corpus = cut(tmp_path, texts, own, length=50)
    found = spans_of(corpus)
    assert found == expected_spans(texts, own, 50)
    assert any(found)


def test_what_is_cut_out_is_whole_characters_and_whole_tokens(tmp_path: Path) -> None:
    """Every byte is a token here. The texts share the last byte of one character and the first two of another."""
    save_bpe(train_bpe(["a"], vocab=257), tmp_path / "bytes.json")
    shared = "人民法院审理案件"
    texts = [f"x𠀀{shared}日y" + "q" * 40, f"z𠄀{shared}旦w" + "k" * 40]
    assert len({text.encode()[4:31] for text in texts}) == 1
    corpus = cut(tmp_path, texts, tmp_path / "bytes.json", length=26)
    assert spans_of(corpus)[1] == [(5, 5 + len(shared.encode()))]
    assert corpus.kept().collect()["text"].to_list()[1] == "z𠄀旦w" + "k" * 40


def test_shards_partitions_and_older_corpora_change_nothing(
    tmp_path: Path, tokenizer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = collage(40, seed=2), collage(100, seed=3)
    whole = cut(tmp_path, new, tokenizer, length=12, against=old)
    assert spans_of(whole) == expected_spans([*old, *new], tokenizer, 12)[len(old) :]
    monkeypatch.setattr(partitions, "PARTITION_KEYS", 150)
    monkeypatch.setattr(repeats, "CHUNK", 5)
    parts = cut(tmp_path, new, tokenizer, length=12, against=old, shard_bytes=3_000)
    assert len(parts.shards) > 3
    assert parts.kept().collect().equals(whole.kept().collect())
    assert parts.dropped().collect().equals(whole.dropped().collect())
    assert parts.ledger() == whole.ledger()


# ---- tokenizers of any kind


def word_level(path: Path, words: Sequence[str]) -> Path:
    """A tokenizer that lowers case, passes over white space and knows few words."""
    vocabulary = {word: n for n, word in enumerate(["[UNK]", *words])}
    own = tokenizers.Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    own.normalizer = normalizers.Lowercase()
    own.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    own.enable_truncation(3)
    own.enable_padding(length=7)
    own.save(str(path))
    return path


def test_words_that_a_tokenizer_does_not_know_are_told_apart(tmp_path: Path) -> None:
    own = word_level(tmp_path / "words.json", ["the", "law"])
    first, second = "the law eins zwei drei vier fuenf sechs", "the law uno due tre quattro cinque sei"
    texts = [f"{first} the law", f"{second} the law", f"law  the {first.upper()}\n the first of them stays where it is"]
    corpus = cut(tmp_path, texts, own, length=6)
    known = [texts[0], texts[1]]
    assert corpus.kept().collect()["text"].to_list()[:2] == known
    assert spans_of(corpus)[:2] == [[], []]


def test_white_space_that_a_tokenizer_passes_over_goes_with_the_token_before(tmp_path: Path) -> None:
    own = word_level(tmp_path / "words.json", ["the", "law"])
    texts = ["one two three four five", "  zero \t one two\nthree   four \n and all that was not said before this time"]
    corpus = cut(tmp_path, texts, own, length=4)
    assert corpus.kept().collect()["text"].to_list()[1] == "  zero \t and all that was not said before this time"


def test_a_long_text_is_read_in_pieces_and_has_the_tokens_of_the_whole(
    tokenizer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "\n".join(collage(200, seed=4))
    whole = read_tokens(pl.Series([text, "", text]), tokenizer)
    monkeypatch.setattr(tokens, "PIECE_CHARACTERS", 50)
    pieces = read_tokens(pl.Series([text, "", text]), tokenizer)
    assert len(list(tokens._pieces(text))) > 20
    assert np.array_equal(whole.values, pieces.values)
    assert np.array_equal(whole.offsets, pieces.offsets)
    assert whole.edges is not None
    assert pieces.edges is not None
    assert all(np.array_equal(*pair) for pair in zip(whole.edges, pieces.edges, strict=True))


# ---- settings, command line


@pytest.mark.parametrize(
    "fields",
    [
        {"tokenizer": None},
        {"unit": "bytes"},
        {"length": 3},
        {"method": "near"},
        {"tokenizer": Read(paths="a.jsonl")},
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, tokenizer: Path, fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        of_tokens(read_texts(tmp_path, "a", ["t"]), tokenizer, **fields)


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"model": {"type": "BPE"}}'])
def test_a_file_that_is_no_tokenizer_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(InputError, match="is no tokenizer"):
        cut(tmp_path, ["some text"], tmp_path, length=10)


def test_the_command_takes_a_tokenizer_from_a_file_or_folder(tmp_path: Path, tokenizer: Path) -> None:
    texts = collage(30, seed=5)
    read_texts(tmp_path, "a", texts)
    options = ("--method", "substring", "--length", "12", "--unit", "tokens", "--store", tmp_path / "store")
    for path in (tokenizer, tokenizer.parent):
        smelt("dedup", tmp_path / "a.jsonl", "-o", tmp_path / "A", *options, "--tokenizer", path)
        kept = pl.read_parquet(tmp_path / "A/kept/*.parquet")
        number = kept["id"].str.extract(r"#(\d+)$").cast(pl.Int64).to_list()
        expected = expected_spans(texts, tokenizer, 12)
        assert [[(s["start"], s["end"]) for s in spans] for spans in kept["spans"]] == [expected[n - 1] for n in number]
    refused = smelt("dedup", tmp_path / "a.jsonl", "-o", tmp_path / "B", *options, check=False)
    assert refused.returncode == 2
    assert "go together" in refused.stderr

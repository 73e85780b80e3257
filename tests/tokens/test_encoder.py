"""The fast encoder has the reference's ids, or is not used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import models, pre_tokenizers

from smelt.tokens import encoder
from smelt.tokens.encoder import Encoder
from smelt.tokens.tokenizer import END, encode, load_bpe, save_bpe, train_bpe

QUICKSTART = Path(__file__).parents[2] / "recipes/quickstart"
TEXTS = pl.read_parquet(QUICKSTART / "classical-zh.parquet")["text"].head(300).to_list()
TEXTS += [line for line in (QUICKSTART / "pep-0020.txt").read_text().splitlines() if line]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bpe") / "tokenizer.json"
    save_bpe(train_bpe(TEXTS, vocab=1_000), path)
    return path


@pytest.fixture(scope="module")
def fast(saved: Path) -> Encoder:
    return Encoder(saved)


def test_real_texts_get_the_ids_of_the_reference(fast: Encoder, saved: Path) -> None:
    reference = load_bpe(saved)
    assert [ids.tolist() for ids in fast.encode_batch(TEXTS)] == [encode(reference, text) for text in TEXTS]
    assert fast.differs is None


@given(text=st.text(max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_text_gets_the_ids_of_the_reference(fast: Encoder, saved: Path, text: str) -> None:
    padded = ["x", text]  # the first of a batch is checked by the encoder itself: this one is not
    assert fast.encode_batch(padded)[1].tolist() == encode(load_bpe(saved), text)


def test_the_end_token_cannot_be_spelled(fast: Encoder) -> None:
    assert fast.end not in fast.encode_batch([f"one{END}two"])[0]


def test_where_the_two_differ_the_reference_counts(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong:
        def encode(self, text: str) -> list[int]:
            return [0]

    monkeypatch.setattr(encoder, "_load", lambda path: Wrong())
    wary = Encoder(saved)
    assert wary.differs == encoder.HARD_TEXTS[0]
    assert np.array_equal(wary.encode_batch(["To be"])[0], encode(load_bpe(saved), "To be"))


def test_a_tokenizer_that_gigatoken_cannot_read_is_encoded_by_the_reference(tmp_path: Path) -> None:
    words = tokenizers.Tokenizer(models.WordLevel({"[UNK]": 0, "to": 1, "be": 2, END: 3}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    words.save(str(tmp_path / "words.json"))
    plain = Encoder(tmp_path / "words.json")
    assert [ids.tolist() for ids in plain.encode_batch(["to be or", ""])] == [[1, 2, 0], []]
    assert plain.end == 3

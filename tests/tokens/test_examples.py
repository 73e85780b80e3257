"""Documents with answers become ids that say the same."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from pydantic import ValidationError

from example_files import some_examples
from smelt.core.store import Store
from smelt.errors import EmptyResult, InputError
from smelt.tokens.examples import Examples
from smelt.tokens.tokenizer import TOKENIZER, load_bpe


def texts(examples: Examples, column: str) -> list[str]:
    bpe = load_bpe(examples.folder / TOKENIZER)
    return [bpe.decode(ids, skip_special_tokens=False) for ids in examples.split("held_out")[column].to_list()]


def test_a_text_and_its_answer_end_with_the_end_token(tmp_path: Path, store: Store) -> None:
    made = store.make(some_examples(tmp_path, answer="text", target="german"))
    pairs = list(zip(texts(made, "source"), texts(made, "target"), strict=True))
    assert all(source.endswith("<|end|>") and target.endswith("<|end|>") for source, target in pairs)
    assert any("Katze sieht" in target and "cat sees" in source for source, target in pairs)
    assert made.split("held_out").height == 60
    assert made.end == load_bpe(made.folder / TOKENIZER).token_to_id("<|end|>")


def test_classes_are_numbered_in_the_order_of_their_names(tmp_path: Path, store: Store) -> None:
    made = store.make(some_examples(tmp_path, answer="class", target="mood"))
    assert made.labels == ["cruel", "kind", "neither"]
    for source, target in zip(texts(made, "source"), made.split("held_out")["target"].to_list(), strict=True):
        wanted = "kind" if "likes" in source else "cruel" if "bites" in source else "neither"
        assert made.labels[target[0]] == wanted


def test_a_span_is_where_the_answer_stands(tmp_path: Path, store: Store) -> None:
    made = store.make(some_examples(tmp_path, answer="span", target="who", question="asked"))
    bpe, rows = load_bpe(made.folder / TOKENIZER), made.split("held_out")
    for source, (start, end) in zip(rows["source"].to_list(), rows["target"].to_list(), strict=True):
        text = bpe.decode(source, skip_special_tokens=False)
        assert text.startswith("who ")
        said = bpe.decode(source[start:end]).strip()
        assert said in text.split("<|end|>")[1]


def test_numbers_and_long_texts_are_cut_to_the_most_tokens(tmp_path: Path, store: Store) -> None:
    made = store.make(some_examples(tmp_path, answer="number", target="count", max_tokens=8))
    rows = made.split("held_out")
    assert rows["source"].list.len().max() <= 8
    assert set(rows["value"].to_list()) <= {1.0, 2.0, 3.0, 4.0, 5.0}
    assert all(ids[-1] == made.end for ids in rows["source"].to_list())


def test_what_is_no_number_is_left_out_and_counted(tmp_path: Path, store: Store) -> None:
    with pytest.raises(EmptyResult, match="no document with an answer in 'mood'"):
        store.make(some_examples(tmp_path, answer="number", target="mood"))


def test_pairs_that_are_too_long_are_left_out_and_counted(tmp_path: Path, store: Store) -> None:
    whole = store.make(some_examples(tmp_path, answer="text", target="german"))
    longest = max(whole.rows.select(pl.max_horizontal(pl.col("source", "target").list.len())).to_series())
    short = store.make(some_examples(tmp_path, answer="text", target="german", max_tokens=longest - 1))
    assert short.manifest.counts["left_out"] == whole.rows.height - short.rows.height > 0


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"answer": "class", "target": "id"}, "has 1,... different answers; expected 2 to 1,000 classes"),
        ({"answer": "class", "target": "nothing"}, "has 0 different answers"),
        ({"answer": "text", "target": "nothing"}, "no document with an answer in 'nothing'"),
    ],
)
def test_a_field_without_answers_is_named(fields: dict[str, str], message: str, tmp_path: Path, store: Store) -> None:
    with pytest.raises((InputError, EmptyResult), match=message):
        store.make(some_examples(tmp_path, n=4000, **fields))


def test_a_span_needs_a_question_and_nothing_else_does(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="give both, or neither"):
        some_examples(tmp_path, n=10, answer="span", target="who")

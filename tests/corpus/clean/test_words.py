"""Words of lists are found whole however they are written, and nothing else is."""

from __future__ import annotations

import random
import re
from pathlib import Path

import polars as pl
import pytest

from smelt.corpus.clean.words import Words, find_words, read_words, shipped_lists
from smelt.corpus.document import Document, Drop, as_batch
from smelt.errors import InputError

LISTED = ("sex", "hot sex", "色情", "色情电影", "กขค", "s&m")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("sex", ["sex"]),
        ("SEX! Ｓｅｘ", ["sex", "sex"]),
        ("s\u200be\u00adx", ["sex"]),
        ("sex sex", ["sex", "sex"]),
        ("some hot  sex", ["hot sex"]),
        ("Sussex, sexton, Middlesex", []),
        ("他看色情电影和色情书", ["色 情 电 影", "色 情"]),
        ("看sex吧", ["sex"]),
        ("เกขคา", ["ก ข ค"]),
        ("S&M", ["s&m"]),
        ("it's m", []),
        ("", []),
    ],
)
def test_words_are_found_whole_or_in_text_without_spaces_anywhere(text: str, found: list[str]) -> None:
    assert find_words(pl.Series([text]), LISTED).to_list() == [found]


def test_words_found_are_those_of_a_plain_search() -> None:
    chance = random.Random(1)
    texts = [" ".join(chance.choices(["a", "b", "ab", "c-d", "A.", "中文", "x"], k=12)) for _ in range(300)]
    words = ("a b", "b", "c d", "中", "文 x")
    plain = re.compile(r"(?<=\s)(?:a  b|c  d|文  x|b|中)(?=\s)")
    spaced = [re.sub(r"\W+|(?<=[中文])|(?=[中文])", " ", text.lower()) for text in texts]
    expected = [plain.findall(f" {'  '.join(text.split())} ") for text in spaced]
    assert find_words(pl.Series(texts), words).to_list() == [
        [word.replace("  ", " ") for word in found] for found in expected
    ]


def test_hard_drops_name_the_words_and_soft_ones_only_count() -> None:
    batch = as_batch([Document("f#0", "hot sex", language="en"), Document("f#1", "weather", language="en")])
    hard, soft = Words().apply(batch), Words(max=None).apply(batch)
    assert [drop and Drop(**drop) for drop in hard["drop"]] == [Drop("words.en", 1, limit=0, detail="sex"), None]
    assert soft["drop"].null_count() == 2
    assert hard["listed_words"].to_list() == soft["listed_words"].to_list() == [1, 0]


def test_a_list_named_for_a_language_judges_that_language_only() -> None:
    batch = as_batch([Document("f#0", "Gift", language="de"), Document("f#1", "sex", language="de")])
    batch = batch.vstack(as_batch([Document("f#2", "sex")]))
    assert Words(lists=("en",), max=None).apply(batch)["listed_words"].to_list() == [0, 0, 1]


def test_a_list_of_ones_own_is_for_all_and_its_content_is_its_identity(tmp_path: Path) -> None:
    path = tmp_path / "ours.txt"
    path.write_text("# plants\nrose  # red\n\n", encoding="utf-8")
    op = Words.model_validate({"lists": ["ours.txt"]}, context={"folder": tmp_path})
    batch = op.apply(as_batch([Document("f#0", "a Rose", language="de")]))
    assert Drop(**batch["drop"][0]) == Drop("words.ours", 1, limit=0, detail="rose")
    assert str(tmp_path) not in str(op.settings())


def test_dropped_documents_are_left_alone() -> None:
    batch = as_batch([Document("f#0", "sex", drop=Drop("x.y"))])
    done = Words().apply(batch)
    assert done["drop"][0]["reason"] == "x.y"
    assert done["listed_words"].to_list() == [0]


def test_lists_of_28_languages_come_along_without_parts_of_harmless_words() -> None:
    assert len(shipped_lists()) == 28
    assert "性" not in read_words("zh")
    assert len(read_words("en")) == 403


def test_a_list_that_is_not_there_is_refused() -> None:
    with pytest.raises(InputError, match="is not there"):
        Words.model_validate({"lists": ["xx"]})

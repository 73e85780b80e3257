"""The compiled pass measures exactly what a plain reading of the definitions in measures.py does."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import polars as pl
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from smelt.corpus.measures.characters import (
    BULLETS,
    CLOSERS,
    FUNCTION_CHARACTERS,
    IDEOGRAPHS,
    SENTENCE_ENDS,
    TERMINALS,
)
from smelt.corpus.measures.measure import MEASURES, measure

HAN_OR_KANA = "".join(f"{chr(first)}-{chr(last)}" for first, last in IDEOGRAPHS)
WORD = re.compile(rf"[{HAN_OR_KANA}]|[^\s{HAN_OR_KANA}]+")
STOP_WORDS = {"the", "be", "to", "of", "and", "that", "have", "with"}

# Words, few enough to repeat, and what may stand between them: n-grams, lines and paragraphs recur.
PIECES = (
    "a",
    "b",
    "The",
    "of",
    "né",
    "中",
    "文",
    "あ",
    "x中y",
    "“”",
    "...",
    "…",
    "#",
    "- ",
    "•",
    "{",
    "end.",
    "2024",
    "的",
    "。”",
    "Lorem ipsum",
    "lolorem",
    "\ufffd",
    "😀",
)
GAPS = (" ", " ", "", "\n", "\n\n", "\n \n", "\r\n", "\t", "\u3000", "\u2028")
passages = st.lists(st.tuples(st.sampled_from(PIECES), st.sampled_from(GAPS)), max_size=80).map(
    lambda pairs: "".join(piece + gap for piece, gap in pairs)
)


def reference(text: str) -> dict[str, float]:
    """Every measure of a text, by its definition."""
    words = WORD.findall(text)
    lines = [line.strip() for line in text.split("\n")]
    paragraphs = ["\n".join(group) for filled, group in groupby(lines, key=bool) if filled]
    lines = [line for line in lines if line]
    n_chars = sum(map(len, words))

    def share(part: float, whole: float) -> float:
        return part / whole if whole else 0.0

    def share_of_lines(holds: Sequence[bool]) -> float:
        return share(sum(holds), len(lines))

    dup_lines, dup_line_chars = duplicates(lines)
    dup_paragraphs, dup_paragraph_chars = duplicates(paragraphs)
    return {
        "n_words": len(words),
        "n_chars": n_chars,
        "mean_word_length": share(n_chars, len(words)),
        "alpha_word_frac": share(sum(any(map(str.isalpha, word)) for word in words), len(words)),
        "ideograph_frac": share(sum(bool(re.match(f"[{HAN_OR_KANA}]", word)) for word in words), n_chars),
        "stop_words": len({word.lower() for word in words} & STOP_WORDS),
        "hash_word_ratio": share(text.count("#"), len(words)),
        "ellipsis_word_ratio": share(text.count("...") + text.count("…"), len(words)),
        "bullet_line_frac": share_of_lines([line[0] in BULLETS for line in lines]),
        "ellipsis_line_frac": share_of_lines([line.endswith(("...", "…")) for line in lines]),
        "dup_line_frac": share(dup_lines, len(lines)),
        "dup_line_char_frac": share(dup_line_chars, n_chars),
        "dup_paragraph_frac": share(dup_paragraphs, len(paragraphs)),
        "dup_paragraph_char_frac": share(dup_paragraph_chars, n_chars),
        **{f"top_{n}gram_char_frac": min(1.0, share(top_chars(words, n), n_chars)) for n in (2, 3, 4)},
        **{f"dup_{n}gram_char_frac": share(duplicate_gram_chars(words, n), n_chars) for n in range(5, 11)},
        "terminal_line_frac": share_of_lines([line[-1] in TERMINALS for line in lines]),
        "short_line_frac": share_of_lines([len(" ".join(line.split())) <= 30 for line in lines]),
        "newline_word_ratio": share(text.strip().count("\n"), len(words)),
        "curly_brackets": text.count("{"),
        "n_sentences": sum(word.rstrip(CLOSERS).endswith(tuple(SENTENCE_ENDS)) for word in words),
        "lorem_ipsum": len(re.findall("lorem ipsum", text, re.IGNORECASE | re.ASCII)),
        "punctuation_frac": share(sum(unicodedata.category(c)[0] in "PS" for word in words for c in word), n_chars),
        "function_frac": share(
            sum(text.count(c) for c in FUNCTION_CHARACTERS), len(re.findall(f"[{HAN_OR_KANA}]", text))
        ),
        "replacement_frac": share(text.count("\ufffd"), n_chars),
    }


def duplicates(parts: Sequence[str]) -> tuple[int, int]:
    """How many parts have the words of an earlier one, and the characters in them."""
    seen: set[tuple[str, ...]] = set()
    repeated: list[tuple[str, ...]] = []
    for words in (tuple(WORD.findall(part)) for part in parts):
        if words in seen:
            repeated.append(words)
        seen.add(words)
    return len(repeated), sum(len(word) for words in repeated for word in words)


def grams(words: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(words[at : at + n]) for at in range(len(words) - n + 1)]


def top_chars(words: Sequence[str], n: int) -> int:
    counts = Counter(grams(words, n))
    most = max(counts.values(), default=0)
    return max((most * sum(map(len, gram)) for gram in counts if counts[gram] == most > 1), default=0)


def duplicate_gram_chars(words: Sequence[str], n: int) -> int:
    seen: set[tuple[str, ...]] = set()
    covered: set[int] = set()
    for at, gram in enumerate(grams(words, n)):
        if gram in seen:
            covered.update(range(at, at + n))
        seen.add(gram)
    return sum(len(words[at]) for at in covered)


def assert_as_defined(texts: Sequence[str]) -> None:
    expected = pl.DataFrame([reference(text) for text in texts], schema_overrides=dict.fromkeys(MEASURES, pl.Float64))
    measured = measure(pl.Series(texts, dtype=pl.String)).cast(pl.Float64)
    assert_frame_equal(measured, expected, check_exact=True)


def read_texts(path: Path, n: int) -> list[str]:
    with zstandard.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line)["text"] for line, _ in zip(lines, range(n), strict=False)]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(passages, st.text(max_size=60)), min_size=1, max_size=8))
def test_measures_of_any_text_are_as_defined(texts: list[str]) -> None:
    assert_as_defined(texts)


@pytest.mark.parametrize(
    "name",
    ["text_en/government", "text_en/law", "text_en/code", "text_zh/law", "text_zh/classical", "text_zh/tech"],
)
def test_measures_of_real_documents_are_as_defined(shared_data: Path, name: str) -> None:
    assert_as_defined(read_texts(shared_data / f"{name}.jsonl.zst", 40))


def test_measures_of_a_small_text_are_those_worked_out_by_hand() -> None:
    text = "- The cat sat...\n\n  the   cat sat.\n- The cat sat...\n人人生而"
    row = measure(pl.Series([text])).row(0, named=True)
    assert row["n_words"] == 4 + 3 + 4 + 4
    assert row["n_chars"] == 13 + 10 + 13 + 4
    assert row["stop_words"] == 1
    assert row["ideograph_frac"] == 4 / 40
    assert row["bullet_line_frac"] == row["ellipsis_line_frac"] == 2 / 4
    assert row["dup_line_frac"] == 1 / 4
    assert row["dup_line_char_frac"] == 13 / 40
    assert row["dup_paragraph_frac"] == 0
    assert row["top_2gram_char_frac"] == 2 * 9 / 40  # The cat, twice; of "cat sat..." there is as much: 2 * 9
    assert row["top_4gram_char_frac"] == 2 * 13 / 40


def test_every_measure_is_a_column_in_the_documented_order() -> None:
    assert measure(pl.Series(["text"])).columns == list(MEASURES)


def test_null_texts_have_null_measures_and_leave_the_others_alone() -> None:
    measures = measure(pl.Series(["two words", None, ""]))
    assert measures["n_words"].to_list() == [2, None, 0]
    assert measures.row(1) == (None,) * len(MEASURES)
    assert set(measures.row(2)) == {0}


def test_no_texts_give_no_rows_of_the_same_types() -> None:
    assert measure(pl.Series([], dtype=pl.String)).schema == measure(pl.Series(["text"])).schema


def test_a_slice_of_a_chunked_column_is_measured_as_itself() -> None:
    whole = pl.Series(["one", "two of", "中文", None, "five words of any length"])
    chunked = pl.concat([whole[:2], whole[2:]], rechunk=False)
    assert_frame_equal(measure(chunked[1:4]), measure(whole)[1:4])

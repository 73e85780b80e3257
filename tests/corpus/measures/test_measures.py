"""The compiled pass measures exactly what the plain definitions in reference_measures.py say."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
import xxhash
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from reference_measures import reference
from smelt.corpus.measures.measure import MEASURES, measure

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
    *("Ã©", "â€™", "ï¿½", "锟斤拷", "烫烫烫烫", "锛屻", "銆"),
    *("構(gòu)", "（yì）", "(de)", "ก", "กำ", "ที่", "မြ", "жa", "Buy now", "加微信"),
    *("\u200b", "e\u0301", "\x00", "か\u3099", "🏳️‍🌈", "שלום"),
)
GAPS = (" ", " ", "", "\n", "\n\n", "\n \n", "\r\n", "\t", "\u3000", "\u2028")
passages = st.lists(st.tuples(st.sampled_from(PIECES), st.sampled_from(GAPS)), max_size=80).map(
    lambda pairs: "".join(piece + gap for piece, gap in pairs)
)


def assert_as_defined(texts: Sequence[str]) -> None:
    expected = pl.DataFrame([reference(text) for text in texts], schema_overrides=dict.fromkeys(MEASURES, pl.Float64))
    measured = measure(pl.Series(texts, dtype=pl.String)).cast(pl.Float64)
    assert_frame_equal(measured, expected, check_exact=True)


def read_texts(path: Path, n: int) -> list[str]:
    with zstandard.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line)["text"] for line, _ in zip(lines, range(n), strict=False)]


def drawn(folder: Path, n: int) -> list[str]:
    """So many texts of all domains of a language, those whose ids have the smallest hashes."""
    found: list[tuple[int, str]] = []
    for path in sorted(folder.glob("*.jsonl.zst")):
        with zstandard.open(path, "rt", encoding="utf-8") as lines:
            rows = (json.loads(line) for line in lines)
            found += [(xxhash.xxh3_64_intdigest(row["id"].encode()), row["text"]) for row in rows]
            found = sorted(found)[:n]
    return [text for _, text in found]


@pytest.mark.slow
@pytest.mark.parametrize("language", ["text_en", "text_zh"])
def test_measures_of_5000_documents_of_a_language_are_as_defined(shared_data: Path, language: str) -> None:
    texts = drawn(shared_data / language, 5_000)
    assert len(texts) == 5_000
    for start in range(0, len(texts), 500):
        assert_as_defined(texts[start : start + 500])


@settings(max_examples=150, deadline=None)
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


def greedy_chars(words: Sequence[str], n: int) -> int:
    """As datatrove reads: each duplicate n-gram is skipped as a whole, and what begins within it is not remembered."""
    seen: set[tuple[str, ...]] = set()
    chars = at = 0
    while at + n <= len(words):
        gram = tuple(words[at : at + n])
        chars += sum(map(len, gram)) if gram in seen else 0
        at += n if gram in seen else 1
        seen.add(gram)
    return chars


@settings(max_examples=100, deadline=None)
@given(passages.filter(bool))
def test_datatroves_definitions_are_those_of_its_code(text: str) -> None:
    words, row = text.split(), measure(pl.Series([text]), "datatrove").row(0, named=True)
    assert row["n_words"] == len(words)
    for n in range(5, 11):
        assert row[f"dup_{n}gram_char_frac"] == greedy_chars(words, n) / len(text)
    for name, parts in (("line", re.split(r"\n+", text)), ("paragraph", re.split(r"\n{2,}", text.strip()))):
        repeated = [part for at, part in enumerate(parts) if part in parts[:at]]
        assert row[f"dup_{name}_frac"] == len(repeated) / len(parts)
        assert row[f"dup_{name}_char_frac"] == len("".join(repeated)) / len(text)

"""Damaged text is made whole, all other text comes back byte for byte, and what is beyond repair is dropped."""

from __future__ import annotations

import io
import json
import unicodedata
from pathlib import Path

import ftfy
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from smelt.corpus.clean.repair import INVISIBLE, Repair, Repaired, damaged_share, reading_share, repair
from smelt.corpus.document import Document, Drop, as_batch

WHOLE = [
    "The furnace was lit.",
    "naïve café — “quoted” … ½ × ÷ ±5 °C",
    "第一条　为了加强和规范食品生产经营活动，制定本法。",
    "乾（qián）是卦名，坤（kūn）也是。",
    "字摩诘(jié)，号摩诘居士。",
    "編者按：構(gòu)與建皆為漢字，數(shù)亦然。",  # traditional throughout: a dictionary's
    "共用体（union）和控制组(cgroup)",
    "می‌خواهم",  # ZWNJ of Persian
    "क्‍ष 👩‍🔬 👨‍👩‍👧 🏴󠁧󠁢󠁥󠁮󠁧󠁿 ❤️",
    "שלום \u200fabc\u200e!",
    "ភាសា\u200bខ្មែរ",
    "x² ① ＡＢＣ ﬁ ㎏",  # NFKC would change all of these
    "In HTML, &lt;b&gt; and &amp; are <code>&nbsp;</code>",
    "C34××××7/C07××××1",
    "AT&T &c; R&D;",
]


@pytest.mark.parametrize("text", WHOLE)
def test_whole_text_comes_back_as_it_is(text: str) -> None:
    assert repair(text) == Repaired(text, 0)


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("doesnâ€™t", "doesn’t"),
        ("schÃ¶n, und FranÃ§ois", "schön, und François"),
        ("大模型".encode().decode("latin-1"), "大模型"),
        ("中文文本".encode("gbk").decode("latin-1"), "中文文本"),
        ("one&nbsp;two &amp;quot;three&amp;quot;", 'one\xa0two "three"'),
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("a\x00b\x07c\td", "abc\td"),
        ("zero\u200bwidth\ufeff soft\xadware", "zerowidth software"),
        ("access \u202eresu\u202c granted", "access resu granted"),  # shown as "user"
        ("hidden\U000e0041\U000e0042", "hidden"),
        ("Le\u0301o", "Léo"),
        ("在構(gòu)建大模型时，數(shù)据很重要", "在构建大模型时，数据很重要"),
        ("\ud83d\ude00 and \ud83d", "😀 and \ufffd"),
    ],
)
def test_damage_is_mended_and_counted(text: str, whole: str) -> None:
    done = repair(text)
    assert done.text == whole
    assert done.edits > 0


def test_one_reading_is_not_enough_and_a_wrong_one_is_none() -> None:
    for text in ("在構(gòu)建大模型时", "在構(abc)建大模型，數(xyz)据"):
        assert repair(text).text == text
    assert reading_share("在構(gòu)建") == pytest.approx(1 / 3)


@given(st.text(max_size=200))
def test_repair_is_done_once_and_leaves_nothing_behind(text: str) -> None:
    done = repair(text)
    done.text.encode()  # raises where half a surrogate pair is left
    assert unicodedata.is_normalized("NFC", done.text)
    assert "\r" not in done.text
    assert done.edits or done.text == text


@given(st.text(st.characters(codec="latin-1", categories=["L", "P", "Zs"]), max_size=60))
def test_mojibake_that_ftfy_mends_is_mended_alike(text: str) -> None:
    broken = text.encode().decode("latin-1")
    if not any(ord(character) < 0xA0 and not character.isascii() for character in text) and "&" not in text:
        mended = ftfy.fix_encoding(broken)
        if mended == text and not INVISIBLE.search(broken) and not INVISIBLE.search(text):
            assert repair(broken).text in (unicodedata.normalize("NFC", text), broken)


def test_the_op_repairs_counts_and_drops() -> None:
    lost = "words \ufffd\ufffd\ufffd and \ufffd words"
    rows = [
        Document("f#0", "doesnâ€™t\r\n"),
        Document("f#1", "as it is"),
        Document("f#2", lost),
        Document("f#3", "a\r", drop=Drop("x.y")),
        Document("f#4", "<p>a\r", format="html"),
    ]
    done = Repair().apply(as_batch(rows))
    assert done["text"].to_list() == ["doesn’t\n", "as it is", lost, "a\r", "<p>a\r"]
    assert done["repaired"].to_list() == [2, 0, 0, None, None]
    drop = done["drop"][2]
    assert (drop["reason"], drop["value"], drop["limit"]) == ("repair.damaged", damaged_share(lost), 0.01)
    assert [drop and drop["reason"] for drop in done["drop"]] == [None, None, "repair.damaged", "x.y", None]
    assert Repair(max_damaged=0.5).apply(as_batch(rows))["drop"][2] is None


def test_a_batch_does_what_each_row_does_alone() -> None:
    rows = [Document(f"f#{number}", text) for number, text in enumerate(["a\r", "schÃ¶n", "\ufffd", ""])]
    apart = [Repair().apply(as_batch([row])) for row in rows]
    together = Repair().apply(as_batch(rows))
    assert together.equals(apart[0].vstack(apart[1]).vstack(apart[2]).vstack(apart[3]))


@pytest.mark.parametrize(
    "name", ["text_en/medicine", "text_en/literature", "text_zh/modern_translation", "text_zh/finance"]
)
def test_real_texts_change_only_where_they_hold_what_is_repaired(shared_data: Path, name: str) -> None:
    path = shared_data / f"{name}.jsonl.zst"
    with path.open("rb") as file, zstandard.ZstdDecompressor(max_window_size=2**28).stream_reader(file) as stream:
        texts = [json.loads(line)["text"] for line in io.BytesIO(stream.read(3_000_000)).readlines()[:-1]]
    changed = [text for text in texts if repair(text).text != text]
    assert len(texts) > 2
    assert len(changed) <= 0.01 * len(texts)
    assert all(_holds_damage(text) for text in changed)


def _holds_damage(text: str) -> bool:
    is_odd = any(
        unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp") and character not in "\n\t" for character in text
    )
    return is_odd or "&" in text or not unicodedata.is_normalized("NFC", text)

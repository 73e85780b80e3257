"""Lines that are no text go, all others stay as they are, and what went is counted."""

from __future__ import annotations

import pytest

from smelt.corpus.clean.edits import C4Lines, Furniture
from smelt.corpus.document import Document, Drop, as_batch

PROSE = "The furnace was lit before the church was built."


@pytest.mark.parametrize(
    "line",
    [
        "The furnace was lit before the church",  # no end
        "It was lit.",  # too few words
        "Please turn on Javascript to see this page.",
        "By reading on you accept the terms of use.",
        "It was lit before the church ...",
    ],
)
def test_c4_takes_a_line_that_is_no_sentence(line: str) -> None:
    assert C4Lines().edit(f"{PROSE}\n{line}\n{PROSE}") == (f"{PROSE}\n{PROSE}", 1)


def test_c4_keeps_sentences_and_takes_citations_out_of_them() -> None:
    assert C4Lines().edit(f"“{PROSE}”\n\n{PROSE[:-1]}[12].") == (f"“{PROSE}”\n\n{PROSE}", 0)


@pytest.mark.parametrize(
    "line",
    [
        *("Home", "» Read more", "Share on Facebook", "[ Back to top ]", "We use cookies to improve this page."),
        *("返回顶部", "上一篇：钢铁是怎样炼成的", "责任编辑：张三", "版权所有 2020", "本网站使用Cookie以改善体验"),
        *("分享到：", "为您推荐", "11小时前", "1827 跟贴1827", "网易首页 > 新闻中心 > 新闻 > 正文", "澎湃新闻APP下载"),
    ],
)
def test_furniture_goes(line: str) -> None:
    assert Furniture().edit(f"{PROSE}\n{line}\n{PROSE}") == (f"{PROSE}\n{PROSE}", 1)


@pytest.mark.parametrize(
    "line",
    [
        "Home is where the furnace is.",
        "He had to read more.",
        "Cookies are baked at noon.",
        "评论家认为此书很好。",
        "他11小时前离开。",
        "推荐信",
    ],
)
def test_text_that_speaks_of_furniture_stays(line: str) -> None:
    assert Furniture().edit(f"{PROSE}\n{line}") == (f"{PROSE}\n{line}", 0)


def test_of_a_running_head_the_first_is_kept() -> None:
    text = "\n".join(["A History of Iron", "one", "A History of Iron", "two", "A History of Iron", "three"])
    assert Furniture().edit(text) == ("A History of Iron\none\ntwo\nthree", 2)


@pytest.mark.parametrize("line", ["import numpy as np", "}", "</button>", "KafkaClient {", '"""', "else:"])
def test_code_that_repeats_is_no_running_head(line: str) -> None:
    text = "\n".join([line, "one", line, "two", line])
    assert Furniture().edit(text) == (text, 0)


def test_what_went_is_counted_and_an_emptied_document_is_dropped_with_its_text() -> None:
    rows = [Document("f#0", f"Home\n{PROSE}"), Document("f#1", "Home\nMenu"), Document("f#2", "Home", drop=Drop("x.y"))]
    done = Furniture().apply(as_batch(rows))
    assert done["furniture_lines"].to_list() == [1, 2, None]
    assert done["text"].to_list() == [PROSE, "Home\nMenu", "Home"]
    assert [drop and drop["reason"] for drop in done["drop"]] == [None, "furniture.empty", "x.y"]


def test_a_batch_does_what_each_row_does_alone() -> None:
    rows = [Document("f#0", f"Home\n{PROSE}"), Document("f#1", PROSE), Document("f#2", "")]
    together = C4Lines().apply(as_batch(rows))
    assert together.equals(C4Lines().apply(as_batch(rows[:1])).vstack(C4Lines().apply(as_batch(rows[1:]))))

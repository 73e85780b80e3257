"""Evaluation items are found however they leaked, and nothing else is."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import zstandard

from smelt.core.local import LocalRunner
from smelt.core.store import Store
from smelt.corpus.collect.sources import expand
from smelt.corpus.decontaminate.grams import tokenise
from smelt.corpus.decontaminate.index import BOILERPLATE, build_index
from smelt.corpus.decontaminate.items import Fields, Item, read_items
from smelt.corpus.decontaminate.matches import COMMON, Limits, Match, find_matches, without_phrases
from smelt.corpus.decontaminate.steps import Decontaminate
from smelt.corpus.measures.kernels import utf8_buffers
from smelt.corpus.steps import Read
from smelt.errors import InputError

QUESTION = (
    "A smelter heats 42 tonnes of ore with 17 tonnes of coke for 9 hours. Which of its products leaves the furnace "
    "first, and why does the iron have to wait until the slag has run off?"
)
ANSWER = "The slag leaves first, since it is lighter than iron and swims on top of it until somebody opens the gate."
CHINESE = (
    "某炼铁厂在2015年3月使用四十二吨矿石和17吨焦炭，经过9小时冶炼之后，最先从高炉中流出来的是哪一种产物，其原因是什么？"
)
ITEMS = [
    Item("mine#0", "mine", None, QUESTION, ANSWER),
    Item("mine#1", "mine", None, CHINESE, None),
]
FILLER = "The town had a furnace long before it had a church, and the bell was cast in it when there was money. "

LEAKS = {
    "verbatim": f"{QUESTION}\n{ANSWER}",
    "case": QUESTION.upper(),
    "punctuation": QUESTION.replace(",", "").replace(".", " ").replace("?", ""),
    "truncated": QUESTION[: len(QUESTION) * 6 // 10],
    "split over lines": QUESTION.replace("coke", f"coke\n{FILLER}\n").replace("first", f"first\n{FILLER}\n"),
    "question only": QUESTION,
    "answer only": ANSWER,
    "translated digits": QUESTION.translate(str.maketrans("0123456789", "〇一二三四五六七八九")),
    "chinese": CHINESE,
    "chinese, full-width digits": CHINESE.translate(str.maketrans("0123456789", "０１２３４５６７８９")),
    "chinese, other digits": CHINESE.translate(str.maketrans("0123456789", "〇一二三四五六七八九")),
}


def find(*texts: str, items: list[Item] = ITEMS) -> list[Match]:
    ids = pl.Series([str(number) for number in range(len(texts))])
    return list(find_matches(build_index(items), ids, pl.Series(texts), Limits()))


@pytest.mark.parametrize("kind", LEAKS)
def test_an_item_is_found_however_it_leaked(kind: str) -> None:
    found = find(FILLER * 3 + LEAKS[kind] + FILLER)
    assert {match.item for match in found} == {"mine#1" if "chinese" in kind else "mine#0"}
    assert {match.kind for match in found} == {
        "verbatim": {"question", "answer"},
        "answer only": {"answer"},
    }.get(kind, {"question"})


@pytest.mark.parametrize(
    ("kind", "form"),
    [("verbatim", "verbatim"), ("case", "normalised"), ("punctuation", "normalised"), ("truncated", "partial")],
)
def test_the_form_of_a_match_is_told(kind: str, form: str) -> None:
    assert find(LEAKS[kind])[0].form == form


def test_spans_are_the_leaked_text() -> None:
    match = find(FILLER + QUESTION + "\n" + FILLER)[0]
    text = FILLER + QUESTION + "\n" + FILLER
    assert [text[start:end] for start, end in match.spans] == [QUESTION.rstrip("?")]


def test_texts_that_share_phrases_are_let_be() -> None:
    near = (
        "A smelter heats ore with coke for hours. Which of its products is worth more, and why does the town want it?"
    )
    assert find(FILLER * 20, near, "", "17 42 9 " * 50) == []


def test_an_item_strewn_over_a_book_is_none() -> None:
    words = QUESTION.split()
    pieces = [" ".join(words[at : at + 6]) for at in range(0, len(words), 6)]
    assert find((FILLER * 20).join(pieces)) == []


def test_what_many_items_share_tells_of_none() -> None:
    preamble = "Read the passage below with care and then decide which of the four statements about it is the true one."
    items = [Item(f"x#{n}", "x", None, f"{preamble} {n}", None) for n in range(BOILERPLATE + 1)]
    assert find(preamble, items=items) == []
    assert find(preamble, items=items[:BOILERPLATE]) != []


def test_tokens_are_those_of_a_plain_reference() -> None:
    text = "Don't  PANIC, Café №5: 中文ﬁ 2024年三月 １２ ٣"
    tokens = tokenise(*utf8_buffers(pl.Series([text, "", "dont panic cafe no 5 中 文 fi ２０２４ 年 3 月 12 3"])))
    first, second = tokens.hash[: tokens.first[1]], tokens.hash[tokens.first[2] :]
    assert first.tolist() == second.tolist()
    assert tokens.first[1] == tokens.first[2]


def test_an_answer_in_many_documents_is_a_phrase() -> None:
    rows = [{"document": str(n), "item": "a", "kind": "answer"} for n in range(COMMON + 1)]
    with_question = [{"document": "q", "item": "a", "kind": kind} for kind in ("question", "answer")]
    left = without_phrases(pl.DataFrame(rows + with_question))
    assert set(left["document"]) == {"q"}
    assert len(without_phrases(pl.DataFrame(rows[:COMMON]))) == COMMON


@pytest.mark.parametrize(
    ("row", "question", "answer"),
    [
        ({"question": "Q?", "choices": ["a", "b"], "answer": "B"}, "Q?", "b"),
        ({"query": "Q?", "choices": "['a', 'b']", "gold": 0}, "Q?", "a"),
        ({"question": "Q?", "options": ["(A)a", "(B)b"], "label": "A", "answer": None}, "Q?", "(A)a"),
        ({"context": "Once upon", "continuation": "a time"}, "Once upon", "a time"),
        ({"prompt": "def f():", "canonical_solution": "return 1"}, "def f():", "return 1"),
        ({"Question": "Q?", "Best Answer": "So."}, "Q?", "So."),
        ({"input": "1+1", "target": "2"}, "1+1", "2"),
    ],
)
def test_layouts_are_recognised(tmp_path: Path, row: dict[str, object], question: str, answer: str) -> None:
    (tmp_path / "e.jsonl").write_text(json.dumps(row) + "\n")
    item = read_items(expand([str(tmp_path / "e.jsonl")]))[0]
    assert (item.question, item.answer) == (question, answer)


def test_halves_of_characters_in_an_item_are_no_error(tmp_path: Path) -> None:
    (tmp_path / "e.jsonl").write_text(json.dumps({"question": "\ud800" + QUESTION, "answer": "\udc00" + ANSWER}) + "\n")
    items = read_items(expand([str(tmp_path / "e.jsonl")]))
    assert {match.kind for match in find(f"{QUESTION} {ANSWER}", items=items)} == {"question", "answer"}


def test_an_unknown_layout_is_refused_and_can_be_named(tmp_path: Path) -> None:
    (tmp_path / "e.jsonl").write_text('{"frage": "Was?", "loesung": "Das."}\n')
    files = expand([str(tmp_path / "e.jsonl")])
    with pytest.raises(InputError, match="frage, loesung"):
        read_items(files)
    assert read_items(files, Fields(question="frage", answer="loesung"))[0].answer == "Das."


ITEM = b'{"question": "Which of the ores is red?", "answer": "Hematite."}\n'


@pytest.mark.parametrize(
    ("suffix", "pack"),
    [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress), (".zst", zstandard.compress)],
)
def test_items_are_unpacked_and_none_is_lost_where_the_file_is_cut(
    tmp_path: Path, suffix: str, pack: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / f"e.jsonl{suffix}"
    path.write_bytes(pack(ITEM * 500))
    assert len(read_items(expand([str(path)]))) == 500
    path.write_bytes(pack(ITEM * 500)[:-9])
    with pytest.raises(InputError, match=r"cannot be read: .*; expected JSONL, JSON, CSV, TSV or Parquet"):
        read_items(expand([str(path)]))


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("e.jsonl", b"", "its fields are: no rows"),
        ("e.jsonl", b"[" * 200_000, "cannot be read"),
        ("e.jsonl", b'{"a":' * 100_000, "cannot be read"),
        ("e.jsonl", bytes(range(256)), "cannot be read"),
        ("e.jsonl", ITEM + b"broken\n", "cannot be read"),
        ("e.jsonl", b'{"question": null}\n', "its fields are: question"),
        ("e.jsonl", b"3\n4\n", "its fields are: 0"),
        ("e.json", b'{"data": [{"question": "Q?"}]}', "its fields are: data"),
        ("e.parquet", b"PAR1 none PAR1", "cannot be read"),
        ("e.csv", b"question,answer\nq,a,b\n", "cannot be read"),
        ("e.jsonl.zst", ITEM, "cannot be read"),
        ("e.jsonl.gz", gzip.compress(b" " * (80 << 20)), "cannot be read: unpacks to more than 200 times its size"),
    ],
)
def test_what_is_no_evaluation_set_is_refused_by_name(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_items(expand([str(tmp_path / name)]))
    assert told in caught.value.what
    assert caught.value.where.endswith(name)
    assert caught.value.expected


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    texts = [
        FILLER * 5,
        FILLER + QUESTION + "\n" + FILLER,
        FILLER * 2 + ANSWER,
        FILLER * 4,
        QUESTION + ANSWER,
        FILLER * 3,
    ]
    (tmp_path / "docs.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    (tmp_path / "evals.jsonl").write_text(json.dumps({"question": QUESTION, "answer": ANSWER}) + "\n")
    return tmp_path


def decontaminated(sources: Path, action: str, *, shard_bytes: int = 1 << 20, workers: int = 1) -> Decontaminate:
    raw = Read(paths=(str(sources / "docs.jsonl"),), shard_bytes=shard_bytes)
    settings = {"corpus": raw, "evals": str(sources / "evals.jsonl"), "action": action}
    return Decontaminate.model_validate(settings)


def test_documents_are_dropped_with_the_item_they_hold(sources: Path) -> None:
    with Store(sources / "store", runner=LocalRunner(1)) as store:
        corpus = store.make(decontaminated(sources, "remove"))
    dropped = corpus.dropped().collect()
    assert dropped["id"].to_list() == ["docs.jsonl#2", "docs.jsonl#3", "docs.jsonl#5"]
    reasons = dropped["drop"].struct.field("reason").to_list()
    assert reasons == ["decontaminate.question", "decontaminate.answer", "decontaminate.both"]
    assert corpus.manifest.counts["items_found"] == 1


def test_masking_takes_out_the_item_and_nothing_else(sources: Path) -> None:
    with Store(sources / "store", runner=LocalRunner(1)) as store:
        corpus = store.make(decontaminated(sources, "mask"))
    text = corpus.document("docs.jsonl#2")["text"]  # type: ignore[index]
    assert text == f"{FILLER}[…]?\n{FILLER}"


def test_a_report_changes_nothing(sources: Path) -> None:
    with Store(sources / "store", runner=LocalRunner(1)) as store:
        corpus = store.make(decontaminated(sources, "report"))
    assert len(corpus.kept().collect()) == 6
    assert pl.read_parquet(corpus.folder / "items.parquet").row(0, named=True)["documents"] == 3


def test_the_result_does_not_depend_on_shards(sources: Path) -> None:
    found = []
    for shard_bytes in (1 << 20, 400, 1):
        with Store(sources / f"store-{shard_bytes}", runner=LocalRunner(2)) as store:
            corpus = store.make(decontaminated(sources, "remove", shard_bytes=shard_bytes))
            found.append((corpus.dropped().collect(), pl.read_parquet(corpus.folder / "matches.parquet")))
    assert all(dropped.equals(found[0][0]) and matches.equals(found[0][1]) for dropped, matches in found)

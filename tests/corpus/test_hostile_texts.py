"""Pages and texts made to harm what reads and curates them: each costs itself alone, within bounds, and says why."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest

from hostile import NEIGHBOUR, outcome

MIB = 1 << 20
OPS = ("extract", "repair", "language", "gopher", "c4-lines", "pii")


@pytest.fixture(scope="module", autouse=True)
def compiled(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What is compiled and loaded once takes no record's time."""
    (raw := tmp_path_factory.mktemp("once") / "raw").mkdir()
    (raw / "a.html").write_text(f"<p>{NEIGHBOUR}")
    with suppress(AssertionError):
        outcome(raw, ops=OPS, memory=4 << 30)


PAGES: dict[str, bytes] = {
    "100,000 deep": b"<div>" * 100_000 + b"deep" + b"</div>" * 100_000,
    "50 MB of tags in one another": b"<b><i>" * (50 * MIB // 6),
    "50 MB of tables in one another": b"<table><tr><td>" * (50 * MIB // 15),
    "tags that are closed": b"<div>" * (2 * MIB) + b"deep" + b"</div>" * (2 * MIB),
    "entities": b"<p>" + b"&amp;" * (4 * MIB),
    "numbered entities": b"<p>" + b"&#x4e2d;" * (2 * MIB),
    "beginnings of entities": b"<p>" + b"&" * (8 * MIB),
    "entities of entities": b'<!DOCTYPE html [<!ENTITY a "haha"><!ENTITY b "&a;&a;&a;">]><p>&b;' * (MIB // 2),
    "attributes": b"<p " + b"a=b " * (3 * MIB) + b">x",
    "a line of words": b"<p>" + b"word " * (4 * MIB),
    "one word": b"<p>" + b"w" * (20 * MIB),
    "one line of Chinese": b"<p>" + "字。".encode() * (3 * MIB),
}


@pytest.mark.parametrize("kind", PAGES)
def test_a_hostile_page_is_dropped_with_a_reason_and_the_others_go_on(tmp_path: Path, kind: str) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "a.html").write_bytes(PAGES[kind])
    (raw / "b.jsonl").write_text(json.dumps({"text": NEIGHBOUR}) + "\n")
    found = outcome(raw, ops=OPS, memory=1 << 30)
    assert list(found.kept) == ["b.jsonl#1"]
    assert list(found.dropped) == ["a.html#0"]
    assert found.dropped["a.html#0"].partition(":")[0] in ("extract.hostile", "extract.empty", "gopher.n_words")


TEXTS: dict[str, str] = {
    "a line of words": "word " * (2 * MIB),
    "millions of lines": "w\n" * (3 * MIB),
    "one word": "w" * (10 * MIB),
    "one line of Chinese": "字。" * MIB,
    "brackets": "[" * (8 * MIB),
    "addresses": "a@b.example " * (MIB // 2),
    "digits": "1" * (8 * MIB),
    "marks on a letter": "a" + "\u0301" * (2 * MIB),
    "invisible": "\u200b\u202e\u2066" * (2 * MIB),
    "readings": "構(gòu)" * (MIB // 4),
    "mojibake": "doesnâ€™t " * (MIB // 4),
}


@pytest.mark.parametrize("kind", TEXTS)
def test_a_hostile_text_takes_no_longer_than_a_record_may(tmp_path: Path, kind: str) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "a.txt").write_text(TEXTS[kind])
    found = outcome(raw, ops=OPS[1:], memory=2 << 30)
    assert len(found.kept) + len(found.dropped) == 1


TRICKS = {
    "override": ("pay \u202e001\u202c now", "pay 001 now"),  # shown as 100
    "isolates": ("\u2066a\u2069 and \u2067b\u2069", "a and b"),
    "zero width": ("fr\u200bee\u2066\u200d\u200c mon\ufeffey\u2060", "free money"),
    "tags": ("hello\U000e0068\U000e0069", "hello"),
    "soft hyphens": ("fur\xadnace", "furnace"),
    "override in Arabic": ("\u202eسلام\u202c عليكم \u200f.", "سلام\u202c عليكم \u200f."),
    "joiners of Persian": ("می‌خواهم", "می‌خواهم"),
}


def test_what_makes_a_text_look_like_another_is_taken_out_and_counted(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    lines = [json.dumps({"text": f"{NEIGHBOUR}\n{shown}"}, ensure_ascii=False) for shown, _ in TRICKS.values()]
    (raw / "a.jsonl").write_text("\n".join(lines))
    found = outcome(raw, ops=["repair"])
    assert [text.removeprefix(f"{NEIGHBOUR}\n") for text in found.kept.values()] == [
        said for _, said in TRICKS.values()
    ]

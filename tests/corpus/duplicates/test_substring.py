"""What is cut out is what a suffix array of all texts says was there before, byte by byte."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pydivsufsort
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from duplicate_texts import read_texts, spans_of
from pipeline_runs import first_lines
from smelt.core.store import Store
from smelt.core.work import Inline
from smelt.corpus.corpus import Corpus
from smelt.corpus.duplicates import partitions, repeats
from smelt.corpus.duplicates.steps import Dedup
from smelt.corpus.duplicates.symbols import read_bytes
from smelt.corpus.duplicates.winnowing import Winnowing, select_grams

LEAST_LEFT = 32


def repeats_by_suffix_array(texts: Sequence[bytes], length: int) -> list[np.ndarray]:
    """For every byte of every text whether it stands in a repeat: of all suffixes that share their first `length` bytes
    within their text, every one but the first and what overlaps it."""
    stream = np.frombuffer(bytearray(b"".join(text + b"\x00" for text in texts)), np.uint8)
    owner = np.repeat(np.arange(len(texts)), [len(text) + 1 for text in texts])
    left = np.concatenate([np.arange(len(text), -1, -1) for text in texts])
    suffixes = np.asarray(pydivsufsort.divsufsort(stream))
    lcp = np.asarray(pydivsufsort.kasai(stream, suffixes))
    marked = np.zeros(len(stream), bool)
    for group in np.split(suffixes, np.flatnonzero(lcp[: len(suffixes) - 1] < length) + 1):
        inside = np.sort(group[left[group] >= length])
        for at in inside[1:]:
            if owner[at] != owner[inside[0]] or at - inside[0] >= length:
                marked[at : at + length] = True
    starts = np.cumsum([0, *(len(text) + 1 for text in texts)])
    return [marked[start : start + len(text)] for start, text in zip(starts, texts, strict=False)]


def whole_characters(text: bytes, marked: np.ndarray) -> list[tuple[int, int]]:
    """The runs of marked bytes, made smaller where they end within a character."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], marked.astype(int), [0]])))
    spans = []
    for start, end in edges.reshape(-1, 2).tolist():
        while start < len(text) and text[start] & 0xC0 == 0x80:
            start += 1
        while end < len(text) and text[end] & 0xC0 == 0x80:
            end -= 1
        if end > start:
            spans.append((start, end))
    return spans


def cut(
    folder: Path, texts: Sequence[str], *, length: int, shard_bytes: int = 1 << 26, against: Sequence[str] = ()
) -> Corpus:
    store = Store(folder / f"store-{shard_bytes}-{len(against)}", runner=Inline())
    corpora = [
        read_texts(folder, name, rows, shard_bytes=shard_bytes)
        for name, rows in (("new", texts), ("old", against))
        if rows
    ]
    return store.make(Dedup(corpus=corpora[0], method="substring", length=length, against=tuple(corpora[1:])))


def expected_spans(texts: Sequence[str], length: int) -> list[list[tuple[int, int]]]:
    encoded = [text.encode() for text in texts]
    marked = repeats_by_suffix_array(encoded, length)
    return [whole_characters(text, marks) for text, marks in zip(encoded, marked, strict=True)]


def collage(n: int, *, seed: int) -> list[str]:
    """Texts put together of pieces that stand in others too, in English and Chinese, some of them many times."""
    chance = random.Random(seed)
    english = ["".join(chance.choices("abcdefgh ", k=chance.randrange(5, 160))) for _ in range(40)]
    chinese = ["".join(chance.choices("天地玄黄宇宙洪荒日月盈昃。", k=chance.randrange(5, 60))) for _ in range(20)]
    periodic = ["ab" * 70, "-" * 120, "日" * 50]
    pieces = english + chinese + periodic
    return ["".join(chance.choices(pieces, k=chance.randrange(1, 9))) for _ in range(n)]


def test_spans_are_those_of_a_suffix_array(tmp_path: Path) -> None:
    texts = collage(150, seed=1)
    found = spans_of(cut(tmp_path, texts, length=40))
    assert found == expected_spans(texts, 40)
    assert sum(len(spans) for spans in found) > 150


@given(st.lists(st.text(alphabet="ab日é\n", max_size=90), max_size=6), st.integers(16, 24))
@settings(max_examples=25, deadline=None)
def test_spans_of_any_texts_are_those_of_a_suffix_array(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], length: int
) -> None:
    texts = [text for text in texts if text.strip()]
    if texts:
        assert spans_of(cut(tmp_path_factory.mktemp("any"), texts, length=length)) == expected_spans(texts, length)


@pytest.mark.parametrize("name", ["text_en/government", "text_zh/law"])
def test_spans_of_real_documents_are_those_of_a_suffix_array(shared_data: Path, tmp_path: Path, name: str) -> None:
    texts = [json.loads(row)["text"].replace("\0", "") for row in first_lines(shared_data / f"{name}.jsonl.zst", 60)]
    assert spans_of(cut(tmp_path, texts, length=200)) == expected_spans(texts, 200)


@pytest.mark.parametrize(("partition_keys", "chunk"), [(150, 5), (900, 100_000)])
def test_shards_and_partitions_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, partition_keys: int, chunk: int
) -> None:
    texts = collage(120, seed=2)
    whole = cut(tmp_path, texts, length=40)
    monkeypatch.setattr(partitions, "PARTITION_KEYS", partition_keys)
    monkeypatch.setattr(repeats, "CHUNK", chunk)
    parts = cut(tmp_path, texts, length=40, shard_bytes=4_000)
    assert len(parts.shards) > 3
    assert parts.kept().collect().equals(whole.kept().collect())
    assert parts.dropped().collect().equals(whole.dropped().collect())
    assert parts.ledger() == whole.ledger()


def test_characters_that_share_bytes_with_what_is_cut_out_stay_whole(tmp_path: Path) -> None:
    """The texts share the last two bytes of one character, eight more, and the first two bytes of another."""
    shared = "人民法院审理案件"
    texts = [f"x𠀀{shared}日y" + "q" * 40, f"z\U00030000{shared}旦w" + "k" * 40]
    assert len({text.encode()[3:31] for text in texts}) == 1
    corpus = cut(tmp_path, texts, length=28)
    assert spans_of(corpus)[1] == [(5, 5 + len(shared.encode()))]
    assert corpus.kept().collect()["text"].to_list()[1] == "z\U00030000旦w" + "k" * 40


def test_what_is_left_is_the_text_without_its_spans_and_the_ledger_counts_them(tmp_path: Path) -> None:
    texts = collage(100, seed=3)
    corpus = cut(tmp_path, texts, length=40)
    kept = corpus.kept().collect()
    for row in kept.iter_rows(named=True):
        raw = bytearray(texts[int(row["id"].rpartition("#")[2]) - 1].encode())
        for span in reversed(row["spans"]):
            del raw[span["start"] : span["end"]]
        assert row["text"] == raw.decode()
    entry = corpus.ledger()[0]
    removed = sum(span["end"] - span["start"] for spans in kept["spans"] for span in spans)
    assert entry["bytes_edited"] == removed > 0
    assert entry["bytes_in"] == sum(len(text.encode()) for text in texts)


def test_a_document_of_which_too_little_is_left_is_dropped_with_its_whole_text(tmp_path: Path) -> None:
    trunk = "".join(random.Random(4).choices("abcdefgh ", k=300))
    texts = [trunk, trunk + "." * (LEAST_LEFT - 1), trunk + "!" * LEAST_LEFT]
    corpus = cut(tmp_path, texts, length=200)
    dropped = corpus.dropped().collect()
    assert [row["drop"]["reason"] for row in dropped.to_dicts()] == ["duplicate.substring"]
    assert dropped["text"].to_list() == [texts[1]]
    assert corpus.kept().collect()["text"].to_list() == [trunk, "!" * LEAST_LEFT]


def test_what_an_older_corpus_has_is_cut_even_where_it_stands_first(tmp_path: Path) -> None:
    old, new = collage(40, seed=5), [*collage(60, seed=6), "a new one, and nothing else like it in all the world."]
    old += new[:5]
    corpus = cut(tmp_path, new, length=40, against=old)
    assert spans_of(corpus) == expected_spans([*old, *new], 40)[len(old) :]
    assert len(corpus.kept().collect()) + len(corpus.dropped().collect()) == len(new)


def test_equal_stretches_of_the_length_select_the_same_gram_at_the_same_place() -> None:
    winnowing = Winnowing(length=60)
    chance = random.Random(7)
    shared = "".join(chance.choices("ab", k=60))
    for _ in range(200):
        texts = ["".join(chance.choices("ab", k=chance.randrange(90))) + shared + "".join(chance.choices("ab", k=50))]
        keys, rows, at = select_grams(read_bytes(pl.Series([shared, *texts])), winnowing)
        start = texts[0].index(shared)
        own = {(key, int(place)) for key, row, place in zip(keys, rows, at, strict=True) if row == 0}
        other = {(key, int(place) - start) for key, row, place in zip(keys, rows, at, strict=True) if row == 1}
        assert len(own) == 1
        assert own <= other


def test_a_boilerplate_in_many_documents_takes_a_walk_over_them(tmp_path: Path) -> None:
    """Each occurrence is followed by something else, so that no two surroundings are the same."""
    footer = "All rights reserved. Posted in general, and no part of it may be copied without leave of the owner. "
    texts = [f"{n} {n * 7919} {footer}{n * 104729} {n}" for n in range(2_000)]
    found = spans_of(cut(tmp_path, texts, length=60))
    assert found[0] == []
    assert all(len(spans) == 1 and spans[0][1] - spans[0][0] >= len(footer) for spans in found[1:])

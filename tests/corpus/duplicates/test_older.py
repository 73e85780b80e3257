"""Older corpora: what they have is dropped or cut out, by what they kept, and nothing in them is decided again."""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from duplicate_texts import WAYS, dedup, families, make, mixture, prose, read, texts, way
from pipeline_runs import smelt
from smelt.core.store import Store
from smelt.core.work import Inline
from smelt.corpus.corpus import Corpus, read_rows, read_shard
from smelt.corpus.duplicates import documents, passages, signatures, steps, substring, units
from smelt.corpus.duplicates.steps import Existing
from smelt.errors import InputError
from smelt.tokens.tokenizer import save_bpe, train_bpe


@pytest.mark.parametrize("method", ["exact", "near"])
def test_against_drops_what_the_older_corpus_has_and_nothing_else(tmp_path: Path, method: str) -> None:
    a, b = families(5, [(2, 1), (1, 3), (3, 0), (0, 4), (0, 1), (1, 1)] * 4)
    b += a[:7]
    older = dedup(tmp_path, "a", a, method=method)
    store = Store(tmp_path / "store", runner=Inline())
    kept = set(store.make(older).kept().collect()["text"])
    newer = store.make(dedup(tmp_path, "b", b, method=method, against=older))
    both = make(tmp_path, "both", a + b, method=method)
    # Every family is alike throughout, so what is left of both is one of each family: as of the two put together.
    assert len(kept) + int(str(newer.manifest.counts["documents"])) == both.manifest.counts["documents"]
    dropped = newer.dropped().collect()
    for row in dropped.to_dicts():
        if row["drop"]["detail"].endswith("of an older corpus"):
            assert row["survivor"].startswith("a.jsonl#")
    assert not kept & set(texts(newer))


def test_against_two_corpora_is_against_both(tmp_path: Path) -> None:
    a, b = families(6, [(1, 1)] * 3)
    c, d = families(7, [(1, 1)] * 3)
    older = [dedup(tmp_path, name, rows) for name, rows in (("a", a), ("c", c))]
    corpus = make(tmp_path, "new", [*b, *d, {"text": " ".join(prose(random.Random(8)))}], against=older)
    assert corpus.manifest.counts["documents"] == 1


def test_a_chain_through_a_new_document_decides_nothing_in_the_older_corpus(tmp_path: Path) -> None:
    trunk = prose(random.Random(9), 300)
    ends = [prose(random.Random(n), 36) for n in (10, 11)]
    left, right = [*ends[0], *trunk], [*trunk, *ends[1]]
    a, b = [{"text": " ".join(left)}, {"text": " ".join(right)}], [{"text": " ".join(trunk)}]
    alone, after = make(tmp_path, "a", a, jaccard=0.85), make(tmp_path, "both", a + b, jaccard=0.85)
    assert (alone.manifest.counts["documents"], after.manifest.counts["documents"]) == (2, 1)
    newer = make(tmp_path, "b", b, jaccard=0.85, against=dedup(tmp_path, "a", a, jaccard=0.85))
    assert newer.manifest.counts["documents"] == 0


def test_signatures_of_an_older_corpus_are_read_and_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = families(12, [(2, 2)] * 5)
    older = dedup(tmp_path, "a", a)
    store = Store(tmp_path / "store", runner=Inline())
    store.make(older)
    signed: list[int] = []
    original = signatures.sign

    def counting(rows: pl.Series, *arguments: Any) -> signatures.Signatures:
        signed.append(len(rows))
        return original(rows, *arguments)

    monkeypatch.setattr(documents, "sign", counting)
    kept = store.make(dedup(tmp_path, "b", b, against=older))
    assert signed == [len(b)]
    other = store.make(dedup(tmp_path, "b", b, against=older, minhash="fineweb"))
    assert signed == [len(b), len(b), 5] or signed == [len(b), 5, len(b)]
    assert texts(other) == texts(kept)


@pytest.mark.parametrize("method", WAYS)
def test_an_older_corpus_is_compared_with_by_what_it_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """With what it kept, the texts of documents that met a new one are read, and only where those are compared; without
    it all are: to the same bytes."""
    how = way(tmp_path, method)
    rows = mixture()
    rows[:60] += [{"text": " ".join(prose(random.Random(n)))} for n in range(100, 140)]  # that meet nothing
    older = dedup(tmp_path, "old", rows[:100], shard_bytes=8_000, **how)
    store = Store(tmp_path / "store", runner=Inline())
    kept = store.make(older)
    read_in_full, rows_read = watch_reads(monkeypatch, kept.folder)
    newer = store.make(dedup(tmp_path, "new", rows[100:], against=older, **how))
    n_met = sum(rows_read)
    assert read_in_full == []
    assert n_met == 0 if method in ("exact", "lines", "paragraphs") else 0 < n_met < kept.manifest.counts["documents"]
    bare = Existing(folder=str(without_signatures(kept.folder, tmp_path / "bare")))
    again = store.make(dedup(tmp_path, "new", rows[100:], against=bare, **how))
    assert again.folder != newer.folder
    assert files_of(again) == files_of(newer)


def watch_reads(monkeypatch: pytest.MonkeyPatch, folder: Path) -> tuple[list[Path], list[int]]:
    """Shards of a corpus of which all texts are read, and of how many documents single ones are, from now on."""
    whole: list[Path] = []
    single: list[int] = []

    def reading(path: Path, columns: Sequence[str] | None = None) -> pl.DataFrame:
        if path.is_relative_to(folder) and (columns is None or "text" in columns):
            whole.append(path)
        return read_shard(path, columns)

    def reading_rows(path: Path, rows: Any, columns: Sequence[str]) -> pl.DataFrame:
        single.extend([len(rows)] if path.is_relative_to(folder) else [])
        return read_rows(path, rows, columns)

    for module in (documents, passages, substring, units):
        for name, function in (("read_shard", reading), ("read_rows", reading_rows)):
            monkeypatch.setattr(module, name, function, raising=False)
    return whole, single


def without_signatures(corpus: Path, folder: Path) -> Path:
    """A copy of a corpus that has kept nothing to be compared by."""
    return Path(shutil.copytree(corpus, folder, ignore=shutil.ignore_patterns(signatures.SIGNATURES)))


def files_of(corpus: Corpus) -> dict[str, bytes]:
    return {name: (corpus.folder / name).read_bytes() for name in corpus.manifest.files}


@pytest.mark.parametrize("method", WAYS)
def test_shards_of_which_nothing_is_left_are_compared_with_like_others(tmp_path: Path, method: str) -> None:
    how, text = way(tmp_path, method), " ".join(prose(random.Random(18), 400))
    older = dedup(tmp_path, "old", [{"text": text}] * 6, shard_bytes=3_000, **how)
    store = Store(tmp_path / "store", runner=Inline())
    sizes = [len(read_shard(shard)) for shard in store.make(older).shards]
    assert sizes[0] == 1
    assert sizes[-1] == 0
    corpus = store.make(dedup(tmp_path, "new", [{"text": text}] * 2, against=older, **how))
    assert len(corpus.kept().collect()) == 0
    assert len(corpus.dropped().collect()) == 2
    empty = Existing(folder=str(corpus.folder))
    assert len(store.make(dedup(tmp_path, "new", [{"text": text}], against=empty, **how)).kept().collect()) == 1


@pytest.mark.parametrize("method", [way for way in WAYS if way not in ("exact", "near")])
def test_the_keys_kept_are_those_of_the_texts_kept(tmp_path: Path, method: str) -> None:
    how, chance = way(tmp_path, method), random.Random(17)
    footer = " ".join(prose(chance, 60))
    own = [{"text": f"{' '.join(prose(chance))}\n\n{footer}\n\n{' '.join(prose(chance))}"} for _ in range(5)]
    corpus = make(tmp_path, "a", mixture() + own, shard_bytes=8_000, **how)
    keying: Any = {
        "substring": substring.Stretches(steps.LENGTH["bytes"]),
        "tokens": substring.Stretches(steps.LENGTH["tokens"], tmp_path / "tokenizer.json"),
    }.get(method) or units.Units(how["method"], 24)
    assert sum(spans.len() > 0 for spans in corpus.kept().collect()["spans"]) > 3
    for shard in corpus.shards:
        found = signatures.kept_keys(shard, keying.settings())
        assert found is not None
        assert found.equals(keying.keys(pl.read_parquet(shard)["text"]).sort("row", *keying.columns))


def test_keys_of_another_length_or_tokenizer_are_of_no_use(tmp_path: Path) -> None:
    shard = make(tmp_path, "a", mixture(), **way(tmp_path, "tokens")).shards[0]
    tokenizer = tmp_path / "tokenizer.json"
    assert signatures.kept_keys(shard, substring.Stretches(50, tokenizer).settings()) is not None
    assert signatures.kept_keys(shard, substring.Stretches(40, tokenizer).settings()) is None
    save_bpe(train_bpe(["other words, another tokenizer"], vocab=300), tmp_path / "other.json")
    assert signatures.kept_keys(shard, substring.Stretches(50, tmp_path / "other.json").settings()) is None
    assert signatures.kept_signatures(shard, None) is None


def test_a_folder_that_a_command_wrote_is_an_older_corpus(tmp_path: Path) -> None:
    a, b = families(13, [(1, 1), (0, 1)] * 3)
    for name, rows in (("a", a), ("b", b)):
        read(tmp_path, name, rows)
    options = ("--store", tmp_path / "store")
    smelt("dedup", tmp_path / "a.jsonl", "-o", tmp_path / "A", *options)
    smelt("dedup", tmp_path / "b.jsonl", "-o", tmp_path / "B", "--against", tmp_path / "A", *options)
    assert len(pl.read_parquet(tmp_path / "B/kept/*.parquet")) == 3
    assert len(pl.read_parquet(tmp_path / "B/dropped/*.parquet")) == 3
    before = Existing(folder=str(tmp_path / "A")).fingerprint
    (tmp_path / "A").rename(tmp_path / "C")
    assert Existing(folder=str(tmp_path / "C")).fingerprint == before


def test_a_folder_that_holds_no_corpus_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no corpus"):
        Existing(folder=str(tmp_path)).files()

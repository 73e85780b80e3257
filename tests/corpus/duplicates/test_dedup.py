"""Each method as a step: what it drops or cuts, beside older corpora too, and after any number of kills."""

from __future__ import annotations

import json
import random
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from pipeline_runs import artifact_bytes, kill_while_running, ray_cluster, smelt
from smelt.core.recipe import Recipe
from smelt.core.store import Store
from smelt.core.work import Inline
from smelt.corpus.corpus import Corpus, read_rows, read_shard
from smelt.corpus.duplicates import documents, partitions, passages, signatures, steps, substring, units
from smelt.corpus.duplicates.steps import Dedup, Existing
from smelt.corpus.steps import Read
from smelt.errors import InputError
from smelt.tokens.steps import ExistingTokenizer
from smelt.tokens.tokenizer import save_bpe, train_bpe

METHODS = ("exact", "near", "lines", "paragraphs", "substring")
Row = dict[str, Any]


WAYS = (*METHODS, "tokens")
"""The methods, and substrings of tokens."""


def way(folder: Path, name: str) -> dict[str, Any]:
    """The settings of one of WAYS."""
    if name != "tokens":
        return {"method": name}
    save_bpe(train_bpe([" ".join(prose(random.Random(0)))], vocab=300), folder / "tokenizer.json")
    tokenizer = ExistingTokenizer(path=str(folder))
    return {"method": "substring", "unit": "tokens", "tokenizer": tokenizer}


def prose(chance: random.Random, n_words: int = 120) -> list[str]:
    return ["".join(chance.choices("abcdefghijklmnop", k=chance.randrange(2, 9))) for _ in range(n_words)]


def family(chance: random.Random, size: int) -> list[str]:
    """A text and versions of it with one word replaced: .92 of their shingles are the text's own."""
    trunk = prose(chance)
    return [" ".join([*trunk[:10], f"version{n}", *trunk[11:]]) if n else " ".join(trunk) for n in range(size)]


def read(folder: Path, name: str, rows: Sequence[Row], *, shard_bytes: int = 1 << 26) -> Read:
    path = folder / f"{name}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Read(paths=path, identify="content", shard_bytes=shard_bytes)


def make(folder: Path, name: str, rows: Sequence[Row], **settings: Any) -> Corpus:
    return Store(folder / "store", runner=Inline()).make(dedup(folder, name, rows, **settings))


def dedup(folder: Path, name: str, rows: Sequence[Row], *, shard_bytes: int = 1 << 26, **settings: Any) -> Dedup:
    return Dedup.model_validate({"corpus": read(folder, name, rows, shard_bytes=shard_bytes), **settings})


def texts(corpus: Corpus) -> list[str]:
    return corpus.kept().collect()["text"].to_list()


def reasons(corpus: Corpus) -> dict[str, str]:
    rows = corpus.dropped().collect().to_dicts()
    return {row["id"]: row["drop"]["reason"] for row in rows}


# ---- whole documents


def test_pages_of_one_url_are_duplicates_where_that_is_asked_for(tmp_path: Path) -> None:
    rows = [
        {"text": "first version of it", "url": "https://www.example.org/a/", "date": "2020"},
        {"text": "second version of it", "url": "http://example.org/a?utm_source=b", "date": "2019"},
        {"text": "First version: of it", "url": "http://example.org/other", "date": "2021"},
        {"text": "no address"},
    ]
    by_text = make(tmp_path, "a", rows, method="exact")
    by_url = make(tmp_path, "a", rows, method="exact", keys=["url"])
    either = make(tmp_path, "a", rows, method="exact", keys=["text", "url"])
    assert reasons(by_text) == {"a.jsonl#3": "duplicate.exact"}
    assert reasons(by_url) == {"a.jsonl#1": "duplicate.url"}
    assert reasons(either) == {"a.jsonl#1": "duplicate.url", "a.jsonl#3": "duplicate.url"}
    assert set(either.dropped().collect()["survivor"]) == {"a.jsonl#2"}


def test_drops_name_the_survivor_and_the_true_jaccard(tmp_path: Path) -> None:
    rows = [{"text": text, "date": f"20{10 + n}"} for n, text in enumerate(family(random.Random(1), 3))]
    corpus = make(tmp_path, "a", rows)
    dropped = corpus.dropped().collect()
    assert set(dropped["survivor"]) == {"a.jsonl#1"}
    assert dropped["jaccard"].to_list() == pytest.approx([111 / 121] * 2)
    clusters = pl.read_parquet(corpus.folder / documents.CLUSTERS).to_dicts()
    assert [(row["members"], row["size"], row["linked_by"]) for row in clusters] == [
        (["a.jsonl#1", "a.jsonl#2", "a.jsonl#3"], 3, "near")
    ]


def test_the_curve_says_what_other_thresholds_drop(tmp_path: Path) -> None:
    chance = random.Random(2)
    rows = [{"text": text} for _ in range(30) for text in family(chance, 3)]
    corpus = make(tmp_path, "a", rows, jaccard=0.85)
    curve = json.loads((corpus.folder / documents.THRESHOLDS).read_text())
    dropped = dict(zip(curve["thresholds"], curve["dropped"], strict=True))
    assert dropped[0.85] == corpus.manifest.counts["dropped"] == 60
    for threshold in (0.7, 0.9, 0.93, 1.0):
        again = make(tmp_path, "a", rows, jaccard=threshold)
        assert dropped[threshold] == again.manifest.counts["dropped"]
    assert dropped[0.93] == 0


def test_low_thresholds_find_what_they_ask_for(tmp_path: Path) -> None:
    chance = random.Random(3)
    rows: list[Row] = []
    for _ in range(40):
        trunk = prose(chance, 100)
        rows += [{"text": " ".join(trunk + prose(chance, 50))} for _ in range(2)]  # Jaccard 96 / (96 + 100)
    corpus = make(tmp_path, "a", rows, jaccard=0.45)
    assert corpus.manifest.counts["documents"] == 40


def test_many_copies_of_a_template_are_one_cluster(tmp_path: Path) -> None:
    chance = random.Random(4)
    trunk = prose(chance, 200)
    rows = [{"text": " ".join([*trunk[:n], f"copy{n}", *trunk[n + 1 :]])} for n in range(200)] + [
        {"text": " ".join(trunk)} for _ in range(100)
    ]
    corpus = make(tmp_path, "a", rows)
    assert corpus.manifest.counts["documents"] == 1


# ---- parts of documents


def test_lines_in_several_documents_stay_where_they_stand_first(tmp_path: Path) -> None:
    rows = [
        {"text": "Subscribe to our newsletter today!\nOne text of its own, and a long one\nshort"},
        {"text": "Another text of its own, quite long\nsubscribe to OUR newsletter today\nshort"},
        {"text": "Third text of its own, and then some\nSubscribe to our newsletter, today\nshort"},
    ]
    corpus = make(tmp_path, "a", rows, method="lines")
    assert texts(corpus) == [
        rows[0]["text"],
        "Another text of its own, quite long\nshort",
        "Third text of its own, and then some\nshort",
    ]
    assert corpus.kept().collect()["spans"].to_list()[1] == [{"start": 36, "end": 70}]
    seldom = make(tmp_path, "a", rows, method="lines", min_documents=4)
    assert texts(seldom) == [row["text"] for row in rows]


def test_paragraphs_are_compared_whole(tmp_path: Path) -> None:
    boiler = "About the author of this text\nwho lives in a town by the sea"
    rows = [
        {"text": f"A first text that says something new\n\n{boiler}\n\nand how it ends, in its own words"},
        {"text": f"{boiler}\n \n\nA second text that says something else\nwho lives in a town by the sea"},
    ]
    corpus = make(tmp_path, "a", rows, method="paragraphs")
    assert texts(corpus) == [rows[0]["text"], "A second text that says something else\nwho lives in a town by the sea"]


def test_chinese_lines_are_cut_at_eight_characters(tmp_path: Path) -> None:
    rows = [{"text": f"第{n}篇文章的正文在这里,各不相同{n}{n}\n版权所有,未经许可不得转载。\n下一页"} for n in range(3)]
    corpus = make(tmp_path, "a", rows, method="lines")
    assert [text.count("版权所有") for text in texts(corpus)] == [1, 0, 0]
    assert all(text.endswith("下一页") for text in texts(corpus))


def test_a_document_of_repeated_lines_alone_is_dropped(tmp_path: Path) -> None:
    rows = [{"text": "All of this was said before, in full."}] * 2 + [{"text": "x"}]
    corpus = make(tmp_path, "a", rows, method="lines")
    assert reasons(corpus) == {"a.jsonl#2": "duplicate.lines"}
    assert texts(corpus)[1] == "x"


def test_cluster_and_split_of_an_earlier_deduplication_stay(tmp_path: Path) -> None:
    first = dedup(tmp_path, "a", [{"text": " ".join(prose(random.Random(n)))} for n in range(40)], held_out=0.5)
    store = Store(tmp_path / "store", runner=Inline())
    before = store.make(first).kept().collect()
    after = store.make(Dedup(corpus=first, method="substring", held_out=0.1)).kept().collect()
    assert after.select("id", "cluster", "split").equals(before.select("id", "cluster", "split"))


# ---- older corpora


def families(seed: int, sizes: Sequence[tuple[int, int]]) -> tuple[list[Row], list[Row]]:
    """Rows of two corpora: of each family so many in one and so many in the other."""
    chance = random.Random(seed)
    one: list[Row] = []
    other: list[Row] = []
    for a, b in sizes:
        rows = [{"text": text, "date": f"20{chance.randrange(10, 25)}"} for text in family(chance, a + b)]
        chance.shuffle(rows)
        one, other = one + rows[:a], other + rows[a:]
    chance.shuffle(other)
    return one, other


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


# ---- settings


def test_a_list_of_inputs_names_several_tables(tmp_path: Path) -> None:
    text = """
    [a]
    step = "read"
    paths = "a.jsonl"
    [b]
    step = "read"
    paths = "a.jsonl"
    format = "jsonl"
    [unique]
    step = "dedup"
    corpus = "a"
    against = ["a", "b"]
    """
    read(tmp_path, "a", [{"text": "t"}])
    (tmp_path / "r.toml").write_text(text)
    steps = Recipe.load(tmp_path / "r.toml").steps
    assert steps["unique"].inputs == {"corpus": steps["a"], "against.0": steps["a"], "against.1": steps["b"]}
    assert list(steps) == ["a", "b", "unique"]


@pytest.mark.parametrize(
    "settings",
    [
        {"method": "exact", "jaccard": 0.7},
        {"method": "near", "min_bytes": 100},
        {"method": "substring", "min_documents": 3},
        {"method": "substring", "length": 8},
        {"method": "sideways"},
        {"jaccard": 0.1},
    ],
)
def test_what_means_nothing_is_refused(tmp_path: Path, settings: Row) -> None:
    with pytest.raises(ValidationError):
        dedup(tmp_path, "a", [{"text": "t"}], **settings)


# ---- shards, partitions, kills


def mixture() -> list[Row]:
    """Copies, versions, repeated lines, paragraphs and stretches."""
    chance = random.Random(14)
    rows = [
        {"text": text, "url": f"http://e.org/{chance.randrange(60)}"} for _ in range(25) for text in family(chance, 3)
    ]
    footers = [" ".join(prose(chance, 40)) for _ in range(3)]
    rows += [{"text": f"{' '.join(prose(chance))}\n\n{chance.choice(footers)}\n{n}"} for n in range(60)]
    rows += [dict(row) for row in rows[::9]]
    chance.shuffle(rows)
    return rows


def frames(corpus: Corpus) -> list[pl.DataFrame]:
    return [corpus.kept().collect(), corpus.dropped().collect()]


@pytest.mark.parametrize("method", WAYS)
def test_shards_and_partitions_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    rows, old, how = mixture(), dedup(tmp_path, "old", mixture()[:15]), way(tmp_path, method)
    reference = make(tmp_path, "a", rows, **how, against=old)
    assert reference.manifest.counts["dropped"] or reference.ledger()[0]["bytes_edited"]
    for partition_keys, shard_bytes in ((10_000_000, 15_000), (200, 1 << 26), (500, 8_000)):
        monkeypatch.setattr(partitions, "PARTITION_KEYS", partition_keys)
        folder = tmp_path / f"{partition_keys}-{shard_bytes}"
        folder.mkdir()
        old = dedup(folder, "old", mixture()[:15])
        corpus = make(folder, "a", rows, **how, shard_bytes=shard_bytes, against=old)
        assert all(one.equals(other) for one, other in zip(frames(corpus), frames(reference), strict=True))
        assert corpus.ledger() == reference.ledger()
        for name in (documents.CLUSTERS, documents.THRESHOLDS):
            if (reference.folder / name).exists():
                assert (corpus.folder / name).read_bytes() == (reference.folder / name).read_bytes()


RECIPE = """
[raw]
step = "read"
paths = "a.jsonl"
identify = "content"
shard_bytes = "8kB"

[old]
step = "read"
paths = "old.jsonl"
identify = "content"

[unique]
step = "dedup"
corpus = "raw"
against = ["old"]
{how}
"""
TOKENS = """
method = "substring"
unit = "tokens"
tokenizer = "own"

[own]
step = "existing-tokenizer"
path = "tokenizer.json"
"""


def recipe(folder: Path, method: str) -> Path:
    read(folder, "a", mixture())
    read(folder, "old", mixture()[:15])
    way(folder, method)
    how = TOKENS if method == "tokens" else f'method = "{method}"'
    (folder / "r.toml").write_text(RECIPE.format(how=how))
    return folder / "r.toml"


def test_a_dedup_killed_twice_resumes_to_the_same_bytes(tmp_path: Path) -> None:
    killed_and_resumed(tmp_path, "near", kills=2, seed=15)


@pytest.mark.slow
@pytest.mark.parametrize("method", WAYS)
def test_a_dedup_killed_ten_times_resumes_to_the_same_bytes(tmp_path: Path, method: str) -> None:
    killed_and_resumed(tmp_path, method, kills=10, seed=16)


def killed_and_resumed(folder: Path, method: str, *, kills: int, seed: int) -> None:
    chance, path = random.Random(seed), recipe(folder, method)
    started = time.perf_counter()
    smelt("run", path, "--store", folder / "whole", "--no-report", "--workers", "1")
    seconds = time.perf_counter() - started
    arguments = ("run", path, "--store", folder / "killed", "--no-report", "--workers", "1")
    stopped = [kill_while_running(*arguments, after=seconds * chance.uniform(0.35, 0.7)) for _ in range(kills)]
    assert any(stopped)
    smelt(*arguments)
    assert artifact_bytes(folder / "killed") == artifact_bytes(folder / "whole")


@pytest.mark.ray
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning", "ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_ray_makes_the_same_corpora(tmp_path: Path) -> None:
    for method in WAYS:
        (tmp_path / method).mkdir()
        path = recipe(tmp_path / method, method)
        smelt("run", path, "--store", tmp_path / "here", "--no-report", "--workers", "1")
    with ray_cluster() as address:
        for method in WAYS:
            path = tmp_path / method / "r.toml"
            smelt("run", path, "--store", tmp_path / "ray", "--no-report", "--on", "ray", RAY_ADDRESS=address)
    assert artifact_bytes(tmp_path / "ray") == artifact_bytes(tmp_path / "here")

"""The steps of the corpus: nothing is lost, the ledger balances, and how the work is cut changes nothing."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from smelt.core.recipe import Recipe
from smelt.core.step import Step
from smelt.core.store import Store
from smelt.core.work import Inline
from smelt.corpus.clean.rules import Rules
from smelt.corpus.corpus import Corpus
from smelt.corpus.curate import apply_ops
from smelt.corpus.document import Document, Drop, as_batch, is_kept
from smelt.corpus.duplicates import documents, partitions
from smelt.corpus.duplicates.steps import Dedup
from smelt.corpus.extract.extract import Extract
from smelt.corpus.label.language import Language
from smelt.corpus.ledger import Entry
from smelt.corpus.ops import OPS, parse_op
from smelt.corpus.steps import Curate, Read
from smelt.errors import RecipeError

QUICKSTART = Path(__file__).parents[2] / "recipes/quickstart"
OPS_GIVEN = ("extract", {"op": "language", "keep": ["en", "zh"]}, "gopher")
WORDS = [
    "the",
    "of",
    "and",
    "that",
    "with",
    "is",
    "was",
    "to",
    "ore",
    "slag",
    "coke",
    "heat",
    "iron",
    "melt",
    "pour",
    "air",
]


def chain(paths: Path | list[str], *, shard_bytes: int = 1 << 26) -> list[Step[Corpus]]:
    raw = Read(paths=paths, identify="content", shard_bytes=shard_bytes)
    clean = Curate(corpus=raw, ops=OPS_GIVEN)
    return [raw, clean, Dedup(corpus=clean, held_out=0.3)]


def make(root: Path, steps: Sequence[Step[Corpus]]) -> list[Corpus]:
    store = Store(root, runner=Inline())
    return [store.make(step) for step in steps]


def text_of(generator: random.Random, n_words: int = 120) -> str:
    return " ".join(generator.choices(WORDS, k=n_words)) + "."


def write_families(path: Path) -> None:
    """40 texts, some with copies in which a word differs, and some with one of which only the writing does."""
    generator = random.Random(7)
    rows: list[dict[str, Any]] = []
    for family in range(40):
        words = text_of(generator).split()
        for version in range(family % 4 + 1):
            edited = [*words]
            if version:
                edited[family] = "edited"[: version + 1]
            rows.append({"text": " ".join(edited), "date": f"20{generator.randrange(10, 25)}", "family": family})
        if family % 4 == 0:
            rows.append({"text": " ".join(words).replace("the", "The").replace(".", "!"), "family": family})
    generator.shuffle(rows)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory) -> dict[int, list[Corpus]]:
    """Pages of the quickstart and some statutes, read into 1, 2 and 7 shards, curated, deduplicated."""
    folder = tmp_path_factory.mktemp("cut")
    write_families(folder / "families.jsonl")
    paths = [
        str(QUICKSTART / "kafka-site.warc.gz"),
        str(folder / "families.jsonl"),
        str(QUICKSTART / "government.jsonl.zst"),
    ]
    made = {size: make(folder / str(size), chain(paths, shard_bytes=size)) for size in (1 << 26, 8_000_000, 1_980_000)}
    return {len(corpora[0].shards): corpora for corpora in made.values()}


def test_the_number_of_shards_changes_nothing_in_a_corpus(cut: dict[int, list[Corpus]]) -> None:
    assert set(cut) == {1, 2, 7}
    for one, *others in zip(*cut.values(), strict=True):
        for other in others:
            assert_frame_equal(other.kept().collect(), one.kept().collect())
            assert_frame_equal(other.dropped().collect(), one.dropped().collect())
            assert other.ledger() == one.ledger()
            assert other.manifest.fingerprint == one.manifest.fingerprint
            assert other.manifest.counts == one.manifest.counts


def test_kept_and_dropped_are_what_came_in(cut: dict[int, list[Corpus]]) -> None:
    raw, clean, unique = cut[7]
    for before, after in ((raw, clean), (clean, unique)):
        kept, dropped = (frame.select("id").collect()["id"] for frame in (after.kept(), after.dropped()))
        assert sorted([*kept, *dropped]) == sorted(before.kept().select("id").collect()["id"])
        assert len(kept) > 100
        assert len(dropped) > 20


def test_every_ledger_balances_and_counts_what_is_there(cut: dict[int, list[Corpus]]) -> None:
    for corpus in cut[2]:
        entries = [Entry.model_validate(entry) for entry in corpus.ledger()]
        for entry in entries:
            assert_balanced(entry)
        for one, other in pairwise(entries):
            assert (one.documents_out, one.bytes_out) == (other.documents_in, other.bytes_in)
        kept = corpus.kept().select(pl.len(), pl.col("text").str.len_bytes().sum()).collect()
        assert kept.row(0) == (entries[-1].documents_out, entries[-1].bytes_out)
        assert corpus.manifest.counts["documents"] == entries[-1].documents_out


def test_made_again_every_file_has_the_same_bytes(tmp_path: Path) -> None:
    write_families(tmp_path / "a.jsonl")
    one, other = (make(tmp_path / name, chain(tmp_path / "a.jsonl")) for name in ("1", "2"))
    for first, second in zip(one, other, strict=True):
        assert first.manifest.files == second.manifest.files


def test_processes_make_what_one_process_makes(tmp_path: Path, store: Store) -> None:
    write_families(tmp_path / "a.jsonl")
    steps = chain(tmp_path / "a.jsonl", shard_bytes=10_000)
    for alone, beside in zip(make(tmp_path / "alone", steps), [store.make(step) for step in steps], strict=True):
        assert len(beside.shards) > 3
        assert alone.manifest.files == beside.manifest.files


# ---- duplicates


@pytest.fixture
def families(tmp_path: Path) -> Corpus:
    write_families(tmp_path / "a.jsonl")
    return deduplicated(tmp_path, "store")


def deduplicated(folder: Path, store: str) -> Corpus:
    raw = Read(paths=folder / "a.jsonl", identify="content", shard_bytes=10_000)
    return make(folder / store, [Dedup(corpus=raw, held_out=0.5)])[0]


def family(frame: pl.DataFrame) -> list[int]:
    return [json.loads(meta)["family"] for meta in frame["meta"]]


def test_of_each_family_the_earliest_remains(families: Corpus) -> None:
    kept, dropped = families.kept().collect(), families.dropped().collect()
    assert sorted(family(kept)) == list(range(40))
    rows = pl.concat([kept, dropped.drop("drop")])
    earliest = dict(
        rows.with_columns(family=pl.Series(family(rows))).group_by("family").agg(pl.col("date").min()).iter_rows()
    )
    assert all(date == earliest[number] for date, number in zip(kept["date"], family(kept), strict=True))


def test_copies_say_whose_they_are_and_how_like(families: Corpus) -> None:
    dropped = families.dropped().collect()
    place = dict(zip(families.kept().collect()["id"], family(families.kept().collect()), strict=True))
    assert [place[cluster] for cluster in dropped["cluster"]] == family(dropped)
    drops = {row["drop"]["reason"]: row["drop"] for row in dropped.to_dicts()}
    assert set(drops) == {"duplicate.exact", "duplicate.near"}
    assert drops["duplicate.near"]["limit"] == 0.8
    assert drops["duplicate.near"]["value"] > 0.8
    assert drops["duplicate.exact"]["value"] is None


def test_no_near_duplicate_stands_on_both_sides_of_the_split(families: Corpus) -> None:
    """By the true Jaccard similarity of all pairs, kept and dropped."""
    frame = pl.concat([families.kept().collect(), families.dropped().collect().drop("drop")])
    shingles = [set(zip(*(text.lower().split()[n:] for n in range(5)), strict=False)) for text in frame["text"]]
    alike = [(a, b) for a, b in combinations(range(len(frame)), 2) if jaccard(shingles[a], shingles[b]) >= 0.8]
    assert len(alike) > 40
    assert all(frame["split"][a] == frame["split"][b] for a, b in alike)
    assert set(families.kept().collect()["split"]) == {"train", "held_out"}


def jaccard(a: set[Any], b: set[Any]) -> float:
    return len(a & b) / len(a | b)


@pytest.mark.parametrize("partition_keys", [50, 300])
def test_the_number_of_partitions_changes_nothing(
    tmp_path: Path, families: Corpus, monkeypatch: pytest.MonkeyPatch, partition_keys: int
) -> None:
    monkeypatch.setattr(partitions, "PARTITION_KEYS", partition_keys)
    assert deduplicated(tmp_path, "again").manifest.files == families.manifest.files


@given(st.floats(0, 0.99), st.integers(0, 2**32))
@settings(max_examples=20, deadline=None)
def test_about_the_share_asked_for_is_held_out(share: float, salt: int) -> None:
    names = pl.Series([f"{salt}#{n}" for n in range(4000)])
    held = (documents.split_of(names, held_out=share) == "held_out").mean()
    assert abs(float(held or 0) - share) < 5 * np.sqrt(0.25 / 4000)


# ---- ops


TEXTS = st.one_of(
    st.text(max_size=60),
    st.text(alphabet="the of 之 人 a\n.#…<>&", max_size=200),
    st.sampled_from(
        [
            "<p>" + "the ore of iron " * 60,
            "<script>x</script>",
            "第一条 为了加强监督检查。" * 20,
            "Les élèves étaient là. " * 9,
        ]
    ),
)
DOCUMENTS = st.lists(
    st.builds(
        Document,
        id=st.uuids().map(str),
        text=TEXTS.filter(lambda text: "\0" not in text),
        format=st.sampled_from(["html", "text"]),
        drop=st.sampled_from([None, None, None, Drop("unreadable", detail="before")]),
    ),
    max_size=12,
)


@given(DOCUMENTS)
@settings(max_examples=60, deadline=None)
def test_the_ledger_of_any_documents_balances(documents: list[Document]) -> None:
    batch = as_batch(documents)
    after, ledger = apply_ops(batch, [Extract(), Language(keep=("en", "zh")), Rules(table="gopher")])
    assert list(after["id"]) == list(batch["id"])
    for entry in ledger:
        assert_balanced(entry)
    assert ledger[0].documents_in == batch.filter(is_kept()).height
    assert ledger[-1].documents_out == after.filter(is_kept()).height
    before = [document for document in documents if document.drop]
    assert after.filter(pl.col("drop").struct.field("reason") == "unreadable")["text"].to_list() == [
        d.text for d in before
    ]


@given(DOCUMENTS, st.integers(1, 11))
@settings(max_examples=20, deadline=None)
def test_batches_can_be_cut_anywhere(documents: list[Document], size: int) -> None:
    batch, ops = as_batch(documents), [parse_op(op) for op in OPS_GIVEN]
    whole, _ = apply_ops(batch, ops)
    parts = [apply_ops(part, ops)[0] for part in batch.iter_slices(size)] or [whole]
    assert_frame_equal(pl.concat(parts), whole)


def assert_balanced(entry: Entry) -> None:
    dropped = entry.dropped.values()
    assert entry.documents_in == entry.documents_out + sum(amount.documents for amount in dropped)
    assert entry.bytes_in == entry.bytes_out + entry.bytes_edited + sum(amount.bytes for amount in dropped)


def test_every_op_stands_under_its_own_name() -> None:
    assert {name: kind.op for name, kind in OPS.items()} == {name: name for name in OPS}


# ---- identity


def test_a_changed_limit_is_told_by_its_name(tmp_path: Path) -> None:
    raw = Read(paths=str(QUICKSTART / "pep-0020.txt"), identify="content")
    one, other = (Curate(corpus=raw, ops=["gopher", {"op": "language", "min_score": score}]) for score in (0.5, 0.6))
    changed = {name for name, value in one.identity.items() if other.identity[name] != value}
    assert changed == {"language.min_score"}
    assert one.fingerprint != other.fingerprint


def test_an_op_that_stands_there_twice_counts_twice() -> None:
    raw = Read(paths=str(QUICKSTART / "pep-0020.txt"))
    steps = [
        Curate(corpus=raw, ops=[{"op": "language", "keep": a}, {"op": "language", "keep": b}])
        for a, b in ((["en"], ["zh"]), (["zh"], ["en"]))
    ]
    assert steps[0].fingerprint != steps[1].fingerprint


def test_where_files_lie_and_how_work_is_cut_are_no_part_of_identity(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.jsonl").write_text('{"text": "t"}')
    one, two = (
        Read(paths=tmp_path / name, identify="content", shard_bytes=size) for name, size in (("one", 1), ("two", 2))
    )
    assert one.fingerprint == two.fingerprint
    (tmp_path / "two/a.jsonl").write_text('{"text": "u"}')
    assert one.fingerprint != Read(paths=tmp_path / "two", identify="content").fingerprint


def test_paths_in_a_recipe_start_from_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/a.jsonl").write_text('{"text": "t"}')
    (tmp_path / "r.toml").write_text('[raw]\nstep = "read"\npaths = "data/*.jsonl"\n')
    raw = Recipe.load(tmp_path / "r.toml").steps["raw"]
    assert isinstance(raw, Read)
    assert [file.name for file in raw.files()] == ["a.jsonl"]
    monkeypatch.chdir(tmp_path)
    assert [file.name for file in Read(paths="data").files()] == ["a.jsonl"]


def test_a_recipe_with_an_op_that_is_none_says_which(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text(
        '[raw]\nstep = "read"\npaths = "a.jsonl"\n[clean]\nstep = "curate"\ncorpus = "raw"\nops = ["gofer"]\n'
    )
    with pytest.raises(RecipeError, match=r"\[clean\].*there is no op 'gofer'; did you mean 'gopher'"):
        Recipe.load(tmp_path / "r.toml")


# ---- the artifact


def test_a_document_is_traced_through_every_op(cut: dict[int, list[Corpus]]) -> None:
    _, clean, unique = cut[7]
    row = clean.dropped("gopher.dup_line_frac").head(1).collect().row(0, named=True)
    extract, language, gopher = clean.trace(row["id"])
    assert (extract.where, extract.fate) == ("extract", "kept")
    assert (language.fate, language.detail[:3]) == ("kept", "en ")
    assert (gopher.where, gopher.fate) == ("gopher", "dropped")
    assert gopher.detail.startswith(f"dup_line_frac {row['drop']['value']:.3g} > 0.3")
    kept = unique.sample(1, seed=0)["id"][0]
    assert [trace.fate for trace in clean.trace(kept)] == ["kept"] * 3
    assert unique.trace("nowhere#0") == []


def test_samples_are_as_many_as_asked_for_and_the_same_each_time(cut: dict[int, list[Corpus]]) -> None:
    for corpora in cut.values():
        clean = corpora[1]
        sample = clean.sample(5, seed=3)
        assert len(sample) == 5
        assert_frame_equal(sample, cut[1][1].sample(5, seed=3))
        assert clean.sample(1, seed=1)["id"].to_list() != clean.sample(1, seed=2)["id"].to_list()
        dropped = clean.sample(4, seed=0, dropped_for="gopher.dup_line_frac")
        assert dropped["drop"].struct.field("reason").to_list() == ["gopher.dup_line_frac"] * 4


def test_a_document_is_found_by_its_id(cut: dict[int, list[Corpus]]) -> None:
    raw, clean, _ = cut[2]
    dropped = clean.dropped().select("id").head(1).collect().item()
    found = clean.document(dropped)
    assert found is not None
    assert found["drop"]["reason"]
    assert "drop" not in (raw.document(dropped) or {"drop": None})
    assert clean.document("nowhere#0") is None

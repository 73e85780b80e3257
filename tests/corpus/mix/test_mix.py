"""Mixing: shares, budgets, repeats; the same whatever the shards, and nothing lost."""

from __future__ import annotations

import json
import random
from fractions import Fraction
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from pydantic import ValidationError
from tokenizers import models, pre_tokenizers, processors

from pipeline_runs import smelt
from smelt.core.store import Store
from smelt.core.work import Inline, Runner
from smelt.corpus.augment.steps import Augment
from smelt.corpus.corpus import Corpus
from smelt.corpus.duplicates.steps import Dedup
from smelt.corpus.ledger import Entry
from smelt.corpus.mix.plan import amounts_of, last_key, shares_of, whole_passes
from smelt.corpus.mix.steps import Mix
from smelt.corpus.steps import Curate, Read
from smelt.errors import InputError
from smelt.tokens.steps import ExistingTokenizer, Tokenize, TrainTokenizer

EN = [
    "the ore",
    "was melted",
    "however",
    "on March 5, 2019",
    "by the men",
    "of the town",
    "and 30% of it",
    "frequently",
]
ZH = ["本办法由国务院", "公布", "因此", "2019年3月5日", "矿石", "必须立即", "熔化", "公民的权利", "经常", "保护"]


def write_documents(path: Path, n: int = 120) -> None:
    rng = random.Random(3)
    rows: list[dict[str, Any]] = []
    for number in range(n):
        zh = number % 3 == 0
        words = rng.choices(ZH if zh else EN, k=rng.randrange(20, 90))
        text = ("。" if zh else " ").join([*words, str(rng.random())])
        rows.append(
            {"text": text, "lang": "zh" if zh else "en", "domain": f"d{number % 2}", "date": f"{2000 + number % 20}"}
        )
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("documents") / "a.jsonl"
    write_documents(path)
    return path


def unique(path: Path, shard_bytes: int = 1 << 26) -> Dedup:
    return Dedup(corpus=Read(paths=str(path), identify="content", shard_bytes=shard_bytes), held_out=0.2)


def mixed(folder: Path, path: Path, *, shard_bytes: int = 1 << 26, **fields: Any) -> Corpus:
    store = Store(folder, runner=Inline())
    return store.make(Mix(corpora=unique(path, shard_bytes), **fields))


def report(corpus: Corpus) -> dict[str, Any]:
    return json.loads((corpus.folder / "mix.json").read_text())


def copies(corpus: Corpus, *, language: str) -> dict[str, int]:
    train = corpus.kept().filter((pl.col("split") == "train") & (pl.col("language") == language)).collect()
    return dict(train.group_by("id").len().iter_rows())


AVAILABLE = st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 10**6), min_size=1)


@given(AVAILABLE, st.data())
@settings(max_examples=100, deadline=None)
def test_shares_add_up_and_natural_ones_go_by_size(available: dict[str, int], data: st.DataObject) -> None:
    shares = shares_of(available, {})
    total = sum(available.values())
    for group, n in available.items():
        assert shares[group] == pytest.approx(float(Fraction(n, total)))
    first = min(available)
    if len(available) > 1:
        weight = data.draw(st.floats(0.01, 0.99))
        assert sum(shares_of(available, {first: weight}, temperature=3).values()) == pytest.approx(1)


@given(AVAILABLE, st.integers(1, 10**7), st.integers(1, 4))
@settings(max_examples=150, deadline=None)
def test_spilling_takes_the_budget_or_all_there_is(available: dict[str, int], budget: int, epochs: int) -> None:
    even = dict.fromkeys(available, 1 / len(available))
    taken = amounts_of(available, even, budget=budget, epochs=epochs)
    assert sum(taken.values()) == pytest.approx(min(budget, epochs * sum(available.values())))
    level = max(taken.values())  # by exact arithmetic, even shares fill all groups to one level, or to the brim
    assert all(amount == pytest.approx(min(level, epochs * available[group])) for group, amount in taken.items())


@pytest.mark.parametrize(("plan", "expected"), [("spill", [10, 90]), ("stop", [10, 50]), ("shrink", [10, 10])])
def test_a_group_that_runs_out_is_met_by_the_stated_plan(plan: Any, expected: list[float]) -> None:
    taken = amounts_of({"a": 10, "b": 1000}, {"a": 0.5, "b": 0.5}, budget=100, epochs=1, when_short=plan)
    assert list(taken.values()) == pytest.approx(expected)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=60), st.floats(0, 1))
def test_an_amount_is_missed_by_half_a_document_at_most(sizes: list[int], share: float) -> None:
    frame = pl.DataFrame({"key": range(1, len(sizes) + 1), "size": sizes}, {"key": pl.UInt64, "size": pl.Int64})
    amount = share * sum(sizes)
    end = last_key(frame["key"].to_numpy(), frame["size"].to_numpy(), amount) or 0
    assert abs(sum(sizes[:end]) - amount) <= max(sizes) / 2


def test_whole_passes_and_what_is_left() -> None:
    assert whole_passes(25, 10) == (2, 5)
    assert whole_passes(0, 0) == (0, 0)


@pytest.mark.parametrize("unit", ["bytes", "documents"])
def test_shares_are_reached_within_a_document(documents: Path, tmp_path: Path, unit: str) -> None:
    budget = {"bytes": 20_000, "documents": 70}[unit]
    corpus = mixed(tmp_path, documents, weights={"zh": 0.7, "en": 0.3}, budget=budget, unit=unit, epochs=4)
    largest = int(corpus.kept().select(pl.col("text").str.len_bytes().max()).collect().item())
    for row in report(corpus)["groups"]:
        assert abs(row["taken"][unit] - row["wanted"]) <= (largest / 2 if unit == "bytes" else 0.5)


def test_a_lower_weight_draws_part_of_what_a_higher_one_draws(documents: Path, tmp_path: Path) -> None:
    low, high = (
        copies(mixed(tmp_path, documents, weights={"zh": share}, budget=60, unit="documents", epochs=3), language="zh")
        for share in (0.2, 0.8)
    )
    assert len(low) == 12
    assert all(n <= high[name] for name, n in low.items())


@pytest.mark.parametrize("shard_bytes", [12_000, 4_000])
def test_any_number_of_shards_makes_the_same_mixture(documents: Path, tmp_path: Path, shard_bytes: int) -> None:
    fields: dict[str, Any] = {"weights": {"zh": 0.6}, "budget": "40k", "unit": "bytes", "epochs": 4, "since": "2003"}
    one = mixed(tmp_path / "one", documents, **fields)
    many = mixed(tmp_path / "many", documents, shard_bytes=shard_bytes, **fields)
    assert len(many.shards) > len(one.shards)
    assert_frame_equal(many.kept().collect(), one.kept().collect())
    assert_frame_equal(many.dropped().collect(), one.dropped().collect())
    assert many.ledger() == one.ledger()
    assert report(many) == report(one)


def test_nothing_is_lost_the_ledger_balances_and_repeats_are_counted(documents: Path, tmp_path: Path) -> None:
    corpus = mixed(tmp_path, documents, weights={"zh": 0.8}, budget=200, unit="documents", epochs=4, until="2015")
    kept, dropped = corpus.kept().collect(), corpus.dropped().collect()
    before = Store(tmp_path).open(unique(documents)).kept().collect()
    assert sorted({*kept["id"], *dropped["id"]}) == sorted(before["id"])
    assert kept.select("id", "epoch").is_unique().all()
    assert (kept.group_by("id").agg(pl.len() == pl.col("copies").first())["len"]).all()
    (entry,) = [Entry.model_validate(row) for row in corpus.ledger()]
    assert entry.is_balanced
    assert entry.added.documents == (kept["epoch"] > 0).sum() > 0
    assert set(dropped["drop"].struct.field("reason")) >= {"mix.date"}
    again = kept.filter(pl.col("copies") > 1)["id"][0]
    assert corpus.trace(again)[0].detail.endswith("times")


def test_held_out_documents_come_along_once_whatever_is_asked(documents: Path, tmp_path: Path) -> None:
    before = Store(tmp_path, runner=Inline()).make(unique(documents)).kept().collect()
    held_out = before.filter(pl.col("split") == "held_out")["id"].to_list()
    corpus = mixed(tmp_path, documents, languages=["zh"], since="2018", epochs=4, budget="1M")
    after = corpus.kept().filter(pl.col("split") == "held_out").collect()
    assert after["id"].to_list() == held_out
    assert set(after["copies"]) == {1}


def test_a_group_that_is_not_there_is_told_with_what_is(documents: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="group 'zhh'; did you mean 'zh'"):
        mixed(tmp_path, documents, weights={"zhh": 0.3})


def test_corpora_that_share_a_document_are_refused(documents: Path, tmp_path: Path) -> None:
    raw = Read(paths=str(documents), identify="content")
    with pytest.raises(InputError, match="two documents go by the id"):
        Store(tmp_path, runner=Inline()).make(Mix(corpora=[raw, unique(documents)]))


def test_a_tokenizer_counts_what_tokenizing_makes(documents: Path, tmp_path: Path) -> None:
    bpe = TrainTokenizer(corpus=unique(documents), vocab=400)
    mix = Mix(corpora=unique(documents), tokenizer=bpe, weights={"zh": 0.5}, budget=4_000, epochs=4)
    tokens = Store(tmp_path, runner=Inline()).make(Tokenize(corpus=mix, tokenizer=bpe))
    rows = report(Store(tmp_path).open(mix))["groups"]
    assert sum(row["taken"]["tokens"] for row in rows) == tokens.manifest.counts["train_tokens"]


def words_tokenizer(folder: Path) -> Path:
    """A tokenizer of Hugging Face for which every word is one token, with what models' files bring along."""
    folder.mkdir()
    bpe = tokenizers.Tokenizer(models.WordLevel({"[UNK]": 0, "[CLS]": 1}, unk_token="[UNK]"))
    bpe.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    bpe.post_processor = processors.TemplateProcessing(single="[CLS] $A", special_tokens=[("[CLS]", 1)])
    bpe.enable_truncation(8)
    bpe.enable_padding(length=512)
    bpe.save(str(folder / "tokenizer.json"))
    return folder / "tokenizer.json"


@pytest.mark.parametrize("is_folder", [False, True])
def test_any_tokenizer_file_counts_all_of_its_tokens_and_none_that_models_add(
    documents: Path, tmp_path: Path, is_folder: bool
) -> None:
    path = words_tokenizer(tmp_path / "hf")
    given = path.parent if is_folder else path
    options = ("--store", tmp_path / "store", "--workers", "1", "--budget", "900", "--epochs", "2")
    smelt("mix", documents, "-o", tmp_path / "out", "--weights", "zh=.5", "--tokenizer", given, *options)
    said = json.loads((tmp_path / "out/mix.json").read_text())
    texts = pl.read_parquet(tmp_path / "out/kept/*.parquet")["text"]
    assert said["counted"] == "by the tokenizer"
    assert said["taken"] == sum(len(text.split()) + 1 for text in texts)
    assert sum(row["wanted"] for row in said["groups"]) == 900
    every = [json.loads(line) for line in documents.read_text().splitlines()]
    for row in said["groups"]:
        of_group = [len(one["text"].split()) + 1 for one in every if one["lang"] == row["group"]]
        assert row["available"]["tokens"] == sum(of_group)
        assert row["epochs"] == row["taken"]["tokens"] / sum(of_group) <= 2


def test_a_trained_tokenizer_counts_the_same_from_its_file_as_from_its_step(documents: Path, tmp_path: Path) -> None:
    store, bpe = Store(tmp_path, runner=Inline()), TrainTokenizer(corpus=unique(documents), vocab=400)
    trained = store.make(bpe)
    fields: dict[str, Any] = {"corpora": unique(documents), "weights": {"zh": 0.5}, "budget": 4_000, "epochs": 4}
    by_step = store.make(Mix(tokenizer=bpe, **fields))
    by_file = store.make(Mix(tokenizer=ExistingTokenizer(path=str(trained.folder)), **fields))
    assert report(by_file) == report(by_step)
    assert_frame_equal(by_file.kept().collect(), by_step.kept().collect())


def test_a_tokenizer_in_the_store_stays_when_the_users_file_changes(tmp_path: Path) -> None:
    path = words_tokenizer(tmp_path / "hf")
    before = path.read_bytes()
    step = ExistingTokenizer(path=str(path))
    made = Store(tmp_path / "store", runner=Inline()).make(step)
    with path.open("r+b") as file:  # in place, as `tokenizers` saves
        file.write(b" {")
    assert (made.folder / "tokenizer.json").read_bytes() == before
    assert ExistingTokenizer(path=str(path.parent)).fingerprint != step.fingerprint  # its contents tell it


def test_what_is_no_tokenizer_is_refused_before_anything_is_read(documents: Path, tmp_path: Path) -> None:
    (tmp_path / "wrong.json").write_text('{"model": 3}')
    for path, said in (("wrong.json", "is no tokenizer"), ("nowhere", "is no file")):
        arguments = ("mix", documents, "-o", tmp_path / "out", "--store", tmp_path / "store")
        refused = smelt(*arguments, "--tokenizer", tmp_path / path, check=False)
        assert (refused.returncode, said in refused.stderr) == (2, True), refused.stderr
        assert not list((tmp_path / "store").glob("corpus/*"))


@pytest.mark.parametrize("fields", [{"unit": "bytes"}, {"bytes_per_token": 4.0}])
def test_a_tokenizer_and_what_it_makes_idle_are_refused(
    documents: Path, tmp_path: Path, fields: dict[str, Any]
) -> None:
    bpe = ExistingTokenizer(path=str(words_tokenizer(tmp_path / "hf")))
    with pytest.raises(ValidationError, match="is of no use where"):
        Mix(corpora=unique(documents), tokenizer=bpe, **fields)


def test_the_command_says_so_in_a_sentence(documents: Path, tmp_path: Path) -> None:
    path = words_tokenizer(tmp_path / "hf")
    arguments = ("mix", documents, "-o", tmp_path / "out", "--unit", "bytes", "--tokenizer", path)
    refused = smelt(*arguments, "--store", tmp_path / "store", check=False)
    assert refused.stderr.startswith("Error: mix: a tokenizer is of no use where the unit is bytes\n")


def test_a_tokenizer_without_an_end_of_documents_makes_no_stream(documents: Path, tmp_path: Path) -> None:
    bpe = ExistingTokenizer(path=str(words_tokenizer(tmp_path / "hf")))
    with pytest.raises(InputError, match=r"has no token <\|end\|>"):
        Store(tmp_path / "store", runner=Inline()).make(Tokenize(corpus=unique(documents), tokenizer=bpe))


def test_a_shortfall_is_warned_of(documents: Path, tmp_path: Path) -> None:
    said = report(mixed(tmp_path, documents, weights={"zh": 0.9}, budget=100, unit="documents"))["warnings"]
    assert len(said) == 1
    assert said[0].startswith("zh is short by")


def recipe(path: Path, shard_bytes: int) -> Tokenize:
    raw = Read(paths=str(path), identify="content", shard_bytes=shard_bytes)
    split = Dedup(corpus=Curate(corpus=raw, ops=["pii"]), held_out=0.2)
    noisy = Augment(corpus=split, op={"op": "noise", "rate": 0.05})
    mix = Mix(corpora=[split, noisy], weights={"zh": 0.6}, budget="60k", unit="bytes", epochs=4)
    return Tokenize(corpus=mix, tokenizer=TrainTokenizer(corpus=mix, vocab=400))


def test_a_whole_recipe_is_the_same_on_two_processes_and_seven_shards(
    documents: Path, tmp_path: Path, runner: Runner
) -> None:
    one = Store(tmp_path / "one", runner=Inline()).make(recipe(documents, 1 << 26))
    store = Store(tmp_path / "two", runner=runner)
    two = store.make(recipe(documents, 5_000))
    assert_frame_equal(two.documents, one.documents)
    for split in ("train", "held_out"):
        streams = [b"".join(p.read_bytes() for p in sorted((t.folder / split).glob("*.bin"))) for t in (one, two)]
        assert streams[0] == streams[1]
    mixture = store.open(recipe(documents, 5_000).corpus)
    planned = mixture.kept().filter(pl.col("epoch") == 0).select("id", "copies").collect()
    assert dict(two.documents.group_by("id").len().iter_rows()) == dict(planned.iter_rows())
    held_out = two.documents.filter(pl.col("split") == "held_out")["id"]
    assert not any("~" in name for name in held_out)

"""Augmentations: labelled, of training documents alone, and the same whatever the batch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest
from pypinyin import lazy_pinyin

from smelt.core.events import read_events
from smelt.core.store import Store
from smelt.core.work import Inline
from smelt.corpus.augment.noise import confusions, neighbours
from smelt.corpus.augment.paraphrase import Paraphrase
from smelt.corpus.augment.steps import Augment
from smelt.corpus.augment.synonyms import Synonyms
from smelt.corpus.augment.translate import BackTranslation
from smelt.corpus.document import Document, as_batch
from smelt.corpus.ops import parse_op
from smelt.corpus.steps import Read
from smelt.errors import InputError

TEXTS = [
    "However, on March 5, 2019 about 30% of members frequently met.\nThey began.",
    "因此，2019年3月5日施行的规定必须立即执行，百分之30的公民经常提出意见。",
]


def batch() -> pl.DataFrame:
    rows = as_batch(Document(id=f"d{n}", text=TEXTS[n % 2] * 3) for n in range(8))
    return rows.with_columns(split=pl.Series(["train", "train", "held_out", "held_out"] * 2))


@pytest.mark.parametrize("name", ["noise", "synonyms", "paraphrase"])
def test_only_training_documents_change_and_they_say_how(name: str) -> None:
    op: Any = parse_op({"op": name, "rate": 0.5})
    before, after = batch(), op.apply(batch())
    is_new = before["text"] != after["text"]
    assert is_new.to_list() == (before["split"] == "train").to_list()
    assert after["augmentation"].is_not_null().to_list() == is_new.to_list()
    assert after.row(0, named=True)["augmentation"] == {"name": name, "seed": 0, "parent": "d0"}
    parts = pl.concat([op.apply(part) for part in batch().iter_slices(3)])
    assert parts["text"].to_list() == after["text"].to_list()


def test_without_a_split_nothing_is_augmented() -> None:
    with pytest.raises(InputError, match="not split"):
        parse_op("noise").apply(batch().drop("split"))


def test_held_out_documents_stay_as_they_are_where_the_split_is_read_back_from_meta() -> None:
    before = batch().with_columns(meta=pl.concat_str(pl.lit('{"split": "'), "split", pl.lit('"}'))).drop("split")
    op: Any = parse_op({"op": "noise", "rate": 0.5})
    after = op.apply(before)
    assert (after["text"] != before["text"]).to_list() == [True, True, False, False] * 2


def test_noise_keeps_line_breaks() -> None:
    op: Any = parse_op({"op": "noise", "rate": 0.4})
    assert op.change_one(TEXTS[0], Random(1)).count("\n") == 1


def test_keys_are_neighbours_of_one_another() -> None:
    assert set(neighbours()["g"]) == set("ftyhbv")
    assert all(key in neighbours()[other] for key, others in neighbours().items() for other in others)


def test_characters_of_one_line_have_a_reading_in_common() -> None:
    for one, others in confusions("sounds-zh").items():
        assert all(lazy_pinyin(other) == lazy_pinyin(one) for other in others)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("It was March 5, 2019.", {"It was 5 March 2019."}),
        ("So. The act was adopted by Congress.", {"So. Congress adopted the act."}),
        ("百分之30", {"30%"}),
        ("自2010年12月25日起", {"自二〇一〇年十二月二十五日起"}),
        ("width: 50%; 减少 30%、", {"width: 50%; 减少 30%、"}),
        ("因为下雨，所以停工。", {"由于下雨，因此停工。"}),
        (" 本办法由国务院负责解释。", {" 国务院负责解释本办法。"}),
        ("Section 5 of March 2019, at 3.5%x", {"Section 5 of March 2019, at 3.5%x"}),
    ],
)
def test_templates_say_it_otherwise(text: str, said: set[str]) -> None:
    op = Paraphrase(rate=1)
    assert {op.change_one(text, Random(seed)) for seed in range(20)} == said


def test_a_thesaurus_of_the_users_own_is_taken(tmp_path: Path) -> None:
    (tmp_path / "mine.tsv").write_text("ore\trock\n矿石\t原矿\n")
    op = Synonyms(table=str(tmp_path / "mine.tsv"), rate=1)
    assert op.change_one("Ore, core, an ore, 矿石", Random(0)) == "Rock, core, an ore, 原矿"
    (tmp_path / "wrong.tsv").write_text("ore rock\n")
    with pytest.raises(InputError, match="line 1"):
        Synonyms(table=str(tmp_path / "wrong.tsv")).change_one("ore", Random(0))


@pytest.fixture(scope="module")
def marian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A folder of a tiny Marian model with random weights."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import MarianConfig, MarianMTModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("marian")
    words = {word: n for n, word in enumerate(["<pad>", "</s>", "<unk>", "one", "two", "three", "four"])}
    bpe = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    bpe.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(
        tokenizer_object=bpe, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = MarianConfig(
        vocab_size=len(words), d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16, pad_token_id=0, eos_token_id=1,
        decoder_start_token_id=0, forced_eos_token_id=1, max_position_embeddings=512,
    )  # fmt: skip
    MarianMTModel(config).save_pretrained(folder)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # beside other tests, threads wait for one another longer than they work
    yield str(folder)
    torch.set_num_threads(threads)


@pytest.mark.filterwarnings("ignore")
def test_any_hugging_face_folder_translates_there_and_back(marian: str) -> None:
    op = BackTranslation(forth=marian, back=marian)
    text = "one two.\n\n  three four! 12"
    once, again = (op.change_one(text, Random(seed)) for seed in range(2))
    assert once == again != text
    assert once.count("\n\n  ") == 1
    assert once.endswith(" 12")


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no model"):
        BackTranslation(forth=str(tmp_path), back=str(tmp_path))


def test_those_who_watch_see_how_many_documents_are_augmented(tmp_path: Path) -> None:
    rows = [json.dumps({"text": TEXTS[n % 2] * 3, "split": "train"}) + "\n" for n in range(30)]
    (tmp_path / "rows.jsonl").write_text("".join(rows))
    read = Read(paths=str(tmp_path / "rows.jsonl"), shard_bytes=2_000)
    step = Augment.model_validate({"corpus": read, "op": {"op": "noise", "rate": 0.3}})
    with Store(tmp_path / "store", runner=Inline()) as store:
        made = store.make(step)
        seen = [event for event, _ in read_events(store.events.path) if event.get("label") == "augment"]
    phase, *items = seen
    assert (phase["event"], phase["items"], phase["workers"]) == ("phase", len(items), 1)
    assert len(items) > 1
    totals = {name: sum(float(str(item[name])) for item in items) for name in ("documents", "share", "seconds")}
    assert totals["documents"] == made.ledger()[0]["documents_in"] == 30
    assert totals["share"] == pytest.approx(1)
    assert totals["seconds"] > 0

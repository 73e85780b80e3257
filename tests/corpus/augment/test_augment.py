"""Augmentations: labelled, of training documents alone, and the same whatever the batch."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypinyin import lazy_pinyin

from pipeline_runs import QUICKSTART, first_lines
from smelt.core.events import read_events
from smelt.core.step import Sizes
from smelt.core.store import Store
from smelt.core.work import Inline
from smelt.corpus.augment.augmentation import Augmentation
from smelt.corpus.augment.noise import FAULTS, Fault, confusions, neighbours
from smelt.corpus.augment.paraphrase import Paraphrase
from smelt.corpus.augment.steps import Augment
from smelt.corpus.augment.synonyms import Synonyms, pattern_of
from smelt.corpus.augment.translate import BackTranslation
from smelt.corpus.document import Document, as_batch
from smelt.corpus.ops import OPS, parse_op
from smelt.corpus.steps import Read
from smelt.errors import InputError

ARTICLE = r"第[一二三四五六七八九十百千零〇]+[条章节款]|[!-~]*[0-9][!-~]*"
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


CHINESE_NUMERALS = set("〇零一二三四五六七八九十百千万亿兆两廿卅壹贰叁肆伍陆柒捌玖拾佰仟萬億")


def numerals(text: str) -> str:
    """Digits and Chinese numerals in their order, told character by character."""
    return "".join(c for c in text if c.isdigit() or c in CHINESE_NUMERALS)


def noisy(text: str, seed: int, **fields: Any) -> str:
    op: Any = parse_op({"op": "noise", "rate": 0.5, **fields})
    return op.change_one(text, Random(seed))


NUMBERED = st.lists(
    st.sampled_from([*"0189lIOSBZ,.-/%$ \n第条款是时事人己末年月日号元百分之三二十两〇壹佰１ab"])
    | st.characters(codec="utf-8"),
    max_size=40,
).map("".join)


@given(NUMBERED, st.integers(0, 10**6), st.sampled_from([(fault,) for fault in FAULTS] + [FAULTS]))
@settings(max_examples=1500, deadline=None)
def test_noise_keeps_every_numeral_in_its_order_and_makes_none(text: str, seed: int, faults: tuple[Fault, ...]) -> None:
    assert numerals(noisy(text, seed, faults=faults)) == numerals(text)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("依照本法第三百二十条第二款的规定处罚", ["第三百二十条第二款"]),
        ("自2019年3月5日起施行，罚款人民币5000元", ["自2019年3月5日", "币5000元"]),
        ("应当一次性支付壹佰万元整，逾期另付百分之三十", ["付壹佰万元", "百分之三十"]),
        ("under Article 12(3)(a) of the act of 2019-03-05", ["12(3)(a)", "2019-03-05"]),
        ("they paid $1,000.50 or 3.5% of it", ["$1,000.50", "3.5%"]),
        ("Title IV, Chapter XII of the 5th edition, § 12a", ["IV", "XII", "5th", "12a"]),
    ],
)
def test_noise_keeps_articles_dates_and_amounts_whole(text: str, kept: list[str]) -> None:
    changed = [noisy(text, seed) for seed in range(200)]
    assert all(number in one for one in changed for number in kept)
    assert len(set(changed)) > 100  # what stands between them is hit


@pytest.mark.parametrize("name", ["statutes-en", "statutes-zh"])
def test_noise_keeps_all_numbers_of_real_statutes(name: str) -> None:
    for seed, line in enumerate(first_lines(QUICKSTART / f"{name}.jsonl.zst", 40)):
        text = json.loads(line)["text"][:20_000]
        changed = noisy(text, seed, rate=0.1)
        assert changed != text
        assert numerals(changed) == numerals(text)
        assert re.findall(ARTICLE, changed) == re.findall(ARTICLE, text)


def test_noise_takes_time_in_proportion_to_a_text_without_spaces() -> None:
    """A pattern that went back would take hours over these."""
    for text in ("a" * 100_000, "Q!" * 50_000, "I" * 100_000 + "a", "7" * 100_000, "条" * 100_000):
        assert numerals(noisy(text, 0)) == numerals(text)


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


WORDS = st.text(st.sampled_from("abAéſ-因此果 "), min_size=1, max_size=4).map(str.strip).filter(bool)


@given(st.lists(WORDS, min_size=1, max_size=8), st.text(st.sampled_from("abABÉé-因此果 .\n"), max_size=30))
@settings(max_examples=400, deadline=None)
def test_words_are_found_as_by_a_list_of_them_all(words: list[str], text: str) -> None:
    lowered = sorted({word.lower() for word in words}, key=lambda word: (-len(word), word))
    each = (rf"(?<!\w){re.escape(word)}(?!\w)" if word.isascii() else re.escape(word) for word in lowered)
    expected = [match.span() for match in re.finditer("|".join(each), text, re.IGNORECASE)]
    assert [match.span() for match in re.finditer(pattern_of(lowered), text)] == expected


def test_a_letter_that_is_only_like_a_words_own_is_none() -> None:
    long_s = "\u017fufficient"  # as books had it before 1800: a pattern without regard to case takes it for an s
    assert Synonyms(rate=1).change_one(f"{long_s} Sufficient", Random(0)) == f"{long_s} Enough"


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


def test_what_an_augmentation_takes_is_told_beforehand_or_that_it_is_not_known(marian: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("One text.")
    raw = Read(paths=(str(tmp_path / "a.txt"),))
    ops: list[Any] = ["noise", "synonyms", "paraphrase", {"op": "back-translation", "forth": marian, "back": marian}]
    steps = [Augment.model_validate({"corpus": raw, "op": op}) for op in ops]
    assert [step.op.op for step in steps] == [name for name, op in OPS.items() if issubclass(op, Augmentation)]
    sizes = [Sizes({raw.fingerprint: {"bytes": n_bytes}}, is_made=lambda step: True) for n_bytes in (10**8, 2 * 10**8)]
    for step in steps:
        half, whole = (step.estimate(size) for size in sizes)
        is_known = step.op.op != "back-translation"
        assert (half.core_seconds > 0, bool(half.note)) == (is_known, not is_known)
        assert whole.core_seconds == 2 * half.core_seconds


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

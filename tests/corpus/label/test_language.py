"""Languages are identified offline, in Chinese as in English, in short texts as in long."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from smelt.corpus.document import Document, Drop, as_batch, is_kept
from smelt.corpus.label import language
from smelt.corpus.label.language import Language, identify
from smelt.corpus.label.scripts import chinese_script, language_of_script
from smelt.corpus.steps import Curate, Read
from source_files import read

ROOT = Path(__file__).parents[3]
TEXTS = {
    "en": "Every commissioned officer who is retired shall be retired with the grade held at the time of retirement.",
    "zh": "第一条 为了加强和规范对食品生产经营活动的监督检查，根据有关法律制定本办法。",
    "fr": "Les élèves étaient là où commence la forêt, et personne ne savait ce qu'il fallait faire.",
    "de": "Die Schüler standen am Rand des Waldes, und niemand wusste, was zu tun war.",
    "ja": "これは日本語の文章です。漢字もひらがなもあります。",
    "ru": "Ученики стояли у опушки леса, и никто не знал, что делать.",
}


def judged(op: Language, *texts: str) -> list[dict[str, object]]:
    return op.apply(as_batch(Document(f"a#{n}", text) for n, text in enumerate(texts))).to_dicts()


@pytest.mark.parametrize("language", TEXTS)
def test_a_sentence_is_enough(language: str) -> None:
    label, score = identify(TEXTS[language])
    assert label == language
    assert score > 0.8


@pytest.mark.parametrize("text", ["你好", "臺灣的法律", "天地玄黄，宇宙洪荒。日月盈昃，辰宿列张。"])
def test_few_characters_are_enough_for_chinese(text: str) -> None:
    assert identify(text)[0] == "zh"


def test_a_chinese_poem_is_not_japanese_for_its_middle_dot() -> None:
    poem = "中吕・满庭芳\n谢应芳\n神仙有无？安居华屋，即是蓬壶。\n榴花也学红裙舞，燕雀喧呼。"
    assert identify(poem)[0] == "zh"


def test_it_needs_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    language._detector.cache_clear()
    assert identify(TEXTS["en"])[0] == "en"


def test_other_languages_are_dropped_with_label_and_score() -> None:
    english, french = judged(Language(keep=("en", "zh")), TEXTS["en"], TEXTS["fr"])
    assert english["drop"] is None
    assert isinstance(french["drop"], dict)
    assert french["drop"]["reason"] == "language"
    assert french["drop"]["detail"] == "fr, kept are en, zh"
    assert french["drop"]["value"] == french["language_score"]
    assert french["language"] == "fr"


def test_a_language_to_keep_is_dropped_where_the_model_is_not_sure() -> None:
    [row] = judged(Language(keep=("en",)), "1.1 a b c 2.2 d e f 3.3")
    assert isinstance(row["drop"], dict)
    assert row["drop"]["limit"] == 0.5
    assert row["drop"]["value"] < 0.5


def test_without_languages_to_keep_all_are_labelled_and_none_dropped() -> None:
    rows = judged(Language(), *TEXTS.values(), "")
    assert [row["language"] for row in rows][:-1] == list(TEXTS)
    assert all(row["drop"] is None for row in rows)


def test_the_label_of_the_source_is_replaced_and_stays_in_meta(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(f'{{"text": "{TEXTS["zh"]}", "lang": "lzh"}}')
    row = Language().apply(as_batch(read(tmp_path / "a.jsonl"))).row(0, named=True)
    assert row["language"] == "zh"
    assert row["meta"] == '{"lang": "lzh"}'


def test_what_was_dropped_before_keeps_its_label() -> None:
    batch = as_batch([Document("a#0", TEXTS["fr"], language="xx", drop=Drop("unreadable"))])
    row = Language(keep=("en",)).apply(batch).row(0, named=True)
    assert (row["language"], row["language_score"], row["drop"]["reason"]) == ("xx", None, "unreadable")


def test_the_quickstart_is_english_and_chinese() -> None:
    """Against the labels of the sources; pages have none."""
    folder = ROOT / "recipes/quickstart"
    documents = read(folder / "*.zst", folder / "*.parquet", max_record=1 << 26)[::5]
    batch = as_batch(documents)
    given = batch["language"].replace("lzh", "zh")
    batch = Language(keep=("en", "zh")).apply(batch)
    assert (batch["language"] == given).mean() > 0.995
    assert batch.select(is_kept().mean()).item() > 0.99


def test_op_and_step_take_the_languages_from_a_recipe(tmp_path: Path) -> None:
    step = Curate(corpus=Read(paths=str(tmp_path)), ops=[{"op": "language", "keep": ["en"], "min_score": 0.3}])
    assert step.ops == (Language(keep=("en",), min_score=0.3),)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("聂儿孛堇听说韩世忠退兵守江，十分高兴", "zh"),  # Portuguese to the model alone
        ("痛煞煞伤别，急煎煎好梦儿应难舍", "zh"),  # Cantonese
        ("用 apt install 安装软件包，然后重新启动计算机", "zh"),
        ("東京都は日本の首都", "ja"),
        ("서울은 대한민국의 수도", "ko"),
        ("กรุงเทพมหานคร", "th"),
        ("Αθήνα", "el"),
        ("Երևան", "hy"),
    ],
)
def test_a_script_that_writes_one_language_says_it(text: str, told: str) -> None:
    label, score = identify(text)
    assert label == told
    assert score >= 0.5


def test_scripts_of_several_languages_say_nothing() -> None:
    assert all(language_of_script(text) is None for text in (TEXTS["ru"], TEXTS["en"], "מדינה", "भारत", "", "2024"))


def test_a_few_foreign_letters_do_not_say_it() -> None:
    assert (
        identify("The Chinese name of Beijing is 北京, and that of Shanghai is 上海; both are large cities.")[0] == "en"
    )


def test_the_sources_word_counts_only_where_a_text_is_short_and_the_model_unsure() -> None:
    unsure = "Lecturas complementarias"
    assert identify(unsure)[0] != "es"
    assert identify(unsure, hint="es-ES")[0] == "es"
    assert identify(TEXTS["en"], hint="es")[0] == "en"
    assert identify(unsure * 5, hint="not a code")[0] == identify(unsure * 5)[0]


@pytest.mark.parametrize(("text", "script"), [("台湾的法律", "Hans"), ("臺灣的法律", "Hant"), ("人之初", None)])
def test_chinese_scripts_are_told_apart_by_characters_of_their_own(text: str, script: str | None) -> None:
    assert chinese_script(text) == script
    assert Language().apply(as_batch([Document("a#0", text)]))["script"].to_list() == [script]

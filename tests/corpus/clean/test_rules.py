"""Rules drop what breaks them, say why, and tables that make no sense are refused before anything runs."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
import zstandard

from smelt.corpus.clean.rules import Rule, Rules, read_rules
from smelt.corpus.document import DROP, Document, Drop, as_batch
from smelt.corpus.measures.measure import MEASURES
from smelt.corpus.ops import rule_tables
from smelt.errors import RecipeError

GOPHER = Rules(table="gopher")
PROSE = "It has to be said that the days of our youth, with all that they have of hope and of folly, do not return. "
DISTINCT = [f"{first}{second}o" for first in "abcdefghij" for second in "klmnopqrst"]

# For each measure: a text that breaks Gopher's rule on it, and one much like it that does not.
ENGLISH = {
    "n_words": ("word " * 49, "word " * 50),
    "mean_word_length": ("ab cd", "abc def"),
    "hash_word_ratio": ("# one two", "# one two three four five six seven eight nine"),
    "ellipsis_word_ratio": ("and so on ... ", "and so on and on until the very end of it ..."),
    "bullet_line_frac": ("• one\n* two\n- three", "• one\n* two\nthree"),
    "ellipsis_line_frac": ("read more...\nit ends.", "read more...\nit ends.\nit is over.\nindeed."),
    "alpha_word_frac": ("1 2 three", "1 two three four five"),
    "stop_words": ("the cat, the dog and_so", "The cat and the dog"),
    "dup_line_frac": ("one\none\ntwo", "one\none\ntwo\nthree"),
    "dup_paragraph_frac": ("one\n\none\n\ntwo", "one\none\ntwo"),
    "dup_line_char_frac": ("one line\none line\ntwo", "one\none\nseveral words, more of them"),
    "dup_paragraph_char_frac": ("one line\n\none line\n\ntwo", "one\n\none\n\nseveral words, more of them"),
    "top_2gram_char_frac": ("so it goes, so it was", " ".join(["so it", *DISTINCT[:30], "so it"])),
    "top_3gram_char_frac": ("so it goes and so it goes", " ".join(["so it goes", *DISTINCT[:50], "so it goes"])),
    "top_4gram_char_frac": ("so it goes on so it goes on", " ".join(DISTINCT[:50] + DISTINCT[:4])),
    **{
        f"dup_{n}gram_char_frac": (" ".join(DISTINCT[:20] + DISTINCT[:n]), " ".join(DISTINCT + DISTINCT[: n - 1]))
        for n in range(5, 11)
    },
}
CHINESE = {
    "n_words": ("人" * 49, "人" * 50),
    "mean_word_length": ("internationalization 化 localization", "人人生而自由"),
    "alpha_word_frac": ("人，生，而，", "人人生而自由，"),
    "ideograph_frac": ("mostly written in other letters 中", "人人生而自由 in 中文"),
    "top_2gram_char_frac": ("天天天天", "人人生而自由在尊严"),
    "top_3gram_char_frac": (
        "天地人天地人",
        "天地人，" + "人生而自由在尊严和权利上一律平等他们赋有理性良心并应以兄弟关系" + "天地人",
    ),
    "top_4gram_char_frac": ("天地人和天地人和", "天地人和与天地和人"),
    **{f"dup_{n}gram_char_frac": ("天地玄黄宇宙洪荒日月" * 3, "天地玄黄宇宙洪荒日月") for n in (8, 9, 10)},
    "punctuation_frac": ("★★★人人★★★", "人人生而自由，在尊严和权利上一律平等。"),
    "replacement_frac": ("人人生\ufffd自由", "人人生而自由"),
}
CHINESE |= {
    "mojibake_frac": ("人人生锟斤拷而自由", "人人生而自由"),
    "pinyin_ratio": ("人人生而構(gòu)自由", "人人生而構(见图)自由"),
    "advert_ratio": ("想赚钱的请加微信", "微信是一种软件"),
    "hiragana_frac": ("すべての人間は自由である", "人人生而自由"),
}
JAPANESE = CHINESE | {
    "hiragana_frac": ("人間自由平等", "すべての人間は自由である"),
    "dup_line_frac": ("人間\n人間\n人間\n自由", "人間\n自由\n平等"),
}
THAI = {
    "n_words": ("ก" * 149, "ก" * 150),
    "mean_word_length": ("internationalization กา localization", "ทุกคนเกิดมาอิสระ"),
    "alpha_word_frac": ("๑ ๒ ๓ ก", "ทุกคน ๑"),
    "unspaced_frac": ("mostly written in other letters ก", "ทุกคนเกิดมาอิสระ"),
    "dup_line_frac": ("ทุกคน\nทุกคน\nทุกคน\nเกิด", "ทุกคน\nเกิด\nมา"),
    "top_2gram_char_frac": ("กขกข", "กขคงจฉชซฌญ"),
    "top_3gram_char_frac": ("กขคกขค", "กขคงจฉชซฌญ"),
    "top_4gram_char_frac": ("กขคงกขคง", "กขคงจฉชซฌญ"),
    "dup_10gram_char_frac": ("กขคงจฉชซฌญ" * 2, "กขคงจฉชซฌญ"),
    "punctuation_frac": ("★★★กข★★★", "ทุกคน"),
    "replacement_frac": ("ทุก\ufffdคน", "ทุกคน"),
    "mojibake_frac": ("à¸—ุกÃ©คน", "ทุกคน"),
}
DAMAGE = {
    "replacement_frac": ("one \ufffd", "one"),
    "mojibake_frac": ("Itâ€™s cafÃ©", "It’s café"),
    "pinyin_ratio": ("構(gòu)建", "構(建)"),
}
C4 = {
    "curly_brackets": ("if (x) { return; }", "if (x) return;"),
    "lorem_ipsum": ("Lorem ipsum dolor sit amet.", "Lorem of ipsum."),
    "n_sentences": ("One. Two.", 'One. "Two!" (Three?)'),
}
FINEWEB = {
    "terminal_line_frac": ("no end here\n" * 9, "no end here\n" * 7 + "An end."),
    "short_line_frac": ("short\n" * 3, "short\n" + "a line that is longer than thirty characters\n"),
    "dup_line_char_frac": ("one line\none line", "one line\nanother line"),
    "newline_word_ratio": ("one\ntwo\nthree", "one two three four\nfive"),
}
EXAMPLES = {
    "gopher_quality": ENGLISH,
    "gopher_repetition": ENGLISH,
    "zh": CHINESE,
    "ja": JAPANESE,
    "th": THAI,
    "damage": DAMAGE,
    "c4": C4,
    "fineweb": FINEWEB,
}
"""By table and measure: a text that breaks the rule, and one that does not."""
INCLUDES_ONLY = {"gopher"}
SHIPPED = [
    (table, rule)
    for table in rule_tables()
    if table not in INCLUDES_ONLY
    for rule in read_rules(table)
    if rule.min is not None or rule.max is not None
]


def batch(*texts: str, language: str | None = "en") -> pl.DataFrame:
    return as_batch(Document(f"file#{i}", text, language=language) for i, text in enumerate(texts))


def drops(dropped: pl.DataFrame) -> list[Drop | None]:
    return [drop and Drop(**drop) for drop in dropped["drop"]]


def write(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(("table", "rule"), SHIPPED, ids=lambda value: getattr(value, "measure", value))
def test_every_rule_that_ships_has_a_text_that_it_drops_and_one_that_it_keeps(table: str, rule: Rule) -> None:
    breaking, keeping = EXAMPLES[table][rule.measure]
    only = Rules(table=table, rules=(rule,)).apply(batch(breaking, keeping, language=(*rule.languages, "en")[0]))
    broken, kept = drops(only)
    assert kept is None
    assert broken is not None
    assert broken.reason == f"{table}.{rule.measure}"
    assert broken.value == only[rule.measure][0]
    assert broken.limit in (rule.min, rule.max)
    assert broken.detail == rule.source


def test_no_example_is_left_of_a_rule_that_is_gone() -> None:
    shipped = {rule.measure for _, rule in SHIPPED}
    assert {measure for examples in EXAMPLES.values() for measure in examples} <= shipped


@pytest.mark.parametrize(
    ("text", "language"),
    [("人人生而自由" * 9, "zh"), ("すべての人間は生まれながらにして自由", "ja"), ("ทุกคน", "th"), ("All men", "en")],
)
def test_a_document_of_unknown_language_is_judged_by_its_script(text: str, language: str) -> None:
    spoken = Rules(table="gopher").apply(batch(text, language=None))
    assert drops(spoken) == drops(Rules(table="gopher").apply(batch(text, language=language)))


@pytest.mark.parametrize(("text", "limit"), [("a b c d", 3), ("pneumonoultramicroscopic silicosis", 10)])
def test_the_limit_in_a_drop_is_the_one_that_was_broken(text: str, limit: float) -> None:
    rule = next(rule for rule in GOPHER.rules if rule.measure == "mean_word_length")
    (drop,) = drops(Rules(table="gopher", rules=(rule,)).apply(batch(text)))
    assert drop is not None
    assert drop.limit == limit


def test_limits_of_gopher_are_those_of_its_paper() -> None:
    limits = {rule.measure: (rule.min, rule.max) for rule in GOPHER.rules_for("en")}
    top = {f"top_{n}gram_char_frac": (None, limit) for n, limit in zip((2, 3, 4), (0.2, 0.18, 0.16), strict=True)}
    duplicate = {f"dup_{n}gram_char_frac": (None, (20 - n) / 100) for n in range(5, 11)}
    assert limits == {
        "n_words": (50, 100_000),
        "mean_word_length": (3, 10),
        "hash_word_ratio": (None, 0.1),
        "ellipsis_word_ratio": (None, 0.1),
        "bullet_line_frac": (None, 0.9),
        "ellipsis_line_frac": (None, 0.3),
        "alpha_word_frac": (0.8, None),
        "stop_words": (2, None),
        "dup_line_frac": (None, 0.3),
        "dup_paragraph_frac": (None, 0.3),
        "dup_line_char_frac": (None, 0.2),
        "dup_paragraph_char_frac": (None, 0.2),
        **top,
        **duplicate,
    }


def test_a_document_is_dropped_by_the_first_rule_it_breaks() -> None:
    kept, short, repeated = drops(GOPHER.apply(batch(PROSE + " ".join(DISTINCT), "x", PROSE * 5)))
    assert kept is None
    assert short == Drop("gopher.n_words", 1, limit=50, detail="Rae et al. 2021, A.1.1")
    assert repeated is not None
    assert repeated.reason == "gopher.top_4gram_char_frac"


def test_dropped_documents_are_neither_measured_nor_dropped_again() -> None:
    before = batch("x", "y").with_columns(
        drop=pl.Series([{"reason": "language", "value": 0.3, "limit": 0.5, "detail": None}, None], dtype=DROP)
    )
    after = GOPHER.apply(before)
    assert [drop.reason for drop in drops(after) if drop] == ["language", "gopher.n_words"]
    assert after["n_words"].to_list() == [None, 1]


def test_measures_that_are_there_are_not_computed_again() -> None:
    measured = GOPHER.apply(batch("x")).with_columns(n_words=1000, drop=pl.lit(None, DROP))
    (drop,) = drops(GOPHER.apply(measured))
    assert drop is not None
    assert drop.reason == "gopher.mean_word_length"


def test_an_empty_batch_stays_empty() -> None:
    after = GOPHER.apply(batch())
    assert len(after) == 0
    assert set(MEASURES) < set(after.columns)


@pytest.mark.parametrize("language", ["zh", "zh-TW", "yue", None])
def test_chinese_is_held_against_limits_for_characters(language: str | None) -> None:
    text = (
        "人人生而自由，在尊严和权利上一律平等。"
        + "他们赋有理性和良心，并应以兄弟关系的精神相对待。不分种族、肤色、性别。"
    )
    assert drops(GOPHER.apply(batch(text, language=language))) == [None]
    (drop,) = drops(GOPHER.apply(batch(text, language="en")))
    assert drop is not None
    assert drop.reason == "gopher.mean_word_length"


def test_only_english_is_asked_for_english_stop_words() -> None:
    german = " ".join(f"Wort{word}" for word in DISTINCT)
    assert drops(GOPHER.apply(batch(german, language="de"))) == [None]
    for language in ("en", None):
        (drop,) = drops(GOPHER.apply(batch(german, language=language)))
        assert drop is not None
        assert drop.reason == "gopher.stop_words"


@pytest.mark.parametrize(("name", "at_most"), [("law", 0.02), ("classical", 0.01), ("medicine", 0.01), ("tech", 0.08)])
def test_rules_for_characters_keep_real_chinese(shared_data: Path, name: str, at_most: float) -> None:
    path = shared_data / f"text_zh/{name}.jsonl.zst"
    with zstandard.open(path, "rt", encoding="utf-8") as lines:
        texts = [json.loads(line)["text"] for line, _ in zip(lines, range(1000), strict=False)]
    assert sum(drop is not None for drop in drops(GOPHER.apply(batch(*texts, language="zh")))) < at_most * len(texts)


def test_a_table_of_ones_own_includes_others_and_replaces_their_limits(tmp_path: Path) -> None:
    path = write(
        tmp_path / "mine.toml",
        'include = ["gopher"]\n[[rule]]\nmeasure = "n_words"\nmin = 1\nsource = "taste"\n'
        '[[rule]]\nmeasure = "stop_words"\nlanguages = ["en"]\nsource = "taste"\nnote = "lifted"\n',
    )
    rules = Rules(table=path)
    limits = {rule.measure: (rule.min, rule.max) for rule in rules.rules_for("en")}
    assert limits["n_words"] == (1, None)
    assert limits["stop_words"] == (None, None)
    assert limits["mean_word_length"] == (3, 10)
    kept, dropped = drops(rules.apply(batch("Words", "ab")))
    assert kept is None
    assert dropped == Drop("mine.mean_word_length", 2, limit=3, detail="Rae et al. 2021, A.1.1")


def test_languages_of_a_table_are_those_of_its_rules_that_name_none(tmp_path: Path) -> None:
    path = write(
        tmp_path / "t.toml",
        'languages = ["de"]\n[[rule]]\nmeasure = "n_words"\nmin = 1\nsource = "s"\n'
        '[[rule]]\nmeasure = "n_chars"\nmin = 1\nlanguages = ["fr"]\nsource = "s"\n',
    )
    assert [rule.languages for rule in read_rules(path)] == [("de",), ("fr",)]


def test_a_relative_table_is_looked_for_beside_the_recipe_and_beside_the_table_that_includes_it(
    tmp_path: Path,
) -> None:
    (tmp_path / "tables").mkdir()
    write(tmp_path / "tables/inner.toml", '[[rule]]\nmeasure = "n_words"\nmin = 7\nsource = "s"\n')
    write(tmp_path / "outer.toml", 'include = ["tables/inner.toml"]\n')
    rules = Rules.model_validate({"table": "outer.toml"}, context={"folder": tmp_path})
    assert [rule.min for rule in rules.rules] == [7]


def test_limits_are_compared_and_notes_are_not(tmp_path: Path) -> None:
    row = '[[rule]]\nmeasure = "n_words"\nmin = 7\nsource = "s"\n'
    plain, noted, moved = (
        Rules(table=write(tmp_path / "t.toml", content))
        for content in (row, row + 'note = "why"\n', row.replace("7", "8"))
    )
    assert plain.settings() == noted.settings() != moved.settings()
    assert plain.model_dump() == noted.model_dump() != moved.model_dump()
    assert Rules.model_validate(plain.model_dump()) == plain


MALFORMED = {
    '[[rule]]\nmeasure = "n_word"\nmin = 1\nsource = "s"': "did you mean 'n_words'",
    '[[rule]]\nmeasure = "n_words"\nmin = "many"\nsource = "s"': "rule.0.min",
    '[[rule]]\nmeasure = "n_words"\nminimum = 1\nsource = "s"': "rule.0.minimum",
    '[[rule]]\nmeasure = "n_words"\nmin = 1': "rule.0.source",
    '[[rule]]\nmeasure = "n_words"\nmin = 2\nmax = 1\nsource = "s"': "min 2 is above max 1",
    '[rule]\nmeasure = "n_words"': "rule",
    "rules = []": "rules",
    "": "holds no rules",
    "[[rule": "is not TOML",
    'include = ["gofer"]': "did you mean 'gopher'",
    'include = ["t.toml"]': "includes itself",
}


@pytest.mark.parametrize("content", MALFORMED)
def test_a_malformed_table_is_refused_when_the_op_is_made(tmp_path: Path, content: str) -> None:
    path = write(tmp_path / "t.toml", content)
    with pytest.raises(RecipeError) as refusal:
        Rules(table=path)
    assert MALFORMED[content] in str(refusal.value)


def test_a_table_that_is_not_there_is_refused_with_a_suggestion() -> None:
    with pytest.raises(RecipeError, match=r"did you mean 'gopher'\?; expected one of c4, damage, fineweb, gopher"):
        Rules(table="gofer")

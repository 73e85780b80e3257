"""Normal forms are as defined; signatures estimate the Jaccard similarity of shingles as well as theory allows."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from smelt.corpus.duplicates.banding import FINEWEB, RECALL, Banding, derive
from smelt.corpus.duplicates.exact import content_keys
from smelt.corpus.duplicates.minhash import EMPTY, SHINGLE, bands, estimated_jaccard, signatures
from smelt.corpus.duplicates.normalise import normalise
from smelt.corpus.measures.characters import IDEOGRAPHS

NUMBERS = [f"w{number}" for number in range(16)]


def reference(text: str) -> str:
    """The normal form of a text, by its definition in normalise.py."""
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return " ".join("".join(map(kept, folded)).split())


def kept(character: str) -> str:
    if character.isspace():
        return " "
    if unicodedata.category(character)[0] in "MPSC":
        return ""
    if any(first <= ord(character) <= last for first, last in IDEOGRAPHS):
        return f" {character} "
    return character


def sign(*texts: str | None) -> np.ndarray:
    return signatures(normalise(pl.Series(texts, dtype=pl.String)), FINEWEB)


def words(random: np.random.Generator, n: int) -> list[str]:
    return [f"w{number}" for number in random.integers(0, 2**40, n)]


def shingles(text: str) -> set[tuple[str, ...]]:
    split = text.split()
    return {tuple(split[at : at + SHINGLE]) for at in range(len(split) - SHINGLE + 1)}


def jaccard(a: str, b: str) -> float:
    return len(shingles(a) & shingles(b)) / len(shingles(a) | shingles(b))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.text(st.one_of(st.characters(codec="utf-8"), st.sampled_from("aB é,中文あガ \n.ﬁ½")), max_size=40)))
def test_normal_form_of_any_text_is_as_defined(texts: list[str]) -> None:
    assert normalise(pl.Series(texts, dtype=pl.String)).to_list() == [reference(text) for text in texts]


@pytest.mark.parametrize("name", ["text_en/literature", "text_en/code", "text_zh/law", "text_zh/finance"])
def test_normal_form_of_real_documents_is_as_defined(shared_data: Path, name: str) -> None:
    with zstandard.open(shared_data / f"{name}.jsonl.zst", "rt", encoding="utf-8") as lines:
        texts = [json.loads(line)["text"] for line, _ in zip(lines, range(30), strict=False)]
    assert normalise(pl.Series(texts)).to_list() == [reference(text) for text in texts]


def test_every_character_has_the_normal_form_of_its_definition() -> None:
    characters = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    assert normalise(pl.Series(characters)).to_list() == [reference(character) for character in characters]


def test_normal_form_is_blind_to_case_accents_punctuation_and_width() -> None:
    texts = pl.Series(
        ["“Don't”  PANIC — ﬁnd\nCafé ４２!", "don't panic: find cafe 42", "ＤＯＮＴ panic find Cafe\u0301 42"]
    )
    assert set(normalise(texts)) == {"dont panic find cafe 42"}


def test_null_and_empty_texts_stay_what_they_are() -> None:
    assert normalise(pl.Series([None, "", "?!", "a"])).to_list() == [None, "", "", "a"]
    assert normalise(pl.Series([], dtype=pl.String)).to_list() == []


def test_texts_have_one_content_key_if_they_have_one_normal_form() -> None:
    keys = content_keys(normalise(pl.Series(["Same words.", "same  WORDS", "other words", "samewords", "...", None])))
    assert keys[0] == keys[1]
    assert len({*keys[:4]}) == 3
    assert keys.to_list()[4:] == [None, None]


def test_estimates_err_as_little_as_theory_allows() -> None:
    random = np.random.default_rng(7)
    pairs: list[tuple[str, str]] = []
    for _ in range(400):
        common, n_other = words(random, 200), int(random.integers(10, 200))
        pairs.append((" ".join(common + words(random, n_other)), " ".join(common + words(random, n_other))))
    exact = np.array([jaccard(a, b) for a, b in pairs])
    estimate = estimated_jaccard(sign(*(a for a, _ in pairs)), sign(*(b for _, b in pairs)))
    theory = np.sqrt(np.mean(exact * (1 - exact)) / FINEWEB.n_hashes)
    # The error of 400 pairs varies by 1 / sqrt(2 * 400) = 3.5%: three times that either way.
    assert np.sqrt(np.mean((estimate - exact) ** 2)) == pytest.approx(theory, rel=0.11)
    assert abs(np.mean(estimate - exact)) < 3 * theory / np.sqrt(400)


def test_pairs_share_a_band_as_often_as_the_formula_says() -> None:
    random = np.random.default_rng(8)
    for n_other, n_pairs in ((50, 400), (80, 400)):
        common = [words(random, 204) for _ in range(n_pairs)]  # 200 shingles in common, n_other in each alone
        a = bands(sign(*(" ".join(text + words(random, n_other)) for text in common)), FINEWEB)
        b = bands(sign(*(" ".join(text + words(random, n_other)) for text in common)), FINEWEB)
        expected = FINEWEB.found(200 / (200 + 2 * n_other))
        found = (a == b).any(axis=1).mean()
        assert abs(found - expected) < 3 * np.sqrt(expected * (1 - expected) / n_pairs)


@pytest.mark.parametrize("jaccard", np.linspace(0.3, 1, 15))
def test_derived_bands_find_nearly_all_pairs_at_their_threshold(jaccard: float) -> None:
    banding = derive(float(jaccard))
    assert banding.found(float(jaccard)) >= RECALL
    assert banding.n_hashes <= 128
    steeper = Banding(128 // (banding.rows + 1), banding.rows + 1)
    assert steeper.found(float(jaccard)) < RECALL or banding.n_hashes == 128


def test_finewebs_bands_find_what_its_paper_says() -> None:
    assert [round(FINEWEB.found(jaccard), 3) for jaccard in (0.7, 0.75, 0.8, 0.85)] == [0.565, 0.772, 0.924, 0.988]


def test_signatures_are_of_the_set_of_shingles_whatever_their_order_and_number() -> None:
    a, b = " ".join(NUMBERS[:9]), " ".join(NUMBERS[9:])
    once = sign(f"{a} {b}")
    twice = sign(f"{a} {b} {a} {b}")
    both_seams = shingles(f"{a} {b} {a}")
    assert shingles(f"{a} {b} {a} {b}") == both_seams
    assert (twice == sign(f"{a} {b} {a}")).all()
    assert (twice <= once).all()


def test_a_text_of_fewer_words_than_a_shingle_is_like_its_equals_only() -> None:
    minima = sign("Four words, no more", "four words no more!", "four words no less", "four words no")
    assert (minima[0] == minima[1]).all()
    assert estimated_jaccard(minima[0], minima[2:]).max() < 0.1


def test_texts_without_words_have_no_minima() -> None:
    minima = sign("...", None, "one word", "")
    assert (minima != EMPTY).any(axis=1).tolist() == [False, False, True, False]


def test_chinese_is_shingled_by_character() -> None:
    a, b = "天地玄黄宇宙洪荒", "天地玄黄宇宙日月"
    assert (sign(a) == sign(" ".join(a))).all()
    expected = jaccard(" ".join(a), " ".join(b))
    assert estimated_jaccard(sign(a), sign(b))[0] == pytest.approx(expected, abs=3 * 0.047)


def test_a_signature_does_not_depend_on_the_texts_beside_it() -> None:
    texts = ["a first text of seven short words", "", "another one, which is a little longer than that", None]
    together = sign(*texts)
    assert all((sign(text) == row).all() for text, row in zip(texts, together, strict=True))
    assert (signatures(normalise(pl.Series(["x", *texts]))[1:], FINEWEB) == together).all()


def test_band_keys_are_different_in_each_band() -> None:
    assert len(np.unique(bands(np.full((1, FINEWEB.n_hashes), 5, np.uint32), FINEWEB))) == FINEWEB.bands


def test_signatures_stay_the_same_over_versions() -> None:
    minima = sign("It was the best of times, it was the worst of times", "人人生而自由，在尊严和权利上一律平等")
    digest = hashlib.sha256(minima.astype("<u4").tobytes() + bands(minima, FINEWEB).astype("<u8").tobytes()).hexdigest()
    # Where this changes on purpose, the version of every step that finds near duplicates has to change with it.
    assert digest[:16] == "5108f792137f05f9"

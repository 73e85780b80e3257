"""What is measured on a text: the quantities that rules set limits on, each computed once and kept as a column.

All come from one compiled pass over the UTF-8 bytes (counts.py), made ratios here. They are the quality and repetition
measures of Gopher (Rae et al. 2021, section A.1.1 and table A1), with a few for C4 and FineWeb. Those papers leave
open what a word, a line and a duplicate are, and the tools that follow them differ; here:

- A word is a run of characters between white space, punctuation included; but a Han or kana character is a word by
  itself wherever it stands, and so is a Thai, Lao, Khmer or Burmese letter with the marks upon it, so that texts
  written without spaces have words too. This goes by the script of each character, not by the language of the
  document: mixed text is cut where it is mixed.
- Characters are code points other than white space. Fractions of characters are fractions of those, as dolma's are,
  so that 0.2 means the same with and without spaces.
- A line ends at a newline; a line that holds only white space is none. Paragraphs are parted by such empty lines.
- Lines, paragraphs and n-grams are equal if their words are, so indentation and trailing spaces do not matter, but
  case does.
- A duplicate is every occurrence but the first. Characters in duplicate n-grams are counted once however many of
  the n-grams overlap there (the paper says so; datatrove instead skips n words after each duplicate it finds).
- The top n-gram is the most frequent, of several such the longest, and must occur at least twice.

A ratio over nothing is 0: an empty text has 0 words of mean length 0.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib import resources
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from smelt.corpus.measures.datatrove import repeated_lines

MEASURES: dict[str, str] = {
    "n_words": "words",
    "n_chars": "characters other than white space",
    "mean_word_length": "characters per word",
    "alpha_word_frac": "share of words with at least one letter",
    "ideograph_frac": "share of characters that are Han or kana",
    "stop_words": "how many different ones of: the, be, to, of, and, that, have, with; in any case",
    "hash_word_ratio": "hash signs per word",
    "ellipsis_word_ratio": "ellipses per word: three dots, or the character",
    "bullet_line_frac": "share of lines that start with a bullet, - or *",
    "ellipsis_line_frac": "share of lines that end in an ellipsis",
    "dup_line_frac": "share of lines that repeat an earlier one",
    "dup_line_char_frac": "share of characters in lines that repeat an earlier one",
    "dup_paragraph_frac": "share of paragraphs that repeat an earlier one",
    "dup_paragraph_char_frac": "share of characters in paragraphs that repeat an earlier one",
    **{f"top_{n}gram_char_frac": f"share of characters in the most frequent {n}-gram of words" for n in (2, 3, 4)},
    **{
        f"dup_{n}gram_char_frac": f"share of characters in {n}-grams of words that repeat an earlier one"
        for n in range(5, 11)
    },
    "terminal_line_frac": "share of lines that end like a sentence or a quotation",
    "short_line_frac": "share of lines of at most 30 characters, spaces included",
    "newline_word_ratio": "newlines between words, per word",
    "curly_brackets": "opening curly brackets",
    "n_sentences": "words that end a sentence, quotation marks and brackets behind them aside",
    "lorem_ipsum": "how often: lorem ipsum, in any case",
    "punctuation_frac": "share of characters that are punctuation or symbols",
    "function_frac": "share of Han and kana that are function words, such as 的 and 之",
    "replacement_frac": "share of characters that stand for one that was lost, U+FFFD",
    "unspaced_frac": "share of characters that are letters of Thai, Lao, Khmer or Burmese, written without spaces",
    "hiragana_frac": "share of Han and kana that are hiragana, which write the function words of Japanese",
    "script_mix": "share of letters that are not of the text's most common script; Han and kana count as one",
    "mojibake_frac": "share of characters that come of a wrong charset: Ã©, â€™, 锟斤拷, 烫烫烫, 锛屻€ (symbols.py)",
    "pinyin_ratio": "readings in brackets behind a character, 構(gòu), per Han or kana character",
    "advert_ratio": "phrases of advertising (adverts.toml) per word",
}
"""Every measure, and what it is. Counts are integers, all others floats."""


Definitions = Literal["smelt", "datatrove"]
"""Whose: those above, or datatrove's as far as they differ in kind. There a word is what stands between white space
whatever its script; a share of characters is one of all code points of the text, white space too; the top n-gram has
spaces in it; a duplicate n-gram is skipped as a whole; and lines are told apart as in datatrove.py.
benchmarks/parity.py counts what difference is left, and why."""


def measure(texts: pl.Series, definitions: Definitions = "smelt") -> pl.DataFrame:
    """The measures of every text: a row for each, the columns of MEASURES; null where the text is null.

    >>> measure(pl.Series(["To be, or not to be"])).select("n_words", "mean_word_length", "stop_words")
    shape: (1, 3)
    ┌─────────┬──────────────────┬────────────┐
    │ n_words ┆ mean_word_length ┆ stop_words │
    │ ---     ┆ ---              ┆ ---        │
    │ i64     ┆ f64              ┆ i64        │
    ╞═════════╪══════════════════╪════════════╡
    │ 6       ┆ 2.333333         ┆ 2          │
    └─────────┴──────────────────┴────────────┘
    """
    as_datatrove = definitions == "datatrove"
    counts = _counts(texts, as_datatrove=as_datatrove)
    whole = texts.str.len_chars().fill_null(0).cast(pl.Int64).to_numpy() if as_datatrove else counts["characters"]
    adverts = count_adverts(texts).fill_null(0).to_numpy()
    measures = pl.DataFrame({**_ratios(counts, whole), "advert_ratio": _ratio(adverts, counts["words"])})
    if as_datatrove:
        measures = measures.with_columns(repeated_lines(texts))
    return measures.select(pl.when(texts.is_not_null()).then(pl.col(name)).alias(name) for name in MEASURES)


def _counts(texts: pl.Series, *, as_datatrove: bool) -> NDArray[np.void]:
    # Imported here because numba takes half a second to load, and reading a recipe needs only the names above.
    from smelt.corpus.measures.characters import IDEOGRAPH, UNSPACED, character_classes
    from smelt.corpus.measures.counts import COUNTS, count_batch
    from smelt.corpus.measures.kernels import utf8_buffers

    classes = character_classes()
    if as_datatrove:
        classes = classes & np.uint16(0xFFFF - IDEOGRAPH - UNSPACED)
    counts = np.zeros(len(texts), COUNTS)
    count_batch(*utf8_buffers(texts), classes, counts, as_datatrove)
    return counts


def count_adverts(texts: pl.Series) -> pl.Series:
    """How many phrases of advertising each text holds, small letters or capitals; of two that overlap the first."""
    # Rust's regex finds a hundred phrases twice as fast as Polars' extract_many, which is made for them.
    return texts.str.count_matches(f"(?i){'|'.join(re.escape(phrase) for phrase in advert_phrases())}")


@cache
def advert_phrases() -> list[str]:
    """The phrases of adverts.toml, in all languages."""
    table = tomllib.loads(resources.files("smelt.corpus.measures").joinpath("adverts.toml").read_text(encoding="utf-8"))
    return [phrase for language in table.values() for phrase in language["phrases"]]


def _ratios(counts: NDArray[np.void], whole: NDArray[np.int64]) -> dict[str, NDArray[np.generic]]:
    words, chars, lines = counts["words"], counts["characters"], counts["lines"]
    grams, letters = counts["gram_chars"], counts["scripts"][:, 1:].sum(axis=1)
    # A top n-gram that overlaps itself (ha ha ha) counts the overlap twice: 1 is the most there is.
    top = {f"top_{n}gram_char_frac": np.minimum(_ratio(grams[:, n], whole), 1.0) for n in (2, 3, 4)}
    duplicate = {f"dup_{n}gram_char_frac": _ratio(grams[:, n], whole) for n in range(5, 11)}
    return {
        "n_words": words,
        "n_chars": chars,
        "mean_word_length": _ratio(chars, words),
        "alpha_word_frac": _ratio(counts["alpha_words"], words),
        "ideograph_frac": _ratio(counts["ideographs"], chars),
        "stop_words": counts["stop_words"],
        "hash_word_ratio": _ratio(counts["hashes"], words),
        "ellipsis_word_ratio": _ratio(counts["ellipses"], words),
        "bullet_line_frac": _ratio(counts["bullet_lines"], lines),
        "ellipsis_line_frac": _ratio(counts["ellipsis_lines"], lines),
        "dup_line_frac": _ratio(counts["dup_lines"], lines),
        "dup_line_char_frac": _ratio(counts["dup_line_chars"], chars),
        "dup_paragraph_frac": _ratio(counts["dup_paragraphs"], counts["paragraphs"]),
        "dup_paragraph_char_frac": _ratio(counts["dup_paragraph_chars"], chars),
        **top,
        **duplicate,
        "terminal_line_frac": _ratio(counts["terminal_lines"], lines),
        "short_line_frac": _ratio(counts["short_lines"], lines),
        "newline_word_ratio": _ratio(counts["newlines"], words),
        "curly_brackets": counts["curly_brackets"],
        "n_sentences": counts["sentences"],
        "lorem_ipsum": counts["lorem_ipsums"],
        "punctuation_frac": _ratio(counts["punctuation"], chars),
        "function_frac": _ratio(counts["function_characters"], counts["ideographs"]),
        "replacement_frac": _ratio(counts["replacements"], chars),
        "unspaced_frac": _ratio(counts["unspaced"], chars),
        "hiragana_frac": _ratio(counts["hiragana"], counts["ideographs"]),
        "script_mix": _ratio(letters - counts["scripts"][:, 1:].max(axis=1), letters),
        "mojibake_frac": np.minimum(_ratio(counts["garbled"], chars), 1.0),  # no-break spaces may be part of it
        "pinyin_ratio": _ratio(counts["pinyin"], counts["ideographs"]),
    }


def _ratio(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    return part / np.maximum(whole, 1)

"""Every measure by its plain definition: slow, obviously right, and not taken from the compiled code."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Sequence
from itertools import groupby

from smelt.corpus.measures.characters import (
    BULLETS,
    CLOSERS,
    FUNCTION_CHARACTERS,
    IDEOGRAPHS,
    SCRIPTS,
    SENTENCE_ENDS,
    TERMINALS,
    TONED,
    UNSPACED_BLOCKS,
)
from smelt.corpus.measures.measure import advert_phrases

HAN_OR_KANA = "".join(f"{chr(first)}-{chr(last)}" for first, last in IDEOGRAPHS)
UNSPACED = "".join(chr(c) for first, last in UNSPACED_BLOCKS for c in range(first, last + 1) if chr(c).isalpha())
MARKS = "".join(chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code))[0] == "M")
MARKS = re.escape("".join(mark for mark in MARKS if not re.match(f"[{HAN_OR_KANA}]", mark)))
WORD = re.compile(rf"[{HAN_OR_KANA}]|[{UNSPACED}][{MARKS}]*|[^\s{HAN_OR_KANA}{UNSPACED}]+")
STOP_WORDS = {"the", "be", "to", "of", "and", "that", "have", "with"}
MOJIBAKE = re.compile(r"[ÂÃ][\x80-\xbf€‚ƒ„†‡ˆ‰Š‹ŒŽ˜™š›œžŸ]|â[€\x80]\S?|ï¿½|锟斤拷|烫烫烫|屯屯屯|[锛銆]\S?")
PINYIN = re.compile(rf"(?<=[{HAN_OR_KANA}])[(（](?=[a-zü]*[{TONED}])[a-zü{TONED}]{{1,6}}[)）]")
ADVERTS = re.compile("|".join(map(re.escape, advert_phrases())), re.IGNORECASE)


def reference(text: str) -> dict[str, float]:
    """Every measure of a text, by its definition."""
    words = WORD.findall(text)
    lines = [line.strip() for line in text.split("\n")]
    paragraphs = ["\n".join(group) for filled, group in groupby(lines, key=bool) if filled]
    lines = [line for line in lines if line]
    n_chars = sum(map(len, words))

    def share(part: float, whole: float) -> float:
        return part / whole if whole else 0.0

    def share_of_lines(holds: Sequence[bool]) -> float:
        return share(sum(holds), len(lines))

    dup_lines, dup_line_chars = duplicates(lines)
    dup_paragraphs, dup_paragraph_chars = duplicates(paragraphs)
    return {
        "n_words": len(words),
        "n_chars": n_chars,
        "mean_word_length": share(n_chars, len(words)),
        "alpha_word_frac": share(sum(any(map(str.isalpha, word)) for word in words), len(words)),
        "ideograph_frac": share(sum(bool(re.match(f"[{HAN_OR_KANA}]", word)) for word in words), n_chars),
        "stop_words": len({word.lower() for word in words} & STOP_WORDS),
        "hash_word_ratio": share(text.count("#"), len(words)),
        "ellipsis_word_ratio": share(text.count("...") + text.count("…"), len(words)),
        "bullet_line_frac": share_of_lines([line[0] in BULLETS for line in lines]),
        "ellipsis_line_frac": share_of_lines([line.endswith(("...", "…")) for line in lines]),
        "dup_line_frac": share(dup_lines, len(lines)),
        "dup_line_char_frac": share(dup_line_chars, n_chars),
        "dup_paragraph_frac": share(dup_paragraphs, len(paragraphs)),
        "dup_paragraph_char_frac": share(dup_paragraph_chars, n_chars),
        **{f"top_{n}gram_char_frac": min(1.0, share(top_chars(words, n), n_chars)) for n in (2, 3, 4)},
        **{f"dup_{n}gram_char_frac": share(duplicate_gram_chars(words, n), n_chars) for n in range(5, 11)},
        "terminal_line_frac": share_of_lines([line[-1] in TERMINALS for line in lines]),
        "short_line_frac": share_of_lines([len(" ".join(line.split())) <= 30 for line in lines]),
        "newline_word_ratio": share(text.strip().count("\n"), len(words)),
        "curly_brackets": text.count("{"),
        "n_sentences": sum(word.rstrip(CLOSERS).endswith(tuple(SENTENCE_ENDS)) for word in words),
        "lorem_ipsum": len(re.findall("lorem ipsum", text, re.IGNORECASE | re.ASCII)),
        "punctuation_frac": share(sum(unicodedata.category(c)[0] in "PS" for word in words for c in word), n_chars),
        "function_frac": share(
            sum(text.count(c) for c in FUNCTION_CHARACTERS), len(re.findall(f"[{HAN_OR_KANA}]", text))
        ),
        "replacement_frac": share(text.count("\ufffd"), n_chars),
        "unspaced_frac": share(len(re.findall(f"[{UNSPACED}]", text)), n_chars),
        "hiragana_frac": share(len(re.findall("[\u3041-\u309f]", text)), len(re.findall(f"[{HAN_OR_KANA}]", text))),
        "script_mix": script_mix(text),
        "mojibake_frac": min(1.0, share(sum(map(len, MOJIBAKE.findall(text))), n_chars)),
        "pinyin_ratio": share(len(PINYIN.findall(text)), len(re.findall(f"[{HAN_OR_KANA}]", text))),
        "advert_ratio": share(len(ADVERTS.findall(text)), len(words)),
    }


def duplicates(parts: Sequence[str]) -> tuple[int, int]:
    """How many parts have the words of an earlier one, and the characters in them."""
    seen: set[tuple[str, ...]] = set()
    repeated: list[tuple[str, ...]] = []
    for words in (tuple(WORD.findall(part)) for part in parts):
        if words in seen:
            repeated.append(words)
        seen.add(words)
    return len(repeated), sum(len(word) for words in repeated for word in words)


def grams(words: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(words[at : at + n]) for at in range(len(words) - n + 1)]


def top_chars(words: Sequence[str], n: int) -> int:
    counts = Counter(grams(words, n))
    most = max(counts.values(), default=0)
    return max((most * sum(map(len, gram)) for gram in counts if counts[gram] == most > 1), default=0)


def duplicate_gram_chars(words: Sequence[str], n: int) -> int:
    seen: set[tuple[str, ...]] = set()
    covered: set[int] = set()
    for at, gram in enumerate(grams(words, n)):
        if gram in seen:
            covered.update(range(at, at + n))
        seen.add(gram)
    return sum(len(words[at]) for at in covered)


def script_mix(text: str) -> float:
    """The share of letters that are not of the most common script."""
    scripts = Counter(script(letter) for letter in text if letter.isalpha())
    return (scripts.total() - max(scripts.values())) / scripts.total() if scripts else 0.0


def script(letter: str) -> str:
    if re.match(f"[{HAN_OR_KANA}]", letter):
        return "CJK"
    names = re.split("[ -]", unicodedata.name(letter, ""))
    return next((name for name in names if name in SCRIPTS), "OTHER")

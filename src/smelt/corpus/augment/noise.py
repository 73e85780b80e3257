"""Faults as people and scanners make them, English and Chinese: a model that has met them minds them less.

    keyboard    a letter for its neighbour on a QWERTY keyboard (Belinkov and Bisk 2018)
    ocr         what scanners take for one another: rn and m, l and 1
    case        an upper-case letter for a lower-case one, or the other way round
    delete      a character left out
    transpose   two neighbours exchanged
    sound       a Chinese character for another of the same syllable: what input by pinyin gets wrong
    shape       a Chinese character for one that looks like it

Line breaks and spaces stay, and so do numbers: a wrong letter is a fault, a wrong digit a wrong fact. No digit and no
Chinese numeral is changed, moved, lost or made (第三百二十条, 2019-03-05, $1,000.50, 壹佰元), nor what it is written
together with: the word it stands in, of letters and signs of ASCII (12(3)(a), 30%, 5th), and the character on either
side (第 and 条). Roman numerals in capitals stay too. So do words that only look like numbers: 一般, 大陆.

Tables with their origin are in augment/tables.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from math import log
from random import Random
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from smelt.corpus.augment.augmentation import Augmentation, pick

Fault = Literal["keyboard", "ocr", "case", "delete", "transpose", "sound", "shape"]
FAULTS: tuple[Fault, ...] = ("keyboard", "ocr", "case", "delete", "transpose", "sound", "shape")
TABLES = resources.files("smelt.corpus.augment") / "tables"
KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
"""Rows of a QWERTY keyboard; each is moved by half a key against the one above."""
NUMERALS = (
    r"\d〇○零一二三四五六七八九十百千万亿兆两廿卅卌壹贰叁肆伍陆柒捌玖拾佰仟萬億兩貳貮弍叄參陸〡-〩"
    "¼-¾⅐-ↈ⁰-⁹₀-₉²³¹①-⒛㈠-㈩㊀-㊉"
)
"""Decimal digits of any script, Chinese numerals with those of amounts, fractions, exponents, numbers in circles."""
NUMERAL = re.compile(f"[{NUMERALS}]")
NUMBER = re.compile(
    rf"\S?(?<![!-~])[!-/:-~]*+[{NUMERALS}][!-~{NUMERALS}]*+\S?"  # possessive: linear in runs without a space
    r"|(?<![A-Za-z])[IVXLCDM]++(?![A-Za-z])"
)
"""What stays as it is: see the module's docstring."""
LONGEST = 2
"""Characters in an entry of the table of scanners' faults, at most."""


class Noise(Augmentation):
    """Puts faults into texts, each character outside numbers being hit with the same probability."""

    op: ClassVar[str] = "noise"
    version: ClassVar[int] = 2
    rate: Annotated[float, Field(gt=0, le=0.5)] = 0.02
    """Faults a character (taste): a sentence of 100 characters has two."""
    faults: Annotated[tuple[Fault, ...], Field(min_length=1)] = FAULTS
    """Which kinds; a character is hit by one of those that fit it, at random."""

    def change_one(self, text: str, rng: Random) -> str:
        """The text with faults, and with the numbers it had."""
        out: list[str] = []
        at = 0
        for number in NUMBER.finditer(text):
            out += [self._faulty(text[at : number.start()], rng), number[0]]
            at = number.end()
        return "".join([*out, self._faulty(text[at:], rng)])

    def _faulty(self, text: str, rng: Random) -> str:
        """A stretch without numbers, with faults. Gaps have no memory: stretches are hit as their whole would be."""
        out: list[str] = []
        at = 0
        while (hit := at + _gap(rng, self.rate)) < len(text):
            out.append(text[at:hit])
            wrong, n = self._wrong(text, hit, rng)
            out.append(wrong)
            at = hit + n
        return "".join([*out, text[at:]])

    def _wrong(self, text: str, at: int, rng: Random) -> tuple[str, int]:
        """What stands in place of the characters from `at` on, and of how many."""
        options = [(found, fault) for fault in self.faults if (found := _options(fault, text, at))]
        if not options or text[at].isspace():
            return text[at], 1
        return pick(rng, pick(rng, options)[0])


def _gap(rng: Random, rate: float) -> int:
    """Characters until the next one that is hit: geometric."""
    return int(log(1.0 - rng.random()) / log(1.0 - rate))


def _options(fault: Fault, text: str, at: int) -> list[tuple[str, int]]:
    """What a kind of fault can make of the place: what stands there then, and for how many characters."""
    one, two = text[at], text[at : at + 2]
    if fault == "keyboard":
        return [(_like(one, key), 1) for key in neighbours().get(one.lower(), "")]
    if fault == "ocr":
        starts = (text[at : at + n] for n in range(1, LONGEST + 1))
        return [(other, len(start)) for start in starts for other in confusions("ocr").get(start, ())]
    if fault == "case":
        return [(one.swapcase(), 1)] if len(one.swapcase()) == 1 and one.swapcase() != one else []
    if fault == "delete":
        return [("", 1)]
    if fault == "transpose":
        return [(two[::-1], 2)] if two.isalpha() and len(two) == 2 and two[0] != two[1] else []
    return [(other, 1) for other in confusions(f"{fault}s-zh").get(one, ())]


@cache
def neighbours() -> dict[str, str]:
    """The keys around each letter."""
    place = {key: (x + 0.5 * y, y) for y, row in enumerate(KEYBOARD) for x, key in enumerate(row)}
    return {
        key: "".join(other for other, (a, b) in place.items() if 0 < (a - x) ** 2 + (b - y) ** 2 < 1.5)
        for key, (x, y) in place.items()
    }


@cache
def confusions(table: str) -> dict[str, tuple[str, ...]]:
    """What each entry of a table can be taken for. A line is a group of entries, each like all others, numerals aside:
    是 is not to become 十."""
    found: dict[str, list[str]] = {}
    for line in (TABLES / f"{table}.txt").read_text(encoding="utf-8").splitlines():
        members = [entry for entry in line.split() if not NUMERAL.search(entry)] if not line.startswith("#") else []
        for member in members:
            found.setdefault(member, []).extend(other for other in members if other != member)
    return {member: tuple(dict.fromkeys(others)) for member, others in found.items()}


def _like(letter: str, other: str) -> str:
    return other.upper() if letter.isupper() else other

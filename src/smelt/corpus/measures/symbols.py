"""Symbols, damages and phrases in a text, counted where one begins: compiled code for the scan in counts.py.

Symbols are hash signs, curly brackets and ellipses. Damages are what a wrong charset, or a wrong conversion, leaves:

    Ã©  â€™  ï¿½      UTF-8 read as Latin-1 or Windows-1252 (the first two of "é", the quotation mark, U+FFFD)
    锟斤拷             U+FFFD twice in UTF-8, read as GBK; 烫烫烫 and 屯屯屯 are memory never written, read as GBK
    锛..  銆..          Chinese punctuation in UTF-8 read as GBK: 锛 begins what "，" becomes, 銆 what "。" does
    構(gòu)             traditional characters made of simplified ones by a tool that left its doubts in brackets

Each is told by sequences that no sound text has, so that nobody's name is taken for damage: capitals with a circumflex
or tilde before a quotation mark, say, are left alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from smelt.corpus.measures.characters import IDEOGRAPH, SPACE, TONED
from smelt.corpus.measures.kernels import decode, inner, last_character

HASH, DOT, CURLY, ELLIPSIS, REPLACEMENT = (ord(character) for character in "#.{…\ufffd")
BRACKET, WIDE_BRACKET, CLOSING, WIDE_CLOSING = (ord(character) for character in "(（)）")
M_SMALL, M_CAPITAL = ord("m"), ord("M")
A_HAT, A_TILDE, A_SMALL_HAT, I_DOTS, QUESTION, HALF_SIGN, EURO = (ord(character) for character in "ÂÃâï¿½€")
KUN, JIN, KAO, TANG, TUN, BEN, YI = (ord(character) for character in "锟斤拷烫屯锛銆")
WINDOWS = tuple(ord(character) for character in "€‚ƒ„†‡ˆ‰Š‹ŒŽ˜™š›œžŸ")
"""What Windows-1252 makes of the bytes from 0x80 to 0x9F; quotation marks, dashes and dots, which may stand behind a
capital in sound text, left out."""
CONTINUES = 0x80, 0xBF
"""The bytes that continue a character of UTF-8."""
TONES = tuple(ord(letter) for letter in TONED)
U_DOTS = ord("ü")
LONGEST_SYLLABLE = 6  # zhuang, chuang, shuang
LOREM_IPSUM = np.frombuffer(b"lorem ipsum", np.uint8)


@inner
def count_sign(
    text: NDArray[np.uint8], at: int, code: int, classes: NDArray[np.uint16], garbled_to: int, counts: Any
) -> int:
    """Counts what begins (or, of "lorem ipsum", ends) with the character at byte `at`. Gives the byte up to which all
    garbled text has been counted, which was `garbled_to` before."""
    if code == DOT:
        counts.ellipses += ellipses_of_dots(text, at)
    elif code in (M_SMALL, M_CAPITAL):
        counts.lorem_ipsums += ends_lorem_ipsum(text, at + 1)
    elif code in (BRACKET, WIDE_BRACKET):
        counts.pinyin += at > 0 and classes[last_character(text, at)] & IDEOGRAPH != 0 and is_pinyin(text, at)
    elif code == HASH:
        counts.hashes += 1
    elif code == CURLY:
        counts.curly_brackets += 1
    elif code == ELLIPSIS:
        counts.ellipses += 1
    elif code == REPLACEMENT:
        counts.replacements += 1
    elif at >= garbled_to:
        characters = garbled_characters(text, at, code, classes)
        counts.garbled += characters
        return skip(text, at, characters)
    return garbled_to


@inner
def ellipses_of_dots(text: NDArray[np.uint8], at: int) -> int:
    """How many times three dots begin here: 0 within a run of dots, which is counted at its first."""
    if at > 0 and text[at - 1] == DOT:
        return 0
    end = at
    while end < len(text) and text[end] == DOT:
        end += 1
    return (end - at) // 3


@inner
def ends_lorem_ipsum(text: NDArray[np.uint8], end: int) -> bool:
    """Whether the bytes before `end` are "lorem ipsum", in any case."""
    start = end - len(LOREM_IPSUM)
    if start < 0:
        return False
    for k in range(len(LOREM_IPSUM) - 1, -1, -1):
        letter = text[start + k] if LOREM_IPSUM[k] == 0x20 else text[start + k] | 0x20
        if letter != LOREM_IPSUM[k]:
            return False
    return True


@inner
def is_pinyin(text: NDArray[np.uint8], at: int) -> bool:
    """Whether a bracket opens a syllable of pinyin that carries a tone, and nothing else."""
    has_tone = False
    at = skip(text, at, 1)
    for _ in range(LONGEST_SYLLABLE + 1):
        code = code_at(text, at)
        if code in (CLOSING, WIDE_CLOSING):
            return has_tone
        if code in TONES:
            has_tone = True
        elif not (0x61 <= code <= 0x7A or code == U_DOTS):
            return False
        at = skip(text, at, 1)
    return False


@inner
def garbled_characters(text: NDArray[np.uint8], at: int, code: int, classes: NDArray[np.uint16]) -> int:
    """How many characters from byte `at` on, where `code` stands, come of a wrong charset; 0 if it is sound."""
    second_at = skip(text, at, 1)
    second = code_at(text, second_at)
    third = code_at(text, skip(text, second_at, 1))
    if code in (A_HAT, A_TILDE):
        return 2 if CONTINUES[0] <= second <= CONTINUES[1] or second in WINDOWS else 0
    if code == A_SMALL_HAT:
        is_garbled = second == EURO or second == CONTINUES[0]
        return is_garbled * (2 + (third >= 0 and not classes[third] & SPACE))
    if code == I_DOTS:
        return 3 * (second == QUESTION and third == HALF_SIGN)
    if code == KUN:
        return 3 * (second == JIN and third == KAO)
    if code in (TANG, TUN):
        return 3 * (second == code and third == code)
    return 1 + (second >= 0 and not classes[second] & SPACE)  # 锛, 銆


@inner
def code_at(text: NDArray[np.uint8], at: int) -> int:
    """The code point at byte `at`; -1 behind the end."""
    return decode(text, at)[0] if at < len(text) else -1


@inner
def skip(text: NDArray[np.uint8], at: int, characters: int) -> int:
    """The byte so many characters behind byte `at`, or the end."""
    for _ in range(characters):
        if at < len(text):
            at = decode(text, at)[1]
    return at

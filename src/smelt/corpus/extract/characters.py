"""The characters of a page's text, references decoded, and the classes that its words are made of."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from smelt.corpus.extract.tags import (
    ENTITY_CODES,
    ENTITY_KEYS,
    FNV_BASIS,
    FNV_PRIME,
    LONGEST_ENTITY,
    REPLACEMENT,
    WINDOWS_1252,
    find_name,
    is_digit,
    is_letter,
)
from smelt.corpus.measures.characters import IDEOGRAPH, N_CODES, PUNCTUATION, SPACE, character_classes
from smelt.corpus.measures.kernels import decode, inner

BLANK, WORD, OWN_WORD, WIDE = 1, 2, 4, 8
"""Bits: white space; part of a word; a word by itself; East Asian, so that lines are joined without a space."""
UNSPACED = ((0x0E01, 0x0E2E), (0x0E81, 0x0EAE), (0x1000, 0x102A), (0x1780, 0x17B3))
"""The consonants of Thai, Lao, Burmese and Khmer, written without spaces; their vowels and tones are no words."""
WIDE_RANGES = ((0x2E80, 0xA4CF), (0xF900, 0xFAFF), (0xFE30, 0xFE4F), (0xFF00, 0xFFEF), (0x20000, 0x33479))
AMPERSAND, SEMICOLON, NUMBER_SIGN, NO_BREAK_SPACE = (ord(character) for character in "&;#\u00a0")


@cache
def text_classes() -> NDArray[np.uint8]:
    """The class of every code point, read-only: (N_CODES,) bits of BLANK, WORD, OWN_WORD, WIDE."""
    known = character_classes()
    classes = np.zeros(N_CODES, np.uint8)
    blank = (known & SPACE) > 0
    classes[blank] = BLANK
    classes[~blank & ((known & PUNCTUATION) == 0)] = WORD
    classes[:128] = [
        BLANK if chr(c).isspace() else WORD if chr(c).isalnum() or c == ord("_") else 0 for c in range(128)
    ]
    classes[(known & IDEOGRAPH) > 0] |= WORD | OWN_WORD
    for first, last in UNSPACED:
        classes[first : last + 1] |= WORD | OWN_WORD
    for first, last in WIDE_RANGES:
        classes[first : last + 1] |= WIDE
    classes.flags.writeable = False
    return classes


@inner
def next_character(data: NDArray[np.uint8], at: int, end: int) -> tuple[int, int]:
    """The code point at byte `at`, a character reference decoded, and where the next starts."""
    code = int(data[at])
    if code < 0x80:
        if code == AMPERSAND:
            return decode_reference(data, at, end)
        return code, at + 1
    code, following = decode(data, at)
    return code, min(following, end)


@inner
def decode_reference(data: NDArray[np.uint8], at: int, end: int) -> tuple[int, int]:
    """The character that `&...` stands for; the ampersand where it stands for none."""
    if at + 1 < end and data[at + 1] == NUMBER_SIGN:
        return decode_number(data, at, end)
    state, code, following = FNV_BASIS, AMPERSAND, at + 1
    for place in range(at + 1, min(end, at + 1 + LONGEST_ENTITY)):
        byte = data[place]
        if not (is_letter(byte) or is_digit(byte) or byte == SEMICOLON):
            break
        state = (state ^ np.uint64(byte)) * FNV_PRIME
        found = find_name(ENTITY_KEYS, ENTITY_CODES, state)
        if found:
            code, following = found, place + 1
        if byte == SEMICOLON:
            break
    return code, following


@inner
def decode_number(data: NDArray[np.uint8], at: int, end: int) -> tuple[int, int]:
    """The character that `&#...` stands for; the ampersand where no digits follow."""
    place, base = at + 2, 10
    if place < end and data[place] | 32 == 120:  # x
        place, base = place + 1, 16
    first, code = place, 0
    while place < end:
        digit = digit_of(data[place])
        if digit >= base:
            break
        code = min(code * base + digit, N_CODES)
        place += 1
    if place == first:
        return AMPERSAND, at + 1
    if place < end and data[place] == SEMICOLON:
        place += 1
    return allowed(code), place


@inner
def digit_of(byte: int) -> int:
    """The value of a digit, up to f; 16 for any other byte."""
    if is_digit(byte):
        return byte - 48
    if 97 <= (byte | 32) <= 102:
        return (byte | 32) - 87
    return 16


@inner
def allowed(code: int) -> int:
    """The code point that a numeric reference means."""
    if 0x80 <= code < 0xA0:
        return WINDOWS_1252[code - 0x80]
    if code == 0 or code >= N_CODES or 0xD800 <= code < 0xE000:
        return REPLACEMENT
    return code
